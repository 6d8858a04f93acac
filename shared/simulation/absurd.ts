/**
 * Messages that no honest node sends: their numbers are at the bounds of their kinds, or far beyond anything that the
 * swarm has seen. The wire or the agent must refuse each, or take nothing from it that lasts, and go on. None of them
 * lies about what was promised, accepted or chosen in a way that could be true: against that Paxos has no defence.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { type Ballot, type NodeId, sameBallot } from '../paxos/ballot.ts';
import type { Message, Slot } from '../paxos/message.ts';
import { NOOP } from '../paxos/value.ts';
import { readMessage, writeMessage } from '../paxos/wire.ts';
import { Violation } from './ledger.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** The state of the receiver of an absurd message. */
interface Truth {
	readonly from: NodeId;
	readonly to: NodeId;
	/** The ballot that the receiver has promised. */
	readonly promised: Ballot;
	/** The ballot of the receiver's own campaign or leadership; NO_BALLOT for none. */
	readonly ballot: Ballot;
	readonly chosenThrough: Slot;
}

const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
/** Two below the last slot that fits 32 bits. */
const SLOT_FAR = 2 ** 32 - 2;
/** The highest that a frame of the mesh can hold. */
const REACHED_ABSURD = 2 ** 48 - 1;
/** The highest that is well formed: 2^62 ns since 1970. */
const BALLOT_MS_MAX = Math.floor(2 ** 62 / 1_000_000) - 1;

/**
 * An absurd message arrives at `to`.
 *
 * @param which any number, which selects the message
 * @throws Violation where it changes the node's state for good
 */
export function sendAbsurd(world: World, from: SimulatedNode, to: SimulatedNode, which: number): void {
	const { process } = to;
	// A node believes its own messages.
	if (from === to || !process || to.paused) return;
	process.replica.turn();
	const { promised, ballot, chosenThrough, lastSlot } = process.agent.view();
	const all = absurdMessages({ from: from.id, to: to.id, promised, ballot, chosenThrough });
	const message = all[which % all.length] as Message;
	world.counters.absurdMessages++;
	if (world.isWatchedByPeople) world.note(to.id, `absurd, of ${from.id}: ${JSON.stringify(message)}`);
	const bytes = new Writer();
	writeMessage(bytes, message);
	try {
		process.receive(from.id, [readMessage(new Reader(bytes.take()))], REACHED_ABSURD);
	} catch (error) {
		if (!(error instanceof MalformedError)) throw error;
		world.counters.messagesMalformed++;
		return;
	}
	process.replica.turn();
	const after = process.agent.view();
	const isUntouched =
		sameBallot(after.promised, promised) && after.chosenThrough === chosenThrough && after.lastSlot === lastSlot;
	if (!isUntouched) throw new Violation('AbsurdIsRefused', `${to.id} takes ${JSON.stringify(message)}`);
}

function absurdMessages(truth: Truth): Message[] {
	return [...withAbsurdNumbers(truth), ...withAbsurdBallots(truth)];
}

function withAbsurdNumbers({ from, promised, ballot, chosenThrough }: Truth): Message[] {
	/** A ballot of the sender: the one that the receiver has promised it, or a lower one. */
	const own = promised.node === from ? promised : { ms: Math.max(0, promised.ms - 1), ns: promised.ns, node: from };
	/** It is refused for its ballot, so its false chosenThrough does no harm. No ballot is that low where none is promised. */
	const low = promised.ms < 2 ? null : { ms: promised.ms - 2, ns: promised.ns, node: from };
	const leading = { ballot: own, chosenThrough: 0, recoveredThrough: 0 };
	const reply = { kind: 'pollReply', ballot: promised, relays: true, timeMs: INTEGER_MAX } as const;
	const messages: Message[] = [
		{
			kind: 'confirm',
			ballot,
			round: INTEGER_MAX,
			chosenThrough: SLOT_FAR,
			stillMs: 0,
			takesValues: true,
			timeMs: INTEGER_MAX,
		},
	];
	for (const slot of [SLOT_FAR, INTEGER_MAX, chosenThrough + 1_000_000]) {
		if (low) {
			messages.push(
				{ kind: 'prepare', ballot: low, contest: slot, chosenThrough: slot },
				{ kind: 'heartbeat', ballot: low, chosenThrough: slot, recoveredThrough: slot, round: 1, timeMs: INTEGER_MAX },
			);
		}
		messages.push(
			{ kind: 'accept', ...leading, slot, value: NOOP },
			{ ...reply, leader: promised, recoveredThrough: slot, chosenThrough: slot },
			{ kind: 'fetch', from: slot },
			{ kind: 'decisions', from: chosenThrough + 1, chosenThrough: slot, decisions: [] },
			{ kind: 'accepted', ballot, slot },
		);
	}
	const acceptance = { slot: SLOT_FAR, ballot: own, value: NOOP };
	for (const parts of [INTEGER_MAX, 2 ** 32, 1_000_000, 0]) {
		messages.push({ kind: 'promise', ballot, part: 0, parts, chosenThrough: 0, accepted: [] });
		messages.push({ kind: 'promise', ballot, part: 0, parts: 2, chosenThrough: 0, accepted: [acceptance] });
	}
	return messages;
}

function withAbsurdBallots({ from, to, promised, chosenThrough }: Truth): Message[] {
	const last = (node: NodeId): Ballot => ({ ms: BALLOT_MS_MAX, ns: 999_999, node });
	const leading = { ballot: last(from), chosenThrough, recoveredThrough: chosenThrough };
	return [
		{ kind: 'prepare', ballot: last(from), contest: 0, chosenThrough },
		{ kind: 'accept', ...leading, slot: chosenThrough + 1, value: NOOP },
		{ kind: 'heartbeat', ...leading, round: 1, timeMs: 0 },
		{ kind: 'nack', refused: 'prepare', ballot: last(to), promised: last(from), acceptance: null },
		{ kind: 'nack', refused: 'heartbeat', ballot: promised, promised: last(to), acceptance: null },
		{
			kind: 'pollReply',
			ballot: promised,
			leader: last(from),
			relays: true,
			recoveredThrough: 0,
			chosenThrough,
			timeMs: INTEGER_MAX,
		},
	];
}
