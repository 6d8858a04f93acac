/**
 * Messages to bytes and back. One byte of kind, then the fields in the order of `message.ts`. Reading
 * refuses, with a `MalformedError`, whatever `writeMessage` could not have written.
 */

import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { readBallot, writeBallot } from './ballot.ts';
import {
	PROMISE_PARTS_MAX,
	REPORTED_MAX,
	readSlot,
	readThrough,
	SLOTS_AHEAD_MAX,
	SNAPSHOT_PART_BYTES_MAX,
} from './bounds.ts';
import type {
	Acceptance,
	Decisions,
	ForwardId,
	Hearing,
	Message,
	MessageKind,
	Nack,
	Promised,
	ReadRound,
	SnapshotPart,
} from './message.ts';
import { readBatch, readValue } from './value.ts';

/** The position is the byte on the wire: only ever add at the end. */
const KINDS: readonly MessageKind[] = [
	'prepare',
	'promise',
	'accept',
	'accepted',
	'nack',
	'heartbeat',
	'confirm',
	'poll',
	'pollReply',
	'fetch',
	'decisions',
	'forward',
	'readAsk',
	'readIndex',
	'trimmed',
	'noRoom',
	'hears',
	'handOver',
	'digest',
	'snapshotAsk',
	'snapshotPart',
];
const KIND_BYTES = Object.fromEntries(KINDS.map((kind, byte) => [kind, byte])) as Record<MessageKind, number>;
const REFUSED: readonly Nack['refused'][] = ['prepare', 'accept', 'heartbeat'];

export function writeMessage(out: Writer, message: Message): void {
	out.u8(KIND_BYTES[message.kind]);
	switch (message.kind) {
		case 'prepare':
			writeBallot(out, message.ballot);
			out.int(message.contest);
			return out.int(message.chosenThrough);
		case 'promise':
			writeBallot(out, message.ballot);
			out.int(message.part);
			out.int(message.parts);
			out.int(message.chosenThrough);
			return out.list(message.accepted, (acceptance) => writeAcceptance(out, acceptance));
		case 'accept':
			writeBallot(out, message.ballot);
			out.int(message.chosenThrough);
			out.int(message.recoveredThrough);
			out.int(message.slot);
			return out.bytes(message.value);
		case 'accepted':
			writeBallot(out, message.ballot);
			return out.int(message.slot);
		case 'nack':
			out.u8(REFUSED.indexOf(message.refused));
			writeBallot(out, message.ballot);
			writeBallot(out, message.promised);
			return out.maybe(message.acceptance, (acceptance) => writeAcceptance(out, acceptance));
		case 'heartbeat':
			writeBallot(out, message.ballot);
			out.int(message.chosenThrough);
			out.int(message.recoveredThrough);
			out.int(message.round);
			return out.int(message.timeMs);
		case 'confirm':
			writeBallot(out, message.ballot);
			out.int(message.round);
			out.int(message.chosenThrough);
			out.int(message.stillMs);
			out.bool(message.takesValues);
			return out.int(message.timeMs);
		case 'handOver':
			return writeBallot(out, message.ballot);
		case 'poll':
			writeBallot(out, message.ballot);
			return out.int(message.timeMs);
		case 'pollReply':
			writeBallot(out, message.ballot);
			writeHearing(out, message);
			return out.int(message.timeMs);
		case 'hears':
			return writeHearing(out, message);
		case 'fetch':
			return out.int(message.from);
		case 'decisions':
			out.int(message.from);
			out.int(message.chosenThrough);
			return out.list(message.decisions, ({ ballot, value }) => {
				writeBallot(out, ballot);
				out.bytes(value);
			});
		case 'trimmed':
			out.int(message.trimmedThrough);
			return out.int(message.chosenThrough);
		case 'forward':
			writeForwardId(out, message);
			out.int(message.settledThrough);
			return out.bytes(message.value);
		case 'noRoom':
			return writeForwardId(out, message);
		case 'readAsk':
			return writeReadRound(out, message);
		case 'readIndex':
			writeReadRound(out, message);
			return out.int(message.slot);
		case 'digest':
			out.int(message.slot);
			return out.int(message.digest >>> 0);
		case 'snapshotAsk':
			out.int(message.through);
			return out.int(message.offset);
		case 'snapshotPart':
			out.int(message.through);
			out.int(message.bytesOfAll);
			out.int(message.offset);
			return out.bytes(message.bytes);
	}
}

