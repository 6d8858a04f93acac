/** A ballot as text: its short name, the whole integer on hover and focus, copied by a click. */
import type { BallotText } from '../../shared/fact.ts';
import { nameOf } from '../../shared/member-name.ts';
import { type BallotNames, ballotNode, ballotNumber, clockWithMs } from '../model/ballot-names.ts';
import { cutName } from '../model/cut-name.ts';
import { useCopy } from './copying.ts';

/** In a drawing a longer name is cut. */
const NAME_CHARS = 11;

export function Ballot({ ballot, names, short }: { ballot: BallotText; names: BallotNames; short?: boolean }) {
	const [isCopied, copy] = useCopy();
	if (ballot === '') return <span class="muted">none</span>;
	return (
		<button type="button" class="ballot" data-ballot={ballot} onClick={() => void copy(ballot)}>
			<WithLife text={short ? names.short(ballot) : names.full(ballot)} />
			<span class="whole">
				{isCopied ? 'copied ' : ''}
				{ballotNumber(ballot)} ns
			</span>
		</button>
	);
}

/** The same without a control of its own, for drawings with many ballots. The whole integer shows on hover. */
export function BallotLabel({ ballot, names }: { ballot: BallotText; names: BallotNames }) {
	if (ballot === '') return <span class="muted">none</span>;
	const name = nameOf(ballotNode(ballot));
	const [number, ...node] = names.short(ballot).replace(name, cutName(name, NAME_CHARS)).split(' ');
	return (
		<span class="mono ballot-label" data-ballot={ballot} title={`${ballot}\n${names.full(ballot)}`}>
			<span>{number}</span> <WithLife text={node.join(' ')} />
		</span>
	);
}

/** The node's name is in the text, and what tells its disk from earlier ones is smaller. */
function WithLife({ text }: { text: string }) {
	const [, before, life, after] = /^(.*?)(~\w+)(.*)$/.exec(text) ?? [];
	if (life === undefined) return <>{text}</>;
	return (
		<>
			{before}
			<small>{life}</small>
			{after}
		</>
	);
}

export function Time({ ms }: { ms: number }) {
	return <time class="mono">{clockWithMs(ms)}</time>;
}
