/**
 * The handshake of a link. Four steps tell each end who the other is, before any frame counts:
 *
 *     dialer                                    listener
 *        | -- hello: versions, to, from, epoch ---> |   swarm as a digest
 *        | <-- challenge: version, epoch ---------- |
 *        | -- proof, remembered ------------------> |   HMAC under the secret, empty without one
 *        | <-- welcome: proof, remembered --------- |
 *
 * Each end also tells how far it remembers the other's log to have been durable, so that a node knows it before it votes.
 * A proof covers that, both nonces, the prover's role, both ids and epochs, the swarm and the versions offered, so it
 * holds for this connection only, and cannot be replayed or reflected. The swarm id is sent as a digest over the nonce: a
 * stranger does not learn it, and mistakes can still be told apart. Without a secret nothing is proved, which is meant
 * for loopback. Any node of the swarm is let in, members or not: an id stands for one disk, and whose votes count is not
 * decided here.
 *
 * Frames after the handshake are neither signed nor encrypted: the network between the nodes is trusted not to change
 * them. This file has no socket, no clock and no randomness; its nonces are passed to it.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { REACHED_MAX } from './frame.ts';
import type { Refusal } from './refusal.ts';

/** The versions of the protocol that this build speaks. */
export const PROTOCOL: ProtocolRange = { min: 7, max: 8 };
/** The bound on the bytes that one end may send before it has proved itself. */
export const HANDSHAKE_BYTES_MAX = 4096;
export const NONCE_BYTES = 32;
const DIGEST_BYTES = 32;

export interface ProtocolRange {
	readonly min: number;
	readonly max: number;
}

export interface Identity {
	readonly self: NodeId;
	/** One life of this process. */
	readonly epoch: string;
	readonly swarmId: string;
	readonly secret: string | null;
	/** A second secret by which a dialer may prove itself, while the secret of the swarm is changed; none by default. */
	readonly otherSecret?: string | null;
	readonly protocol: ProtocolRange;
	/** Why that process of a node of the swarm may not make a link to this one now; null where it may. The process is not proven yet. */
	refusalOf(peer: NodeId, epoch: string): Refusal | null;
	/** Why it may not yet, once it is proven, although it may later; null where it may. */
	delayOf(peer: NodeId, epoch: string): Refusal | null;
	/** The last frame of the log of `peer` that was durable, as this node remembers it and tells that process of it. */
	remembered(peer: NodeId, epoch: string): number;
}

/** The other end, once it is proven. */
export interface Proven {
	readonly id: NodeId;
	readonly epoch: string;
	readonly version: number;
	/** The last frame of this node's log that was durable, as the other end remembers it. */
	readonly remembered: number;
}

/** The other end before it is proven. */
type Claimed = Omit<Proven, 'remembered'>;

/** The action after a step: send and wait, refuse and close, or send (unless null) and begin. */
export type Step =
	| { readonly kind: 'send'; readonly bytes: Uint8Array }
	| { readonly kind: 'refuse'; readonly refusal: Refusal }
	| { readonly kind: 'proven'; readonly bytes: Uint8Array | null; readonly peer: Proven };

export interface Handshake {
	/** The bytes that this end sends first; null for the listener, which waits. */
	readonly opening: Uint8Array | null;
	/** The node that was dialed, or that the other end claims to be; '' before it has spoken. Unproven. */
	readonly claimed: NodeId;
	/** @throws MalformedError for bytes that no node of any known version would send at this step */
	receive(bytes: Uint8Array): Step;
}

/** Of two nodes the one with the higher id dials, so they do not make two connections. */
export function dials(self: NodeId, peer: NodeId): boolean {
	return self > peer;
}

const MAGIC = Uint8Array.of(0x70, 0x61, 0x78, 0x6f, 0x73);
const HELLO = 1;
const CHALLENGE = 2;
const PROOF = 3;
const WELCOME = 4;
const NO_PROOF = new Uint8Array(0);

export class DialerHandshake implements Handshake {
	readonly opening: Uint8Array;
	readonly claimed: NodeId;
	readonly #identity: Identity;
	readonly #nonce: Uint8Array;
	#challenge: { readonly transcript: Transcript; readonly peer: Claimed } | null = null;

