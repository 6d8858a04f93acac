/**
 * Messages that no honest node sends: each is well formed, and its numbers are at the bounds of their kinds or far
 * beyond anything that the swarm has seen. An agent must refuse each with a fact, and go on as if it had never come.
 */
import type { Ballot, NodeId } from '../paxos/ballot.ts';
import type { Message, Slot } from '../paxos/message.ts';

/** What an absurd message is made from: who sends it, and what would be true. */
export interface Truth {
	readonly from: NodeId;
	readonly to: NodeId;
	readonly promised: Ballot;
	readonly chosenThrough: Slot;
}

const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
const SLOT_FAR = 2 ** 32 - 2;
/** The highest that is well formed: 2^62 ns since 1970. */
const BALLOT_MS_MAX = Math.floor(2 ** 62 / 1_000_000) - 1;
const BYTES = new Uint8Array([1]);

/** @param which any number: picks one of them */
export function absurdMessage(which: number, truth: Truth): Message {
	const all = absurdMessages(truth);
	return all[which % all.length] as Message;
}

export function absurdMessages({ from, to, promised, chosenThrough }: Truth): Message[] {
	const last = (node: NodeId): Ballot => ({ ms: BALLOT_MS_MAX, ns: 999_999, node });
	/** Above all that is promised, and of the sender: only the numbers beside it are absurd. */
	const next: Ballot = { ms: promised.ms, ns: Math.min(promised.ns + 1, 999_999), node: from };
	const leading = { ballot: next, chosenThrough, recoveredThrough: chosenThrough };
	const acceptance = { slot: SLOT_FAR, ballot: next, value: BYTES };
	const messages: Message[] = [];
	for (const slot of [SLOT_FAR, INTEGER_MAX, chosenThrough + 1_000_000]) {
		messages.push(
			{ kind: 'prepare', ballot: next, contest: slot },
			{ kind: 'accept', ...leading, slot, value: BYTES },
			{ kind: 'accept', ...leading, recoveredThrough: slot, slot: chosenThrough + 1, value: BYTES },
			{ kind: 'heartbeat', ...leading, chosenThrough: slot, recoveredThrough: slot, round: 1, timeMs: INTEGER_MAX },
			{
				kind: 'pollReply',
				ballot: promised,
				leader: next,
				relays: true,
				recoveredThrough: slot,
				chosenThrough: slot,
				timeMs: INTEGER_MAX,
			},
			{ kind: 'fetch', from: slot },
			{ kind: 'decisions', from: chosenThrough + 1, chosenThrough: slot, decisions: [] },
			{ kind: 'promise', ballot: { ...next, node: to }, part: 0, parts: 1, chosenThrough: slot, accepted: [] },
			{ kind: 'accepted', ballot: { ...next, node: to }, slot },
		);
	}
	for (const parts of [INTEGER_MAX, 2 ** 32, 1_000_000, 0]) {
		messages.push({
			kind: 'promise',
			ballot: { ...next, node: to },
			part: 0,
			parts,
			chosenThrough,
			accepted: [acceptance],
		});
	}
	messages.push(
		{ kind: 'prepare', ballot: last(from), contest: 0 },
		{ kind: 'accept', ...leading, ballot: last(from), slot: chosenThrough + 1, value: BYTES },
		{ kind: 'heartbeat', ...leading, ballot: last(from), round: 1, timeMs: INTEGER_MAX },
		{ kind: 'nack', refused: 'prepare', ballot: next, promised: last(from), acceptance: null },
		{ kind: 'nack', refused: 'heartbeat', ballot: next, promised: last(to), acceptance },
		{
			kind: 'pollReply',
			ballot: promised,
			leader: last(from),
			relays: true,
			recoveredThrough: 0,
			chosenThrough,
			timeMs: INTEGER_MAX,
		},
		{ kind: 'poll', ballot: last(from), timeMs: INTEGER_MAX },
		{ kind: 'confirm', ballot: next, round: INTEGER_MAX, chosenThrough: SLOT_FAR, timeMs: INTEGER_MAX },
	);
	return messages;
}
