/** A node's own state in the language of the feed, for a watcher that begins or has missed something. */
import { fromUtf8 } from '../bytes/text.ts';
import { plain } from '../fact.ts';
import type { EntryView, NodeSnapshot, Phase1View, SlotView } from '../feed.ts';
import type { AgentView } from '../paxos/agent.ts';
import { ballotToText } from '../paxos/ballot.ts';
import type { Phase1 } from '../paxos/campaign.ts';
import { wholeCharacters } from '../store/describe.ts';
import type { Store } from '../store/store.ts';

const SLOTS_MAX = 64;
const ENTRIES_MAX = 100;
const VALUE_CHARS_MAX = 80;
const VALUE_BYTES_SHOWN_MAX = 4 * VALUE_CHARS_MAX + 4;

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

/** As text where it is UTF-8, cut; else a count of bytes. */
function textOf(value: Uint8Array): string {
	const text = fromUtf8(wholeCharacters(value, VALUE_BYTES_SHOWN_MAX));
	if (text === undefined) return `${value.length} bytes`;
	const chars = [...text];
	return chars.length > VALUE_CHARS_MAX ? `${chars.slice(0, VALUE_CHARS_MAX).join('')}…` : text;
}
