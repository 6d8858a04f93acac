/** A node's own state in the language of the feed, for a watcher that begins or has lost the thread. */
import { plain } from '../../shared/fact.ts';
import type { EntryView, NodeSnapshot, Phase1View, SlotView } from '../../shared/feed.ts';
import type { AgentView } from '../../shared/paxos/agent.ts';
import { ballotToText } from '../../shared/paxos/ballot.ts';
import type { Phase1 } from '../../shared/paxos/campaign.ts';
import type { Store } from '../../shared/store/store.ts';

const SLOTS_MAX = 64;
const ENTRIES_MAX = 100;
const VALUE_CHARS_MAX = 80;

export type AgentSnapshot = Omit<NodeSnapshot, 'node' | 'epoch' | 'seq' | 'time' | 'swarm' | 'linked'>;

export function snapshotOf(view: AgentView, store: Store): AgentSnapshot {
	return {
		role: view.role,
		promised: ballotToText(view.promised),
		leader: ballotToText(view.leader),
		chosenThrough: view.chosenThrough,
		appliedThrough: view.appliedThrough,
		revision: store.revision,
		slots: recentSlots(view),
		entries: firstEntries(store),
		entriesCount: store.keysCount,
		phase1: view.phase1 && phase1View(view.phase1),
	};
}

function recentSlots(view: AgentView): SlotView[] {
	const slots: SlotView[] = [];
	for (let slot = Math.max(1, view.lastSlot - SLOTS_MAX + 1); slot <= view.lastSlot; slot++) {
		const entry = view.entry(slot);
		slots.push({
			slot,
			acceptedBallot: entry ? ballotToText(entry.ballot) : '',
			value: entry ? plain(entry.value) : null,
			chosen: slot <= view.chosenThrough,
		});
	}
	return slots;
}

function phase1View({ ballot, chosenThrough, recoveredThrough, promises }: Phase1): Phase1View {
	return plain({ ballot, chosenThrough, recoveredThrough, promises }) as Phase1View;
}

function firstEntries(store: Store): EntryView[] {
	return store.list('', ENTRIES_MAX).map(({ key, value, modifyRevision }) => ({
		key,
		value: textOf(value),
		bytes: value.length,
		modifyRevision,
	}));
}

function textOf(value: Uint8Array): string {
	try {
		const text = new TextDecoder('utf-8', { fatal: true }).decode(value.subarray(0, 4 * VALUE_CHARS_MAX), {
			stream: true,
		});
		return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
	} catch {
		return `${value.length} bytes`;
	}
}
