/** How much a person has tried. */
import { tried } from './game.ts';

export function TriedText() {
	const { actions, runs } = tried.value;
	if (actions === 0) return null;
	return (
		<p class="tally" data-testid="tried">
			You have tried {counted(actions, 'action')} in {counted(runs, 'run')}.
		</p>
	);
}

function counted(count: number, what: string): string {
	return `${count} ${what}${count === 1 ? '' : 's'}`;
}
