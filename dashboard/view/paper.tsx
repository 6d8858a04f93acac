/** Paper mode: below the sentence of each row of a decision stands the one of the paper that the row carries out. */
import { signal } from '@preact/signals';
import { PAPER, type Passage } from '../model/paper.ts';

const STORED_AS = 'paxos-swarm paper';

/** Whether the paper is quoted; remembered on this machine where the browser allows. */
export const isQuoting = signal(stored());

export function PaperSwitch() {
	return (
		<button
			type="button"
			class="quiet small"
			aria-pressed={isQuoting.value}
			data-testid="paper"
			title={`Show with each row the sentence that it carries out, from ${PAPER}`}
			onClick={() => turn(!isQuoting.value)}
		>
			Paper
		</button>
	);
}

export function Quotation({ passage: { section, words } }: { passage: Passage }) {
	return (
		<p class="quotation" data-testid="quotation">
			<q>{words}</q> <cite title={PAPER}>Paxos Made Simple, {section}</cite>
		</p>
	);
}

function turn(on: boolean): void {
	isQuoting.value = on;
	try {
		localStorage.setItem(STORED_AS, String(on));
	} catch {
		// The choice then holds for this visit only.
	}
}

function stored(): boolean {
	try {
		return localStorage.getItem(STORED_AS) === 'true';
	} catch {
		return false;
	}
}
