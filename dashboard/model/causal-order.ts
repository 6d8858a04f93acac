/**
 * Puts what several nodes have told into one order in which no effect stands before its cause: each node's facts
 * in its own order, a message's `received` after its `sent`. Clocks only choose between facts that neither
 * caused the other, so a wrong clock can never turn cause and effect around.
 *
 * @source Lamport, Time, Clocks, and the Ordering of Events in a Distributed System, "happened before"
 */
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Told } from '../../shared/trace-file.ts';
import type { Item } from './tape.ts';

export function causalOrder<T extends Item>(items: readonly T[]): T[] {
	const queues = byNode(items);
	const unsent = new Set<string>();
	for (const { told } of items) if (isSent(told)) unsent.add(told.fact.messageId);

	const ordered: T[] = [];
	const take = (queue: T[]) => {
		const item = queue.pop();
		if (!item) return;
		ordered.push(item);
		if (isSent(item.told)) unsent.delete(item.told.fact.messageId);
	};
	while (ordered.length < items.length) {
		const queue = nextOf(queues, unsent);
		if (!queue) break;
		take(queue);
		// The messages that a step sends belong to that step, so no other node's fact comes between.
		for (let next = queue.at(-1); next && isSent(next.told); next = queue.at(-1)) take(queue);
	}
	return ordered;
}

function isSent(told: Told): told is { kind: 'fact'; fact: Fact & { kind: 'sent' } } {
	return told.kind === 'fact' && told.fact.kind === 'sent';
}

/** What each node told, in reverse, because the last element of an array is the cheapest to take. */
function byNode<T extends Item>(items: readonly T[]): T[][] {
	const queues = new Map<NodeId, T[]>();
	for (const item of [...items].sort((a, b) => b.index - a.index)) {
		const queue = queues.get(item.node);
		if (queue) queue.push(item);
		else queues.set(item.node, [item]);
	}
	return [...queues.values()];
}

/**
 * Takes the earliest item, by its node's clock, whose cause was taken. Where every fact waits for its cause, that may
 * stand behind something that the page has noticed. Where the facts contradict each other it takes the earliest of all.
 */
function nextOf<T extends Item>(queues: readonly T[][], unsent: ReadonlySet<string>): T[] | undefined {
	let ready: T[] | undefined;
	let readyMs = Number.POSITIVE_INFINITY;
	let noticed: T[] | undefined;
	let any: T[] | undefined;
	let anyMs = Number.POSITIVE_INFINITY;
	for (const queue of queues) {
		const item = queue.at(-1);
		if (!item) continue;
		const timeMs = timeOf(item.told);
		if (timeMs === undefined) {
			// The page itself has noticed it, when everything had come that arrived before.
			if (isFirst(item, queues)) return queue;
			noticed = queue;
			continue;
		}
		if (timeMs < anyMs) [any, anyMs] = [queue, timeMs];
		if (item.told.kind === 'fact' && item.told.fact.kind === 'received' && unsent.has(item.told.fact.messageId))
			continue;
		if (timeMs < readyMs) [ready, readyMs] = [queue, timeMs];
	}
	return ready ?? noticed ?? any;
}

/** When it was told, by the node's clock; undefined for what the node did not tell itself. */
function timeOf(told: Told): number | undefined {
	if (told.kind === 'fact') return told.fact.time;
	return told.kind === 'snapshot' ? told.snapshot.time : undefined;
}

function isFirst<T extends Item>({ index }: T, queues: readonly T[][]): boolean {
	return queues.every((queue) => (queue.at(-1)?.index ?? index) >= index);
}
