/** What must hold once every fault has ended and every client has its answer: nothing waits, and nothing is in turmoil. */
import { Violation } from './ledger.ts';
import type { SimulatedNode } from './node.ts';

/**
 * Of campaigns since everything healed, for each slot chosen since then and each node. In a duel every proposal asks
 * for a campaign of its own, and each campaign halts some other.
 */
const CAMPAIGNS_PER_DECISION_MAX = 3;

/** @throws Violation where campaigns end each other rather than choose */
export function mustBound(campaigns: number, decisions: number): void {
	if (campaigns <= CAMPAIGNS_PER_DECISION_MAX * decisions) return;
	throw new Violation(
		'CampaignsAreBounded',
		`${campaigns} campaigns since everything healed, for ${decisions} decisions`,
	);
}

/** @throws Violation where something waits at the node, though everyone who asked has an answer */
export function mustHaveNothingLeft({ id, process }: SimulatedNode): void {
	if (!process) return;
	const { pendingCount, openSlotsCount, queuedCount, readsCount } = process.agent.view();
	const counts = {
		'proposals without an outcome': Math.max(pendingCount, process.loop.pendingCount),
		'open slots': openSlotsCount,
		'proposals in its queue': queuedCount,
		'reads without an answer': readsCount,
	};
	const left = Object.entries(counts).filter(([, count]) => count > 0);
	if (left.length === 0) return;
	throw new Violation('NothingIsLeft', `${id} still has ${left.map(([what, count]) => `${count} ${what}`).join(', ')}`);
}
