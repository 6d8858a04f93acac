/**
 * The views of a node, for doors and watchers: its own state, and the others' as it last heard it. `snapshotOf` gives
 * the node's own state in the types of the feed, for a watcher that begins or has missed facts.
 */
import { fromUtf8 } from '../bytes/text.ts';
import { plain } from '../fact.ts';
import type { EntriesBelow, EntryView, NodeSnapshot, Phase1View, SlotView } from '../feed.ts';
import { type Ballot, ballotToText, type NodeId } from '../paxos/ballot.ts';
import type { Phase1 } from '../paxos/campaign.ts';
import type { Role } from '../paxos/fact.ts';
import type { Slot } from '../paxos/message.ts';
import type { AgentView } from '../paxos/view.ts';
import { wholeCharacters } from '../store/describe.ts';
import type { Entry } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import type { MeshPort } from './port.ts';

/** This node's own state. */
export interface ReplicaView {
	readonly id: NodeId;
	readonly role: Role;
	readonly promised: Ballot;
	/** The leader's ballot as this node hears it; NO_BALLOT for none. Its `node` is the leader. */
	readonly leader: Ballot;
	readonly chosenThrough: Slot;
	readonly appliedThrough: Slot;
	/** The log keeps no slot up to here any more: a snapshot stands for them. 0 for none. */
	readonly trimmedThrough: Slot;
	/** Milliseconds since the leader was last heard; 0 where this node leads, Infinity where no leader is known. */
	readonly lastContactMs: number;
	readonly linked: readonly NodeId[];
	/** Why the disk keeps the node from being ready, in a few words; null where it does not. */
	readonly diskFault: string | null;
	/** Why the state beside that of the others keeps the node from being ready, in a few words; null where it does not. */
	readonly stateFault: string | null;
}

/** Another node's state as it was last heard. */
export interface PeerView {
	readonly id: NodeId;
	readonly linked: boolean;
	readonly role: Role | 'unknown';
	readonly ballot: Ballot;
	readonly chosenThrough: Slot;
	/** Milliseconds since its last message; Infinity for never. */
	readonly heardMs: number;
	/** Milliseconds that its clock was ahead of this node's when it last told its time; null for never. */
	readonly clockAheadMs: number | null;
}

/** @param agent the view of the node's agent */
export function replicaViewOf(
	id: NodeId,
	agent: AgentView,
	mesh: MeshPort,
	faults: Pick<ReplicaView, 'diskFault' | 'stateFault'>,
): ReplicaView {
	const { role, promised, leader, chosenThrough, appliedThrough, trimmedThrough } = agent;
	const lastContactMs =
		leader.node === '' ? Number.POSITIVE_INFINITY : leader.node === id ? 0 : mesh.lastHeardMs(leader.node);
	const linked = mesh.linked();
	const slots = { chosenThrough, appliedThrough, trimmedThrough };
	return { id, role, promised, leader, ...slots, lastContactMs, linked, ...faults };
}

const SLOTS_MAX = 64;
/**
 * A long value takes long to describe. Once the newest slots have this many bytes, older slots are shown only where they
 * are not known to be chosen.
 */
const SLOTS_BYTES_MAX = 128 * 1024;
const ENTRIES_MAX = 100;
const VALUE_CHARS_MAX = 80;
const VALUE_BYTES_SHOWN_MAX = 4 * VALUE_CHARS_MAX + 4;

export type AgentSnapshot = Omit<
	NodeSnapshot,
	'node' | 'epoch' | 'seq' | 'time' | 'swarm' | 'linked' | 'faults' | 'troubles'
>;

/** The first entries of the store, and how many there are. A machine without keys has none. */
export type ShownEntries = Pick<AgentSnapshot, 'entries' | 'entriesCount'>;

export function shownEntries(store: Store): ShownEntries {
	return { entries: store.list('', ENTRIES_MAX).map(entryView), entriesCount: store.keysCount };
}

/** @param revision that of the state machine */
export function snapshotOf(view: AgentView, revision: number, shown: ShownEntries): AgentSnapshot {
	return {
		role: view.role,
		promised: ballotToText(view.promised),
		leader: ballotToText(view.leader),
		chosenThrough: view.chosenThrough,
		appliedThrough: view.appliedThrough,
		trimmedThrough: view.trimmedThrough,
		revision,
		slots: recentSlots(view),
		...shown,
		phase1: view.phase1 && phase1View(view.phase1),
	};
}

function recentSlots(view: AgentView): SlotView[] {
	const newestFirst: SlotView[] = [];
	const oldest = Math.max(view.trimmedThrough, view.lastSlot - SLOTS_MAX) + 1;
	let bytes = 0;
	for (let slot = view.lastSlot; slot >= oldest; slot--) {
		const chosen = slot <= view.chosenThrough;
		if (chosen && bytes >= SLOTS_BYTES_MAX) break;
		const entry = view.entry(slot);
		bytes += entry?.value.length ?? 0;
		newestFirst.push({
			slot,
			acceptedBallot: entry?.accepted ? ballotToText(entry.ballot) : '',
			value: entry ? plain(entry.value) : null,
			chosen,
		});
	}
	return newestFirst.reverse();
}

function phase1View({ ballot, chosenThrough, recoveredThrough, promises }: Phase1): Phase1View {
	return plain({ ballot, chosenThrough, recoveredThrough, promises }) as Phase1View;
}

export function entriesBelow(store: Store, prefix: string): EntriesBelow {
	const found = store.list(prefix, ENTRIES_MAX + 1);
	const entries = found.slice(0, ENTRIES_MAX).map(entryView);
	return { revision: store.revision, entries, isAll: found.length <= ENTRIES_MAX };
}

function entryView({ key, value, flags, modifyRevision }: Entry): EntryView {
	return { key, ...shownOf(value), bytes: value.length, flags: String(flags), modifyRevision };
}

/** The value's beginning where it is UTF-8, else its number of bytes. */
export function shownOf(value: Uint8Array): Pick<EntryView, 'value' | 'isWhole'> {
	const text = fromUtf8(wholeCharacters(value, VALUE_BYTES_SHOWN_MAX));
	if (text === undefined) return { value: `${value.length} bytes`, isWhole: false };
	const chars = [...text];
	if (chars.length <= VALUE_CHARS_MAX) return { value: text, isWhole: true };
	return { value: `${chars.slice(0, VALUE_CHARS_MAX).join('')}…`, isWhole: false };
}
