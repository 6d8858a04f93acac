/**
 * Agents whose messages, flushes and timers happen only when the test makes them happen. It is for tests of single
 * rules; the simulator tests random schedules.
 */

import { membersText } from '../../shared/fact.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import { ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import type { Decision, Effects, Outcome } from '../../shared/paxos/effects.ts';
import type { Event, LogRoom, Timer } from '../../shared/paxos/event.ts';
import type { AgentFact } from '../../shared/paxos/fact.ts';
import { firstMembers, type MembersState } from '../../shared/paxos/members.ts';
import type { Envelope, Message, MessageKind } from '../../shared/paxos/message.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import {
	batchValue,
	changeOf,
	commandsOf,
	elapsedMsOf,
	isMembersChange,
	isNoop,
	type Value,
} from '../../shared/paxos/value.ts';
import { votersNamed } from '../../shared/simulation/node.ts';

export interface InFlight {
	readonly from: NodeId;
	readonly to: NodeId;
	readonly message: Message;
}

interface Bench {
	agent: PaxosAgent;
	/** The durable records. */
	durable: DurableRecord[];
	/** The records that are not flushed yet, with the envelopes that wait for them. */
	unflushed: { records: readonly DurableRecord[]; envelopes: readonly Envelope[] }[];
	flushHeld: boolean;
	applied: Decision[];
	outcomes: Outcome[];
	facts: AgentFact[];
	campaignAsked: boolean;
}

export type Filter = (envelope: InFlight) => boolean;

const TIMINGS = {
	electionMinMs: 300,
	electionMaxMs: 500,
	heartbeatMs: 75,
	pollMaxMs: 40,
	retryMs: 250,
	backoffMinMs: 5,
	backoffMaxMs: 500,
};

export class Lab {
	readonly members: readonly NodeId[];
	readonly net: InFlight[] = [];
	readonly #benches = new Map<NodeId, Bench>();
	readonly #config: Partial<AgentConfig>;
	readonly #clocks = new Map<NodeId, number>();
	readonly #stillMs = new Map<NodeId, number>();
	readonly #rooms = new Map<NodeId, LogRoom>();
	#steadyMs = 0;
	#proposalNext = 1;
	#epochNext = 1;

	/** @param spares nodes that are no members at first */
	constructor(size: number, config: Partial<AgentConfig> = {}, spares: readonly NodeId[] = []) {
		this.members = Array.from({ length: size }, (_, index) => `n${index + 1}`);
		this.#config = config;
		for (const id of [...this.members, ...spares]) this.#boot(id, []);
	}

	/** From now on the node's wall clock shows this. */
	setClock(id: NodeId, ms: number): void {
		this.#clocks.set(id, ms);
	}

	/** From now on the node has stood still for so long lately. */
	setStill(id: NodeId, ms: number): void {
		this.#stillMs.set(id, ms);
	}

	/** From now on the node's log takes no more than this. */
	setRoom(id: NodeId, room: LogRoom): void {
		this.#rooms.set(id, room);
	}

	/** So much time passes, by everybody's monotonic clock. */
	pass(ms: number): void {
		this.#steadyMs += ms;
	}

	/** The members that all nodes begin with. */
	get firstMembers(): MembersState {
		return firstMembers(votersNamed(this.members));
	}

	// The events of a node

	step(id: NodeId, event: Event): Effects {
		const bench = this.#bench(id);
		const effects = bench.agent.step(event, {
			wallMs: this.#clocks.get(id) ?? 0,
			steadyMs: this.#steadyMs,
			stillMs: this.#stillMs.get(id) ?? 0,
			room: this.#rooms.get(id) ?? 'everything',
		});
		bench.facts.push(...effects.facts);
		bench.outcomes.push(...effects.outcomes);
		bench.applied.push(...effects.apply);
		if (effects.timers.some(({ timer }) => timer === 'campaign')) bench.campaignAsked = true;
		for (const { to, message } of effects.send) this.net.push({ from: id, to, message });
		bench.unflushed.push({ records: effects.persist, envelopes: effects.sendWhenDurable });
		if (!bench.flushHeld) this.flush(id);
		return effects;
	}

	/** Begins a campaign under a ballot of this time. */
	campaign(id: NodeId, ms: number): Effects {
		this.#bench(id).campaignAsked = false;
		return this.step(id, { kind: 'campaign', now: { ms, ns: 0 } });
	}

