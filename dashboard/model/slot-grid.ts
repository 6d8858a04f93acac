/** The recent slots: what each node holds for each slot, and how many nodes hold the same. */
import type { BallotText } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { higherBallot } from './ballot-names.ts';
import type { NodeModel } from './node-model.ts';
import type { SwarmModel } from './swarm-model.ts';

/**
 * `promised`: the node has accepted nothing, but its promise covers the slot. Of these four, the last one that is true
 * counts.
 */
export type SlotMark = 'unknown' | 'none' | 'promised' | 'accepted' | 'chosen';

export interface SlotColumn {
	readonly slot: Slot;
	readonly marks: readonly { readonly node: NodeId; readonly mark: SlotMark }[];
	/** How many nodes hold the acceptance of the highest ballot; undefined where no node holds one. */
	readonly votes: number | undefined;
	readonly text: string;
}

export function slotGrid(swarm: SwarmModel, columnsMax: number): SlotColumn[] {
	const columns: SlotColumn[] = [];
	const first = Math.max(1, swarm.newestSlot - columnsMax + 1);
	for (let slot = first; slot <= swarm.newestSlot; slot++) columns.push(columnOf(swarm, slot));
	return columns;
}

export function markOf(node: NodeModel, slot: Slot): SlotMark {
	if (!node.isUp) return 'unknown';
	const view = node.slots.get(slot);
	if (slot <= node.chosenThrough || view?.chosen) return 'chosen';
	if (view && view.acceptedBallot !== '') return 'accepted';
	return node.promised === '' ? 'none' : 'promised';
}

function columnOf(swarm: SwarmModel, slot: Slot): SlotColumn {
	let ballot: BallotText = '';
	let text = '';
	for (const node of swarm.nodes) {
		const view = node.isUp ? node.slots.get(slot) : undefined;
		if (!view) continue;
		ballot = higherBallot(ballot, view.acceptedBallot);
		if (view.value) text = view.value.bytes === 0 ? 'no-op' : view.value.text;
	}
	const holders = swarm.nodes.filter((node) => node.isUp && node.slots.get(slot)?.acceptedBallot === ballot);
	return {
		slot,
		marks: swarm.nodes.map((node) => ({ node: node.id, mark: markOf(node, slot) })),
		votes: ballot === '' ? undefined : holders.length,
		text,
	};
}
