/** The recent slots: what each node holds for each slot, and how many nodes hold the same. */
import type { MembersView } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { higherBallot } from './ballot-names.ts';
import { countVoters, electorateOf } from './members.ts';
import type { NodeModel } from './node-model.ts';
import type { SwarmModel } from './swarm-model.ts';

/**
 * `promised`: the node has accepted nothing, but its promise covers the slot. `trimmed`: the slot is chosen, and the node
 * keeps it no more, because its snapshot stands for it. Of these five, the last one that is true counts.
 */
export type SlotMark = 'unknown' | 'none' | 'promised' | 'accepted' | 'chosen' | 'trimmed';

export interface SlotColumn {
	readonly slot: Slot;
	readonly marks: readonly { readonly node: NodeId; readonly mark: SlotMark }[];
	/** How many of those who decide the slot hold the acceptance of the highest ballot; undefined where none holds one. */
	readonly votes: number | undefined;
	/** These votes are a quorum. */
	readonly isReached: boolean;
	/** The members that the change in this slot brought; null for no change. */
	readonly brings: MembersView | null;
	/** Other members govern this slot than the one before. */
	readonly isFirst: boolean;
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
	if (slot <= node.trimmedThrough) return 'trimmed';
	if (slot <= node.chosenThrough || view?.chosen) return 'chosen';
	if (view && view.acceptedBallot !== '') return 'accepted';
	return node.promised === '' ? 'none' : 'promised';
}

function columnOf(swarm: SwarmModel, slot: Slot): SlotColumn {
	const views = swarm.nodes.flatMap((node) => (node.isUp && node.slots.get(slot)) || []);
	const ballot = views.map(({ acceptedBallot }) => acceptedBallot).reduce(higherBallot, '');
	// A node may still hold a value that was not chosen.
	const shown = views.find(({ chosen }) => chosen) ?? views.find(({ acceptedBallot }) => acceptedBallot === ballot);
	const holders = swarm.nodes.filter((node) => node.isUp && node.slots.get(slot)?.acceptedBallot === ballot);
	const set = swarm.history.governing(slot);
	const electorate = set && electorateOf(set);
	const ids = holders.map(({ id }) => id);
	const votes = electorate ? countVoters(electorate, ids) : ids.length;
	return {
		slot,
		marks: swarm.nodes.map((node) => ({ node: node.id, mark: markOf(node, slot) })),
		votes: ballot === '' ? undefined : votes,
		isReached: ballot !== '' && electorate !== null && votes >= electorate.needed,
		brings: swarm.history.broughtBy(slot),
		isFirst: set !== null && set.chosenAt > 0 && set.from === slot,
		text: shown?.value?.text ?? '',
	};
}