/** Reads one message; bytes of values are views into what is read. */
export function readMessage(from: Reader): Message {
	const kind = KINDS[from.u8()];
	switch (kind) {
		case 'prepare':
			return { kind, ballot: readBallot(from), contest: readThrough(from), chosenThrough: readThrough(from) };
		case 'promise':
			return checkedPromise({
				kind,
				ballot: readBallot(from),
				part: from.int(),
				parts: from.int(),
				chosenThrough: readThrough(from),
				accepted: from.list(() => readAcceptance(from)),
			});
		case 'accept':
			return {
				kind,
				ballot: readBallot(from),
				chosenThrough: readThrough(from),
				recoveredThrough: readThrough(from),
				slot: readSlot(from),
				value: readValue(from),
			};
		case 'accepted':
			return { kind, ballot: readBallot(from), slot: readSlot(from) };
		case 'nack': {
			const refused = REFUSED[from.u8()];
			if (refused === undefined) throw new MalformedError('a nack of what?');
			const ballot = readBallot(from);
			const promised = readBallot(from);
			return { kind, refused, ballot, promised, acceptance: from.maybe(() => readAcceptance(from)) };
		}
		case 'heartbeat':
			return {
				kind,
				ballot: readBallot(from),
				chosenThrough: readThrough(from),
				recoveredThrough: readThrough(from),
				round: from.int(),
				timeMs: from.int(),
			};
		case 'confirm':
			return {
				kind,
				ballot: readBallot(from),
				round: from.int(),
				chosenThrough: readThrough(from),
				stillMs: from.int(),
				takesValues: from.bool(),
				timeMs: from.int(),
			};
		case 'handOver':
			return { kind, ballot: readBallot(from) };
		case 'poll':
			return { kind, ballot: readBallot(from), timeMs: from.int() };
		case 'pollReply':
			return { kind, ballot: readBallot(from), ...readHearing(from), timeMs: from.int() };
		case 'hears':
			return { kind, ...readHearing(from) };
		case 'fetch':
			return { kind, from: readSlot(from) };
		case 'decisions':
			return checkedDecisions({
				kind,
				from: readSlot(from),
				chosenThrough: readThrough(from),
				decisions: from.list(() => ({ ballot: readBallot(from), value: readValue(from) })),
			});
		case 'trimmed':
			return { kind, trimmedThrough: readThrough(from), chosenThrough: readThrough(from) };
		case 'forward':
			return { kind, ...readForwardId(from), settledThrough: from.int(), value: readBatch(from) };
		case 'noRoom':
			return { kind, ...readForwardId(from) };
		case 'readAsk':
			return { kind, ...readReadRound(from) };
		case 'readIndex':
			return { kind, ...readReadRound(from), slot: readThrough(from) };
		case 'digest':
			return { kind, slot: readSlot(from), digest: readDigest(from) };
		case 'snapshotAsk':
			return { kind, through: readThrough(from), offset: from.int() };
		case 'snapshotPart':
			return checkedPart({
				kind,
				through: readThrough(from),
				bytesOfAll: from.int(),
				offset: from.int(),
				bytes: from.bytes(),
			});
		default:
			throw new MalformedError('unknown kind of message');
	}
}

function writeHearing(out: Writer, { leader, relays, recoveredThrough, chosenThrough }: Hearing): void {
	writeBallot(out, leader);
	out.bool(relays);
	out.int(recoveredThrough);
	out.int(chosenThrough);
}

function readHearing(from: Reader): Hearing {
	return {
		leader: readBallot(from),
		relays: from.bool(),
		recoveredThrough: readThrough(from),
		chosenThrough: readThrough(from),
	};
}

function readDigest(from: Reader): number {
	const digest = from.int();
	if (digest >= 2 ** 32) throw new MalformedError('a digest above 32 bits');
	return digest | 0;
}

function writeReadRound(out: Writer, { origin, epoch, round }: ReadRound): void {
	out.id(origin);
	out.int(epoch);
	out.int(round);
}

function readReadRound(from: Reader): ReadRound {
	return { origin: from.id(), epoch: from.int(), round: from.int() };
}

function writeForwardId(out: Writer, { origin, epoch, id }: ForwardId): void {
	out.id(origin);
	out.int(epoch);
	out.int(id);
}

function readForwardId(from: Reader): ForwardId {
	return { origin: from.id(), epoch: from.int(), id: from.int() };
}

function writeAcceptance(out: Writer, acceptance: Acceptance): void {
	out.int(acceptance.slot);
	writeBallot(out, acceptance.ballot);
	out.bytes(acceptance.value);
}

function readAcceptance(from: Reader): Acceptance {
	return { slot: readSlot(from), ballot: readBallot(from), value: readValue(from) };
}

/** Parts that count and lie within the promise, and no acceptance that no acceptor can hold. */
function checkedPromise(promise: Promised): Promised {
	const { part, parts, chosenThrough, accepted } = promise;
	if (parts > PROMISE_PARTS_MAX || part >= parts) throw new MalformedError('a part that no promise has');
	if (accepted.length > REPORTED_MAX) throw new MalformedError('more acceptances than an acceptor holds');
	for (const { slot } of accepted) {
		if (slot > chosenThrough + SLOTS_AHEAD_MAX) throw new MalformedError('an acceptance beyond the window');
	}
	return promise;
}

function checkedPart(part: SnapshotPart): SnapshotPart {
	const { bytesOfAll, offset, bytes } = part;
	if (bytes.length > SNAPSHOT_PART_BYTES_MAX) throw new MalformedError('a part of a snapshot above the largest');
	if (offset + bytes.length > bytesOfAll) throw new MalformedError('a part beyond the end of its snapshot');
	return part;
}

function checkedDecisions(message: Decisions): Decisions {
	const { from, chosenThrough, decisions } = message;
	if (decisions.length > 0 && from + decisions.length - 1 > chosenThrough) {
		throw new MalformedError('decisions of slots that are not chosen');
	}
	return message;
}
