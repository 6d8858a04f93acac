/** One node of the world that `explore.ts` walks handles one event, and all that follows from it within the node. */
import { Reader, Writer } from '../bytes/bytes.ts';
import { PaxosAgent } from '../paxos/agent.ts';
import { NO_BALLOT } from '../paxos/ballot.ts';
import type { Event } from '../paxos/event.ts';
import type { Envelope } from '../paxos/message.ts';
import { type DurableRecord, readRecord, writeRecord } from '../paxos/record.ts';
import { batchValue, commandsOf, isNoop, type Value } from '../paxos/value.ts';
import { configOf, IDS, type Local, NOW, type Numbers, PROPOSAL, PROPOSERS, SLOT } from './explore-world.ts';
import { copyOf } from './snapshot.ts';

const NOTHING = new Uint8Array(0);

/** A node starts, and a proposer gets a value to propose. */
export function begun(node: number, mayCrash: boolean): Local {
	const agent = new PaxosAgent(configOf(node));
	agent.step({ kind: 'start', epoch: 1 }, NOW);
	const proposes = node < PROPOSERS;
	if (proposes) {
		const value = batchValue(Uint8Array.of(node + 1));
		agent.step({ kind: 'propose', proposal: { id: PROPOSAL, value, route: 'self', contest: SLOT } }, NOW);
	}
	return {
		node,
		agent: agent.state,
		durable: NOTHING,
		unflushed: NOTHING,
		held: [],
		votes: 0,
		chosen: 0,
		mayCrash,
		promised: NO_BALLOT,
		mayCampaign: proposes,
		proposes,
	};
}

export class Turn {
	readonly sent: number[] = [];
	readonly #numbers: Numbers;
	readonly #local: Local;
	#mayCrash: boolean;
	#agent: PaxosAgent;
	#durable: Uint8Array;
	#unflushed: Uint8Array;
	#held: number[];
	#votes: number;
	#chosen: number;
	#mayCampaign: boolean;
	readonly #mailbox: Event[] = [];

	constructor(numbers: Numbers, local: Local) {
		this.#numbers = numbers;
		this.#local = local;
		this.#mayCrash = local.mayCrash;
		this.#agent = PaxosAgent.from(configOf(local.node), copyOf(local.agent));
		this.#durable = local.durable;
		this.#unflushed = local.unflushed;
		this.#held = [...local.held];
		this.#votes = local.votes;
		this.#chosen = local.chosen;
		this.#mayCampaign = local.mayCampaign;
	}

	handle(event: Event): void {
		this.#mailbox.push(event);
		for (let next = this.#mailbox.shift(); next; next = this.#mailbox.shift()) this.#step(next);
	}

	campaign(): void {
		this.#mayCampaign = false;
		this.handle({ kind: 'campaign', now: { ms: this.#local.node + 1, ns: 0 } });
	}

	/** All records so far are durable, and the messages that waited for them leave. */
	flush(): void {
		const held = this.#held.map((number) => this.#numbers.envelope(number));
		this.#harden();
		this.#held = [];
		for (const envelope of held) this.#send(envelope);
	}

	/** @param keeping whether the records became durable although the process was not told */
	crash(keeping: boolean): void {
		if (keeping) this.#harden();
		this.#unflushed = NOTHING;
		this.#held = [];
		this.#chosen = 0;
		// The new process does not know the proposal.
		this.#mayCampaign = false;
		this.#agent = new PaxosAgent(configOf(this.#local.node), recordsOf(this.#durable));
		this.#durable = NOTHING;
		this.#mayCrash = false;
		this.handle({ kind: 'start', epoch: 2 });
	}

	end(): Local {
		const proposes = this.#mayCampaign || this.#agent.view().role !== 'follower';
		return {
			node: this.#local.node,
			agent: this.#agent.state,
			durable: this.#durable,
			unflushed: this.#unflushed,
			held: this.#held,
			votes: this.#votes,
			chosen: this.#chosen,
			mayCrash: this.#mayCrash,
			promised: this.#agent.view().promised,
			mayCampaign: this.#mayCampaign,
			// A campaign has begun whose own promise is not flushed yet.
			proposes,
		};
	}

	#step(event: Event): void {
		const effects = this.#agent.step(event, NOW);
		if (effects.persist.length > 0) {
			this.#unflushed = joined(this.#unflushed, bytesOf(effects.persist));
			if (!this.#mayCrash) this.#harden();
		}
		for (const envelope of effects.send) this.#send(envelope);
		for (const envelope of effects.sendWhenDurable) {
			if (this.#unflushed.length === 0) this.#send(envelope);
			else this.#held.push(this.#numbers.messageNumber(this.#local.node, envelope));
		}
		for (const { value, slot } of effects.apply) {
			if (slot === SLOT) this.#chosen = valueNumber(value);
			const settled = valueNumber(value) === this.#local.node + 1 ? [PROPOSAL] : [];
			this.#mailbox.push({ kind: 'applied', through: slot, settled });
		}
	}

	#send(envelope: Envelope): void {
		this.sent.push(this.#numbers.messageNumber(this.#local.node, envelope));
	}

	#harden(): void {
		for (const record of recordsOf(this.#unflushed)) {
			if (record.kind !== 'accepted' || record.slot !== SLOT) continue;
			// Each proposer has one ballot, so the node identifies it.
			const ballot = IDS.indexOf(record.ballot.node);
			this.#votes |= 1 << (4 * ballot + valueNumber(record.value));
		}
		if (this.#mayCrash) this.#durable = joined(this.#durable, this.#unflushed);
		this.#unflushed = NOTHING;
	}
}

/** 1 or 2 for the proposers' values, 3 for the no-op. */
function valueNumber(value: Value): number {
	return isNoop(value) ? 3 : (commandsOf(value)[0] as number);
}

function bytesOf(records: readonly DurableRecord[]): Uint8Array {
	const out = new Writer(64);
	for (const record of records) writeRecord(out, record);
	return out.take();
}

function recordsOf(bytes: Uint8Array): DurableRecord[] {
	const from = new Reader(bytes);
	const records: DurableRecord[] = [];
	while (!from.done) records.push(readRecord(from));
	return records;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
	const whole = new Uint8Array(a.length + b.length);
	whole.set(a);
	whole.set(b, a.length);
	return whole;
}
