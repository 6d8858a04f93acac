/** What a person proposes, by the form or in the table of keys: what became of it, and its decision, which is played. */
import { signal } from '@preact/signals';
import type { ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Outcome } from './outcome.tsx';
import { propose, run, settledMs, wallMs } from './state.ts';
import { playSlot } from './steering.ts';

const OUTCOMES_MAX = 8;

/** The newest first. */
export const outcomes = signal<readonly Outcome[]>([]);
let outcomesCount = 0;

/** What did not change anything, because its condition did not hold, is not played: the person has to decide again. */
export async function proposeAndPlay(node: NodeId, request: ProposeRequest): Promise<ProposeAnswer> {
	// The page may show another run by then, which knows nothing of it.
	const ofRun = run.peek();
	const answer = await propose(node, request);
	const times = { timeMs: wallMs(), settledMs: settledMs() };
	const outcome = { id: ++outcomesCount, run: ofRun, node, request, answer, ...times };
	outcomes.value = [outcome, ...outcomes.value].slice(0, OUTCOMES_MAX);
	if (answer.outcome === 'kept' || (answer.outcome === 'chosen' && answer.ok)) {
		bringPlaybackIntoView();
		playSlot(
			answer.slot,
			answer.attempts.map((attempt) => attempt.ballot),
		);
	}
	return answer;
}

/**
 * On a narrow page the panels stand below one another, and the decision would play out of sight. The sentences of the tour
 * stand above the mesh, in which the messages fly.
 */
export function bringPlaybackIntoView(): void {
	if (!matchMedia('(max-width: 760px)').matches) return;
	const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
	const shown = document.getElementById('tour') ?? document.getElementById('decision');
	shown?.scrollIntoView({ behavior });
}