	/** @param nonce NONCE_BYTES random bytes, never used before */
	constructor(identity: Identity, peer: NodeId, nonce: Uint8Array) {
		this.#identity = identity;
		this.#nonce = nonce;
		this.claimed = peer;
		const out = new Writer();
		out.u8(HELLO);
		out.raw(MAGIC);
		out.int(identity.protocol.min);
		out.int(identity.protocol.max);
		out.raw(nonce);
		out.id(peer);
		out.id(identity.self);
		out.id(identity.epoch);
		out.raw(swarmDigest(identity.swarmId, nonce));
		this.opening = out.take();
	}

	receive(bytes: Uint8Array): Step {
		const from = new Reader(bytes);
		return this.#challenge === null ? this.#answer(from) : this.#verify(from, this.#challenge);
	}

	#answer(from: Reader): Step {
		expect(from, CHALLENGE);
		const version = from.int();
		const { self, epoch, protocol } = this.#identity;
		if (version < protocol.min || version > protocol.max) return { kind: 'refuse', refusal: 'noCommonVersion' };
		const nonce = from.raw(NONCE_BYTES);
		const listenerEpoch = readName(from);
		from.finish();
		const transcript: Transcript = {
			identity: this.#identity,
			offered: protocol,
			version,
			dialer: { id: self, epoch, nonce: this.#nonce },
			listener: { id: this.claimed, epoch: listenerEpoch, nonce },
		};
		this.#challenge = { transcript, peer: { id: this.claimed, epoch: listenerEpoch, version } };
		return { kind: 'send', bytes: withProof(PROOF, 'dialer', transcript) };
	}

	#verify(from: Reader, { transcript, peer }: { readonly transcript: Transcript; readonly peer: Claimed }): Step {
		expect(from, WELCOME);
		const { proof, remembered } = readProof(from);
		const refusal = checkProof(proof, proofOf('listener', transcript, remembered));
		return refusal ? { kind: 'refuse', refusal } : { kind: 'proven', bytes: null, peer: { ...peer, remembered } };
	}
}

export class ListenerHandshake implements Handshake {
	readonly opening = null;
	readonly #identity: Identity;
	readonly #nonce: Uint8Array;
	#claimed: NodeId = '';
	#hello: { readonly transcript: Transcript; readonly peer: Claimed } | null = null;

	/** @param nonce NONCE_BYTES random bytes, never used before */
	constructor(identity: Identity, nonce: Uint8Array) {
		this.#identity = identity;
		this.#nonce = nonce;
	}

	get claimed(): NodeId {
		return this.#claimed;
	}

	receive(bytes: Uint8Array): Step {
		const from = new Reader(bytes);
		return this.#hello === null ? this.#challenge(from) : this.#verify(from, this.#hello);
	}

	/** The swarm's id is checked first, so that an end that does not know it learns nothing of the members. */
	#challenge(from: Reader): Step {
		expect(from, HELLO);
		for (const byte of MAGIC) if (from.u8() !== byte) throw new MalformedError('not a hello');
		const offered = { min: from.int(), max: from.int() };
		const { self, epoch, swarmId, protocol } = this.#identity;
		const version = Math.min(offered.max, protocol.max);
		if (version < offered.min || version < protocol.min) return { kind: 'refuse', refusal: 'noCommonVersion' };
		const nonce = from.raw(NONCE_BYTES);
		const to = readName(from);
		const id = readName(from);
		const dialerEpoch = readName(from);
		const theirSwarm = from.raw(DIGEST_BYTES);
		from.finish();
		this.#claimed = id;
		if (!timingSafeEqual(theirSwarm, swarmDigest(swarmId, nonce))) {
			return { kind: 'refuse', refusal: 'otherSwarm' };
		}
		if (to !== self) return { kind: 'refuse', refusal: 'otherNode' };
		const refusal = id === self ? 'sameNode' : this.#identity.refusalOf(id, dialerEpoch);
		if (refusal) return { kind: 'refuse', refusal };
		const transcript: Transcript = {
			identity: this.#identity,
			offered,
			version,
			dialer: { id, epoch: dialerEpoch, nonce },
			listener: { id: self, epoch, nonce: this.#nonce },
		};
		this.#hello = { transcript, peer: { id, epoch: dialerEpoch, version } };
		const out = new Writer();
		out.u8(CHALLENGE);
		out.int(version);
		out.raw(this.#nonce);
		out.id(epoch);
		return { kind: 'send', bytes: out.take() };
	}

	#verify(from: Reader, { transcript, peer }: { readonly transcript: Transcript; readonly peer: Claimed }): Step {
		expect(from, PROOF);
		const { proof, remembered } = readProof(from);
		const refusal = checkProof(proof, proofOf('dialer', transcript, remembered));
		const byOther = refusal === null ? null : withOtherSecret(transcript);
		const isByOther = byOther !== null && checkProof(proof, proofOf('dialer', byOther, remembered)) === null;
		if (refusal !== null && !isByOther) return { kind: 'refuse', refusal };
		const delay = this.#identity.delayOf(peer.id, peer.epoch);
		if (delay !== null) return { kind: 'refuse', refusal: delay };
		// The dialer is answered by the secret that it has.
		const bytes = withProof(WELCOME, 'listener', isByOther ? byOther : transcript);
		return { kind: 'proven', bytes, peer: { ...peer, remembered } };
	}
}

