/**
 * Puts facts of several nodes into one order in which no effect stands before its cause: each node's facts
 * in its own order, a message's `received` after its `sent`. Clocks only choose between facts that neither
 * caused the other, so a wrong clock can never turn cause and effect around.
 *
 * @source Lamport, Time, Clocks, and the Ordering of Events in a Distributed System, "happened before"
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Entry } from './tape.ts';

export function causalOrder(entries: readonly Entry[]): Entry[] {
	const queues = byNode(entries);
	const unsent = new Set<string>();
	for (const { fact } of entries) if (fact.kind === 'sent') unsent.add(fact.messageId);

	const ordered: Entry[] = [];
	const take = (queue: Entry[]) => {
		const entry = queue.pop();
		if (!entry) return;
		ordered.push(entry);
		if (entry.fact.kind === 'sent') unsent.delete(entry.fact.messageId);
	};
	while (ordered.length < entries.length) {
		const queue = nextOf(queues, unsent);
		if (!queue) break;
		take(queue);
		// The messages that a step sends belong to that step, so no other node's fact comes between.
		while (queue.at(-1)?.fact.kind === 'sent') take(queue);
	}
	return ordered;
}

/** Each node's facts in reverse, because the last element of an array is the cheapest to take. */
function byNode(entries: readonly Entry[]): Entry[][] {
	const queues = new Map<NodeId, Entry[]>();
	for (const entry of [...entries].sort((a, b) => b.index - a.index)) {
		const queue = queues.get(entry.fact.node);
		if (queue) queue.push(entry);
		else queues.set(entry.fact.node, [entry]);
	}
	return [...queues.values()];
}

/**
 * Takes the earliest fact, by its clock, whose cause was taken. Where the facts contradict each other it takes the
 * earliest of all.
 */
function nextOf(queues: readonly Entry[][], unsent: ReadonlySet<string>): Entry[] | undefined {
	let ready: Entry[] | undefined;
	let any: Entry[] | undefined;
	for (const queue of queues) {
		const fact = queue.at(-1)?.fact;
		if (!fact) continue;
		if (fact.time < (any?.at(-1)?.fact.time ?? Number.POSITIVE_INFINITY)) any = queue;
		if (fact.kind === 'received' && unsent.has(fact.messageId)) continue;
		if (fact.time < (ready?.at(-1)?.fact.time ?? Number.POSITIVE_INFINITY)) ready = queue;
	}
	return ready ?? any;
}
