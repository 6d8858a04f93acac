/**
 * The versions of one key that the page knows at a moment: who wrote each, under which ballot, in which slot and when.
 * They are put together from what all nodes have told of the changes of keys, and from the keys that snapshots hold. Where
 * the page was not told of all changes, that is a gap: nothing is said to follow what it may not follow.
 */
import type { BallotText } from '../../shared/fact.ts';
import type { EntryView } from '../../shared/feed.ts';
import type { KeyChange } from '../../shared/key-change.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { ChangeCause } from '../../shared/store/change-listener.ts';
import type { Story } from './story.ts';
import { countWhile, type Item } from './tape.ts';

/** What a key holds. The session is null where that was not told. */
export interface Holding extends Omit<EntryView, 'key' | 'modifyRevision'> {
	readonly session: string | null;
}

export interface Version {
	readonly revision: number;
	/** null: a node held this version when it told its state, and how it came about was not told. */
	readonly cause: ChangeCause | null;
	/** With `deletePrefix` the prefix; else the key. */
	readonly key: string;
	readonly isTogether: boolean;
	/** null where the key is deleted. */
	readonly holds: Holding | null;
	/** It was applied with these slots, one of which is its own; null where that was not told. */
	readonly slots: { readonly from: Slot; readonly through: Slot } | null;
	/** The first node that told of it, and when that had applied it by its own clock, milliseconds since 1970. */
	readonly toldBy: NodeId;
	readonly timeMs: number | null;
	/** The ballot under which its slot was chosen; '' where that was not told. */
	readonly ballot: BallotText;
	/** Whether the page knows that no version is between this one and the one before it in the list. */
	readonly followsBefore: boolean;
}

export interface KeyHistory {
	/** The oldest first. */
	readonly versions: readonly Version[];
	/** Whether the first of them is the first that there ever was. */
	readonly isFromBeginning: boolean;
	/** Whether the last of them is the present one at the moment. */
	readonly isUpToDate: boolean;
}

type Found = Omit<Version, 'ballot' | 'followsBefore'>;

/** @param moment null for now */
export function keyHistory(story: Story, key: string, moment: Item | null): KeyHistory {
	const { found, told, revision, ballots } = gather(story, key, moment?.at ?? Number.POSITIVE_INFINITY);
	const isFromBeginning = (first: number) => told.covers(0, first);
	const versions: Version[] = [];
	for (const each of [...found.values()].sort((a, b) => a.revision - b.revision)) {
		const before = versions.at(-1);
		const isAbsent = before ? before.holds === null : isFromBeginning(each.revision);
		// What was not there is not deleted with others.
		if (each.cause === 'deletePrefix' && isAbsent) continue;
		const { slots } = each;
		const ballot = slots && slots.from === slots.through ? (ballots.get(slots.from) ?? '') : '';
		versions.push({ ...each, ballot, followsBefore: before ? told.covers(before.revision, each.revision) : false });
	}
	const [first] = versions;
	return {
		versions,
		isFromBeginning: isFromBeginning(first?.revision ?? revision + 1),
		isUpToDate: told.covers(versions.at(-1)?.revision ?? 0, revision + 1),
	};
}

interface Gathered {
	/** By revision. */
	readonly found: ReadonlyMap<number, Found>;
	readonly told: Told;
	/** The highest of any node. */
	readonly revision: number;
	readonly ballots: ReadonlyMap<Slot, BallotText>;
}

function gather({ tape, beginning }: Story, key: string, through: number): Gathered {
	const found = new Map<number, Found>();
	const told = new Told();
	const ballots = new Map<Slot, BallotText>();
	/** How far each node is, where the page was told of all that led there. */
	const reached = new Map<NodeId, { readonly revision: number; readonly slot: Slot }>();
	let revision = 0;

	const reaches = (node: NodeId, at: number, slot: Slot) => {
		reached.set(node, { revision: at, slot });
		revision = Math.max(revision, at);
	};
	const holds = (node: NodeId, entries: readonly EntryView[]) => {
		const entry = entries.find((each) => each.key === key);
		if (!entry || found.has(entry.modifyRevision)) return;
		const { key: _, modifyRevision, ...shown } = entry;
		found.set(modifyRevision, {
			...{ revision: modifyRevision, cause: null, key, isTogether: false },
			...{ holds: { ...shown, session: null }, slots: null, toldBy: node, timeMs: null },
		});
	};

	for (const { id, entries, revision: at, appliedThrough, epoch } of beginning.nodes) {
		if (epoch === '') continue;
		reaches(id, at, appliedThrough);
		holds(id, entries);
	}
	for (const { node, told: each } of tape.between(Number.NEGATIVE_INFINITY, through)) {
		if (each.kind === 'missing') reached.delete(node);
		if (each.kind === 'snapshot') {
			reaches(node, each.snapshot.revision, each.snapshot.appliedThrough);
			holds(node, each.snapshot.entries);
		}
		if (each.kind !== 'fact') continue;
		const { fact } = each;
		if (fact.kind === 'installed') reached.delete(node);
		if (fact.kind === 'chosen' && !ballots.has(fact.slot)) ballots.set(fact.slot, fact.ballot);
		if (fact.kind !== 'applied') continue;
		const before = reached.get(node);
		reaches(node, fact.revision, fact.through);
		if (!fact.changes) continue;
		told.add(fact.changes.after, fact.revision);
		for (const change of fact.changes.list) {
			if (!concerns(change, key)) continue;
			const isOfThese = before !== undefined && change.revision > before.revision;
			const slots = isOfThese ? { from: before.slot + 1, through: fact.through } : null;
			const { cause, isTogether, written } = change;
			const next = { revision: change.revision, cause, key: change.key, isTogether, holds: written, slots };
			const known = found.get(change.revision);
			if (!known || known.cause === null) found.set(change.revision, { ...next, toldBy: node, timeMs: fact.time });
			else if (isNarrower(slots, known.slots)) found.set(change.revision, { ...known, slots });
		}
	}
	return { found, told, revision, ballots };
}

