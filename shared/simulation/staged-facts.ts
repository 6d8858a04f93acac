/**
 * The facts of all nodes of a staged run, stamped as a real node stamps its own, and gathered until they are taken. They
 * are in the form of the feed, so a page shows them as those of real nodes.
 */
import { type Fact, plain, type RawFactBody } from '../fact.ts';
import type { MembersView, NodeSnapshot } from '../feed.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Message } from '../paxos/message.ts';
import type { ReplicaFact } from '../replica/runtime.ts';
import type { SimulatedNode } from './node.ts';
import type { Instant } from './schedule.ts';
import type { Onlooker } from './world.ts';

/** What one life of a node has told. */
interface Life {
	readonly epoch: number;
	seq: number;
	/** Up to this one its changes of keys were told. */
	revision: number;
	facts: Fact[];
}

export class StagedFacts implements Onlooker {
	readonly #lives = new Map<SimulatedNode, Life>();

	/** The `seq` of the last fact of the present life; 0 before the first. */
	seqOf(node: SimulatedNode): number {
		return this.#lifeOf(node).seq;
	}

	/** The facts of the node since they were last taken. */
	take(node: SimulatedNode): Fact[] {
		const life = this.#lifeOf(node);
		const { facts } = life;
		if (facts.length > 0) life.facts = [];
		return facts;
	}

	note(): void {
		// Notes are lines for people who read a trace.
	}

	fact(time: Instant, node: SimulatedNode, fact: AgentFact | ReplicaFact): void {
		this.#tell(time, node, fact);
	}

	sent(time: Instant, node: SimulatedNode, to: NodeId, messageId: string, message: Message): void {
		// A node that knows its link to be down tells of no message.
		if (node.process?.mesh.linked().includes(to)) this.#tell(time, node, { kind: 'sent', to, messageId, message });
	}

	received(time: Instant, node: SimulatedNode, from: NodeId, messageId: string, message: Message): void {
		this.#tell(time, node, { kind: 'received', from, messageId, message });
	}

	link(time: Instant, node: SimulatedNode, peer: NodeId, works: boolean): void {
		if (!node.process) return;
		if (works) this.#tell(time, node, { kind: 'linkUp', peer });
		else this.#tell(time, node, { kind: 'linkDown', peer, why: 'the connection has ended' });
	}

	applied(time: Instant, node: SimulatedNode, through: number, revision: number): void {
		const life = this.#lifeOf(node);
		const told = life.revision;
		life.revision = revision;
		const doors = node.process?.replica.doors;
		const changes = doors && { changes: () => doors.changesAfter(told) };
		this.#tell(time, node, { kind: 'applied', through, revision, ...changes });
	}

	#tell(time: Instant, node: SimulatedNode, body: RawFactBody): void {
		const life = this.#lifeOf(node);
		const stamp = { node: node.id, epoch: String(life.epoch), seq: ++life.seq, time: wallMsOf(node, time) };
		life.facts.push({ ...stamp, ...(plain(body) as object) } as Fact);
	}

	#lifeOf(node: SimulatedNode): Life {
		const known = this.#lives.get(node);
		if (known?.epoch === node.epoch) return known;
		const life = { epoch: node.epoch, seq: 0, revision: node.process?.store.revision ?? 0, facts: [] };
		this.#lives.set(node, life);
		return life;
	}
}

/** What the node knows of itself; null where no process of it runs. */
export function snapshotOf(node: SimulatedNode, facts: StagedFacts, time: Instant): NodeSnapshot | null {
	const { id, epoch, process } = node;
	if (!process) return null;
	const { sets } = process.agent.members.state;
	return {
		node: id,
		faults: null,
		epoch: String(epoch),
		seq: facts.seqOf(node),
		time: wallMsOf(node, time),
		swarm: {
			name: 'sandbox',
			id: 'sandbox',
			members: [...new Map(sets.flatMap(({ members }) => members.map((one) => [one.id, one]))).values()],
			sets: sets.map(({ chosenAt, from, members }): MembersView => ({ chosenAt, from, members })),
		},
		linked: process.mesh.linked(),
		...process.replica.snapshot(),
	};
}

/** What the wall clock of the node shows, milliseconds since 1970 with a fraction. */
export function wallMsOf(node: SimulatedNode, time: Instant): number {
	const { ms, ns } = node.clock.wallTime(time);
	return ms + ns / 1_000_000;
}