	/** Lets a node poll, a quorum answer that it hears no leader, and the node campaign. */
	elect(id: NodeId, ms: number): void {
		this.step(id, { kind: 'timer', timer: 'poll' });
		this.deliver();
		if (!this.#bench(id).campaignAsked) throw new Error(`${id} was not to campaign`);
		this.campaign(id, ms);
		this.deliver();
	}

	timer(id: NodeId, timer: Timer): Effects {
		return this.step(id, { kind: 'timer', timer });
	}

	/** @returns the proposal's id */
	propose(id: NodeId, text: string, route: 'leader' | 'self' = 'leader', contest = 0): number {
		const proposal = this.#proposalNext++;
		this.step(id, { kind: 'propose', proposal: { id: proposal, value: bytes(text), route, contest } });
		return proposal;
	}

	/** The state machine has applied all slots that it was given, and settled these proposals. */
	applied(id: NodeId, settled: readonly number[] = []): void {
		this.step(id, { kind: 'applied', through: this.#bench(id).applied.length, settled });
	}

	holdFlush(id: NodeId): void {
		this.#bench(id).flushHeld = true;
	}

	/** All records are durable, and the envelopes that waited for them leave. */
	flush(id: NodeId): void {
		const bench = this.#bench(id);
		bench.flushHeld = false;
		while (bench.unflushed.length > 0) {
			const { records, envelopes } = bench.unflushed.shift() as Bench['unflushed'][number];
			bench.durable.push(...records);
			for (const { to, message } of envelopes) {
				if (to === id) this.step(id, { kind: 'receive', from: id, message });
				else this.net.push({ from: id, to, message });
			}
		}
	}

	/** Stops the node, loses the records that are not flushed, and starts it again. */
	restart(id: NodeId): void {
		this.#boot(id, this.#bench(id).durable);
	}

	// The network

	/** Delivers all messages that pass the filter, with those that are sent meanwhile, until none is left. */
	deliver(passes: Filter = () => true): void {
		for (let found = this.net.findIndex(passes); found >= 0; found = this.net.findIndex(passes)) {
			const [envelope] = this.net.splice(found, 1) as [InFlight];
			this.step(envelope.to, { kind: 'receive', from: envelope.from, message: envelope.message });
		}
	}

	/** Loses all messages that pass the filter. */
	drop(passes: Filter = () => true): void {
		this.net.splice(0, this.net.length, ...this.net.filter((envelope) => !passes(envelope)));
	}

	inFlight(kind: MessageKind): InFlight[] {
		return this.net.filter(({ message }) => message.kind === kind);
	}

	// The facts of a node

	agent(id: NodeId): PaxosAgent {
		return this.#bench(id).agent;
	}

	chosen(id: NodeId): string[] {
		return this.#bench(id).applied.map(({ value }) => text(value));
	}

	/** By how much each slot that was applied moves the time of the state machine. */
	elapsedMs(id: NodeId): number[] {
		return this.#bench(id).applied.map(({ value }) => elapsedMsOf(value));
	}

	durable(id: NodeId): readonly DurableRecord[] {
		return this.#bench(id).durable;
	}

	outcomes<K extends Outcome['kind']>(id: NodeId, kind: K): (Outcome & { kind: K })[] {
		return this.#bench(id).outcomes.filter((outcome): outcome is Outcome & { kind: K } => outcome.kind === kind);
	}

	facts<K extends AgentFact['kind']>(id: NodeId, kind: K): (AgentFact & { kind: K })[] {
		return this.#bench(id).facts.filter((fact): fact is AgentFact & { kind: K } => fact.kind === kind);
	}

	campaignAsked(id: NodeId): boolean {
		return this.#bench(id).campaignAsked;
	}

	promised(id: NodeId): string {
		return ballotToText(this.agent(id).view().promised);
	}

	configOf(id: NodeId): AgentConfig {
		return {
			id,
			members: votersNamed(this.members),
			openSlotsMax: 4,
			slotsAheadMax: 16,
			valueBytesMax: 1000,
			messageBytesMax: 1000,
			timings: TIMINGS,
			...this.#config,
		};
	}

	#boot(id: NodeId, durable: DurableRecord[]): void {
		const agent = new PaxosAgent(this.configOf(id), durable);
		agent.watched = true;
		this.#benches.set(id, {
			agent,
			durable,
			unflushed: [],
			flushHeld: false,
			applied: [],
			outcomes: [],
			facts: [],
			campaignAsked: false,
		});
		this.step(id, { kind: 'start', epoch: this.#epochNext++ });
	}

	#bench(id: NodeId): Bench {
		const bench = this.#benches.get(id);
		if (!bench) throw new Error(`no node ${id}`);
		return bench;
	}
}

/** A slot's value. */
export function bytes(text: string): Value {
	return batchValue(new TextEncoder().encode(text));
}

export function text(value: Value): string {
	if (isMembersChange(value)) return `members ${membersText(changeOf(value).members)}`;
	return isNoop(value) ? 'no-op' : new TextDecoder().decode(commandsOf(value));
}

/** A filter for messages between these nodes. */
export function among(...ids: readonly NodeId[]): Filter {
	return ({ from, to }) => ids.includes(from) && ids.includes(to);
}

export function ofKind(...kinds: readonly MessageKind[]): Filter {
	return ({ message }) => kinds.includes(message.kind);
}
