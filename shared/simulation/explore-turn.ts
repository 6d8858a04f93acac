/** One node of the world that `explore.ts` walks handles one event, and all that follows from it within the node. */
import { Reader, Writer } from '../bytes/bytes.ts';
import { PaxosAgent } from '../paxos/agent.ts';
import { NO_BALLOT, type NodeId } from '../paxos/ballot.ts';
import type { Event } from '../paxos/event.ts';
import type { Envelope } from '../paxos/message.ts';
import { type DurableRecord, readRecord, writeRecord } from '../paxos/record.ts';
import { commandsOf } from '../paxos/value.ts';
import { configOf, type Local, NOW, type Numbers, proposalOf, proposerOf } from './explore-world.ts';
import { votersNamed } from './node.ts';
import { copyOf } from './snapshot.ts';

const NOTHING = new Uint8Array(0);
/** What a proposer campaigns for, and what it proposes under the last members. */
const FIRST_PROPOSAL = 1;
const LAST_PROPOSAL = 2;

/** A node starts, and a proposer gets a value to propose. */
export function begun({ world }: Numbers, node: number, mayCrash: boolean): Local {
	const agent = new PaxosAgent(configOf(world, node));
	agent.step({ kind: 'start', epoch: 1 }, NOW);
	const proposes = node < world.proposers;
	if (proposes) {
		const [id, value] = [FIRST_PROPOSAL, proposalOf(node, FIRST_PROPOSAL)];
		agent.step({ kind: 'propose', proposal: { id, value, route: 'self', contest: world.contest ?? 0 } }, NOW);
	}
	return {
		node,
		agent: agent.state,
		durable: NOTHING,
		unflushed: NOTHING,
		held: [],
		votes: 0,
		chosen: [],
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
	#chosen: number[];
	#mayCampaign: boolean;
	/** In this turn the leader was asked to follow the change of that slot; -1 for none. */
	#asked = -1;
	readonly #mailbox: Event[] = [];

	constructor(numbers: Numbers, local: Local) {
		this.#numbers = numbers;
		this.#local = local;
		this.#mayCrash = local.mayCrash;
		this.#agent = PaxosAgent.from(configOf(numbers.world, local.node), copyOf(local.agent));
		this.#durable = local.durable;
		this.#unflushed = local.unflushed;
		this.#held = [...local.held];
		this.#votes = local.votes;
		this.#chosen = [...local.chosen];
		this.#mayCampaign = local.mayCampaign;
	}

	handle(event: Event): void {
		this.#mailbox.push(event);
		for (let next = this.#mailbox.shift(); next; next = this.#mailbox.shift()) {
			this.#step(next);
			if (this.#mailbox.length === 0) this.#ask();
		}
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
		this.#chosen = [];
		// The new process does not know the proposal.
		this.#mayCampaign = false;
		this.#agent = new PaxosAgent(configOf(this.#numbers.world, this.#local.node), recordsOf(this.#durable));
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
			this.#chosen[slot - 1] = this.#numbers.valueNumber(value);
			const proposal = proposerOf(value) === this.#local.node ? commandsOf(value)[1] : undefined;
			this.#mailbox.push({ kind: 'applied', through: slot, settled: proposal === undefined ? [] : [proposal] });
		}
	}

	/** A leader is asked for the next members as soon as it may change them, and for a value under the last ones. */
	#ask(): void {
		const { sets, ids } = this.#numbers.world;
		const { role, members, lastSlot, pendingCount } = this.#agent.view();
		const [inForce, following] = members.sets;
		if (role !== 'leader' || following || sets.length === 1) return;
		const wanted = sets[sets.findIndex((set) => sameNodes(set, inForce.voters)) + 1];
		if (wanted) {
			if (this.#asked === inForce.chosenAt) return;
			this.#asked = inForce.chosenAt;
			// The list begins at the node that asks, so that what two leaders ask for are two values.
			const first = ids[this.#local.node] as NodeId;
			const inOrder = [...wanted].sort((a, b) => Number(b === first) - Number(a === first));
			const members = votersNamed(inOrder);
			this.#mailbox.push({ kind: 'changeMembers', id: 1, members, follows: inForce.chosenAt });
		} else if (lastSlot < inForce.from && pendingCount === 0) {
			const [id, value] = [LAST_PROPOSAL, proposalOf(this.#local.node, LAST_PROPOSAL)];
			this.#mailbox.push({ kind: 'propose', proposal: { id, value, route: 'leader', contest: 0 } });
		}
	}

	#send(envelope: Envelope): void {
		this.sent.push(this.#numbers.messageNumber(this.#local.node, envelope));
	}

	#harden(): void {
		for (const record of recordsOf(this.#unflushed)) {
			if (record.kind !== 'accepted') continue;
			const ballot = this.#numbers.world.ids.indexOf(record.ballot.node);
			const value = this.#numbers.valueNumber(record.value);
			this.#votes = this.#numbers.withVote(this.#votes, { slot: record.slot, ballot, value });
		}
		if (this.#mayCrash) this.#durable = joined(this.#durable, this.#unflushed);
		this.#unflushed = NOTHING;
	}
}

function sameNodes(a: readonly NodeId[], b: readonly NodeId[]): boolean {
	return a.length === b.length && a.every((id) => b.includes(id));
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