function concerns({ key: changed, cause }: KeyChange, key: string): boolean {
	return cause === 'deletePrefix' ? key.startsWith(changed) : key === changed;
}

function isNarrower(slots: Version['slots'], known: Version['slots']): boolean {
	if (!slots) return false;
	return !known || slots.through - slots.from < known.through - known.from;
}

/** The stretches of revisions of which all changes were told. */
class Told {
	#stretches: Stretch[] = [];
	/** They are in order, and none touches the next one. */
	#isMerged = true;

	add(after: number, through: number): void {
		const last = this.#stretches.at(-1);
		if (last && last.after <= after && after <= last.through) last.through = Math.max(last.through, through);
		else {
			this.#stretches.push({ after, through });
			this.#isMerged = false;
		}
	}

	/** Whether all changes above the one revision and below the other were told. */
	covers(above: number, below: number): boolean {
		if (!this.#isMerged) this.#merge();
		const stretch = this.#stretches[countWhile(this.#stretches, ({ after }) => after <= above) - 1];
		return Math.max(above, stretch?.through ?? 0) >= below - 1;
	}

	#merge(): void {
		const stretches = this.#stretches.sort((a, b) => a.after - b.after);
		this.#stretches = [];
		for (const { after, through } of stretches) this.add(after, through);
		this.#isMerged = true;
	}
}

interface Stretch {
	readonly after: number;
	through: number;
}

/** What two texts have in common at their ends, and what is between in each. */
export interface Difference {
	readonly start: string;
	readonly removed: string;
	readonly added: string;
	readonly end: string;
}

export function differenceOf(before: string, after: string): Difference {
	const [a, b] = [[...before], [...after]];
	const least = Math.min(a.length, b.length);
	let start = 0;
	while (start < least && a[start] === b[start]) start++;
	let end = 0;
	while (end < least - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
	const text = (of: readonly string[], from: number, to: number) => of.slice(from, to).join('');
	return {
		start: text(a, 0, start),
		removed: text(a, start, a.length - end),
		added: text(b, start, b.length - end),
		end: text(a, a.length - end, a.length),
	};
}

/**
 * What became of the key, in a few words.
 *
 * @param before the version before it; null where there was none; undefined where that is not known
 */
export function versionText(version: Version, before: Version | null | undefined): string {
	const { cause, holds, key, isTogether } = version;
	const text = causeText(cause, holds, key, before);
	return isTogether && !isOfSession(cause) ? `${text}, together with others` : text;
}

function isOfSession(cause: ChangeCause | null): boolean {
	return (
		cause === 'letGoAtEnd' || cause === 'letGoAtTimeOut' || cause === 'deletedAtEnd' || cause === 'deletedAtTimeOut'
	);
}

function causeText(
	cause: ChangeCause | null,
	holds: Holding | null,
	key: string,
	before: Version | null | undefined,
): string {
	const wasAbsent = before === null || before?.holds === null;
	const holder = before?.holds?.session ? `session ${before.holds.session}` : 'its session';
	switch (cause) {
		case null:
			return 'held when a node told its state';
		case 'put':
			return wasAbsent ? 'created' : 'written';
		case 'acquire':
			return before?.holds?.session === holds?.session
				? `written for session ${holds?.session}, which holds it`
				: `acquired for session ${holds?.session}`;
		case 'release':
			return `released by ${holder}`;
		case 'letGoAtEnd':
			return `let go, because ${holder} has ended`;
		case 'letGoAtTimeOut':
			return `let go, because ${holder} was not renewed in time`;
		case 'delete':
			return 'deleted';
		case 'deletePrefix':
			return key === '' ? 'deleted with all keys' : `deleted with all keys below ${key}`;
		case 'deletedAtEnd':
			return `deleted, because ${holder} has ended`;
		case 'deletedAtTimeOut':
			return `deleted, because ${holder} was not renewed in time`;
	}
}
