/**
 * How far each node's clock has to be moved for its messages not to arrive before they are sent. Clocks that contradict no
 * message are believed as they are.
 */
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';

interface Pair {
	readonly from: NodeId;
	readonly to: NodeId;
	/** The shortest time on the way, by both clocks as they are, milliseconds; below zero where they contradict it. */
	readonly leastMs: number;
}

/** @returns milliseconds to add to the times of a node's facts; 0 for a node that is not in it */
export function clockOffsets(facts: Iterable<Fact>): Map<NodeId, number> {
	const sentMs = new Map<string, number>();
	/** By receiver, and then by sender. */
	const least = new Map<NodeId, Map<NodeId, number>>();
	for (const fact of facts) {
		if (fact.kind === 'sent') sentMs.set(fact.messageId, fact.time);
		if (fact.kind !== 'received') continue;
		const departed = sentMs.get(fact.messageId);
		if (departed === undefined) continue;
		let ofReceiver = least.get(fact.node);
		if (!ofReceiver) {
			ofReceiver = new Map();
			least.set(fact.node, ofReceiver);
		}
		const onWayMs = fact.time - departed;
		if (onWayMs < (ofReceiver.get(fact.from) ?? Number.POSITIVE_INFINITY)) ofReceiver.set(fact.from, onWayMs);
	}
	const pairs = [...least].flatMap(([to, ofReceiver]) =>
		[...ofReceiver].flatMap(([from, leastMs]) => (from === to ? [] : [{ from, to, leastMs }])),
	);
	return moved(pairs);
}

/** Moves receivers ahead until no pair contradicts itself. Clocks that were set meanwhile may contradict each other for ever. */
function moved(pairs: readonly Pair[]): Map<NodeId, number> {
	const offsets = new Map<NodeId, number>();
	const nodes = new Set(pairs.flatMap(({ from, to }) => [from, to]));
	for (let round = 0; round < nodes.size; round++) {
		let isDone = true;
		for (const { from, to, leastMs } of pairs) {
			const least = (offsets.get(from) ?? 0) - leastMs;
			if (least <= (offsets.get(to) ?? 0)) continue;
			offsets.set(to, least);
			isDone = false;
		}
		if (isDone) break;
	}
	return offsets;
}
