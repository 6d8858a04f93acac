/** The lamps that need to know everything, and so are there only where a person directs what happens: for votes and reads. */
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { LampItem } from '../view/lamps.tsx';
import { moment } from '../view/state.ts';
import { redLamps } from './game.ts';
import { brokenText } from './rules.ts';

const TEXTS = { votes: 'No vote is counted that was not given', reads: 'No read misses a write' } as const;

export function MoreLamps() {
	return (
		<>
			<More lamp="votes" />
			<More lamp="reads" />
		</>
	);
}

function More({ lamp }: { lamp: keyof typeof TEXTS }) {
	const shownMs = moment.value?.whenMs ?? Number.POSITIVE_INFINITY;
	const red = redLamps.value.get(lamp);
	const isBroken = red !== undefined && red.at / US_PER_MS <= shownMs;
	return (
		<LampItem id={lamp} text={TEXTS[lamp]} isBroken={isBroken}>
			{isBroken && <span>{brokenText(red.broken)}</span>}
		</LampItem>
	);
}
