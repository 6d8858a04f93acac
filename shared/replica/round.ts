/** How long one round takes: a request to another node, its flush there, and its answer. Back-off must outlast one. */
import { type Ballot, sameBallot } from '../paxos/ballot.ts';
import type { Message, Slot } from '../paxos/message.ts';

/** A request to another node whose answer is timed. */
interface Probe {
	readonly ballot: Ballot;
	readonly slot: Slot;
	readonly sentMs: number;
}

/** A probe that has had no answer for this long is replaced by the next one. */
const PROBE_AGE_MAX_MS = 10_000;
/** The weight of the old estimate when a new round is observed. */
const MEMORY = 0.75;

export class RoundEstimate {
	/** Milliseconds; 0 before the first round was observed. */
	ms = 0;
	readonly #nowMs: () => number;
	#probe: Probe | undefined;

	/** @param nowMs a monotonic clock */
	constructor(nowMs: () => number) {
		this.#nowMs = nowMs;
	}

	/** A message leaves for another node. */
	sent(message: Message): void {
		if (message.kind !== 'prepare' && message.kind !== 'accept') return;
		const nowMs = this.#nowMs();
		if (this.#probe && nowMs - this.#probe.sentMs < PROBE_AGE_MAX_MS) return;
		this.#probe = { ballot: message.ballot, slot: message.kind === 'accept' ? message.slot : 0, sentMs: nowMs };
	}

	/** A message came from another node. */
	received(message: Message): void {
		const probe = this.#probe;
		if (!probe) return;
		if (message.kind !== 'promise' && message.kind !== 'accepted' && message.kind !== 'nack') return;
		if (!sameBallot(message.ballot, probe.ballot)) return;
		if (message.kind === 'accepted' && message.slot !== probe.slot) return;
		const observedMs = this.#nowMs() - probe.sentMs;
		this.ms = this.ms === 0 ? observedMs : MEMORY * this.ms + (1 - MEMORY) * observedMs;
		this.#probe = undefined;
	}
}