type Role = 'dialer' | 'listener';

interface End {
	readonly id: NodeId;
	readonly epoch: string;
	readonly nonce: Uint8Array;
}

/** All values that both ends must agree on. */
interface Transcript {
	readonly identity: Identity;
	/** The versions that the dialer offered. */
	readonly offered: ProtocolRange;
	readonly version: number;
	readonly dialer: End;
	readonly listener: End;
}

/** The same as it is under the second secret; null where there is none. */
function withOtherSecret(transcript: Transcript): Transcript | null {
	const { identity } = transcript;
	const { otherSecret = null } = identity;
	return otherSecret === null ? null : { ...transcript, identity: { ...identity, secret: otherSecret } };
}

function readProof(from: Reader): { readonly proof: Uint8Array; readonly remembered: number } {
	const proof = from.bytes();
	const remembered = from.int();
	from.finish();
	if (remembered > REACHED_MAX) throw new MalformedError('a frame above the highest');
	return { proof, remembered };
}

/** @returns why the proof is refused; null for a good one */
function checkProof(proof: Uint8Array, expected: Uint8Array): Refusal | null {
	if ((proof.length === 0) !== (expected.length === 0)) return 'secretOnOneSide';
	if (proof.length !== expected.length) throw new MalformedError('a proof of another length');
	return timingSafeEqual(proof, expected) ? null : 'wrongSecret';
}

/** @param remembered the last durable frame of the other end's log, as the prover tells it */
function proofOf(role: Role, transcript: Transcript, remembered: number): Uint8Array {
	const { identity, offered, version, dialer, listener } = transcript;
	if (identity.secret === null) return NO_PROOF;
	const out = new Writer();
	writeText(out, `paxos-swarm mesh ${role}`);
	out.int(remembered);
	out.int(offered.min);
	out.int(offered.max);
	out.int(version);
	writeText(out, identity.swarmId);
	for (const end of [dialer, listener]) {
		writeText(out, end.id);
		writeText(out, end.epoch);
		out.bytes(end.nonce);
	}
	return createHmac('sha256', identity.secret).update(out.take()).digest();
}

function swarmDigest(swarmId: string, nonce: Uint8Array): Uint8Array {
	const out = new Writer();
	writeText(out, 'swarm');
	writeText(out, swarmId);
	out.bytes(nonce);
	return createHash('sha256').update(out.take()).digest();
}

function withProof(step: number, role: Role, transcript: Transcript): Uint8Array {
	const { identity, dialer, listener } = transcript;
	const other = role === 'dialer' ? listener : dialer;
	const remembered = identity.remembered(other.id, other.epoch);
	const out = new Writer();
	out.u8(step);
	out.bytes(proofOf(role, transcript, remembered));
	out.int(remembered);
	return out.take();
}

function expect(from: Reader, step: number): void {
	if (from.u8() !== step) throw new MalformedError('not the next step of a handshake');
}

/** Reads an id or an epoch. It has to be printable, because it is logged. */
function readName(from: Reader): string {
	const name = from.id();
	if (!/^[\x20-\x7e]+$/.test(name)) throw new MalformedError('a name that cannot be printed');
	return name;
}

function writeText(out: Writer, text: string): void {
	out.bytes(Buffer.from(text));
}
