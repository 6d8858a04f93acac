/** Which of a node's keys are shown, how far they are all that there are, and what is said of a write that came too late. */
import type { EntriesBelow, EntryView } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { NodeModel } from './node-model.ts';
import { countText } from './why.ts';

/** What a node answered when it was asked for its keys below a prefix. */
export interface Listed extends EntriesBelow {
	readonly node: NodeId;
	readonly prefix: string;
}

export interface KeysShown {
	readonly entries: readonly EntryView[];
	/** The node held them at this revision. */
	readonly revision: number;
	/** Of how many keys these are the first, or were searched: an end for the sentence; '' where none is missing. */
	readonly rest: string;
}

type Held = Pick<NodeModel, 'id' | 'entries' | 'entriesCount' | 'entriesRevision' | 'revision'>;

/** Whether the node has to be asked: its snapshot has not all of its keys, and the last answer is another one's or old. */
export function mustAsk(node: Held, prefix: string, listed: Listed | null): boolean {
	return isBeyond(node, prefix) && answerOf(node, prefix, listed)?.revision !== node.revision;
}

/** @param listed the last answer; null for none, and where the page shows the past, of which nobody can be asked */
export function keysShown(node: Held, prefix: string, listed: Listed | null): KeysShown {
	const answer = isBeyond(node, prefix) ? answerOf(node, prefix, listed) : null;
	if (answer) {
		const { entries, revision, isAll } = answer;
		return { entries, revision, rest: isAll ? '' : `, the first ${entries.length}; more of a key leads to the others` };
	}
	const { entries, entriesCount, entriesRevision: revision } = node;
	const found = prefix === '' ? entries : entries.filter(({ key }) => key.startsWith(prefix));
	if (entriesCount <= entries.length) return { entries: found, revision, rest: '' };
	const first = `the first ${entries.length} of ${countText(entriesCount)}`;
	return { entries: found, revision, rest: prefix === '' ? `, ${first}` : `, of ${first} keys` };
}

/** The sentence in the place of keys. The node may hold keys by now: facts carry none, and a snapshot shows the moment it was cut. */
export function noneSentence({ id, revision: reached }: Held, prefix: string, { revision, rest }: KeysShown): string {
	const none = `At revision ${countText(revision)} ${id} holds no key${prefix === '' ? '' : ` that begins so${rest}`}.`;
	if (reached <= revision) return none;
	return `${none} What it holds at revision ${countText(reached)} is not known here.`;
}

function isBeyond({ entries, entriesCount }: Held, prefix: string): boolean {
	return prefix !== '' && entriesCount > entries.length;
}

function answerOf({ id }: Held, prefix: string, listed: Listed | null): Listed | null {
	return listed?.node === id && listed.prefix === prefix ? listed : null;
}

/** Where a field of one line would change the value, it has to begin empty. */
export function fitsField({ value, isWhole }: EntryView): boolean {
	return isWhole && !/[\r\n]/.test(value);
}

/** @param present the entry as it is after the write that came first; undefined for none */
export function lostSentence(key: string, present: EntryView | undefined): string {
	if (!present) return `Another write came first: ${key} is deleted. Save writes it anew.`;
	const { value, modifyRevision } = present;
	return `Another write came first: ${key} is “${value}” at revision ${countText(modifyRevision)} now. Save writes over that.`;
}
