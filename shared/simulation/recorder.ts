/** Records the end of a simulated run as a trace file, which the page opens. It changes nothing. */
import type { NodeId } from '../paxos/ballot.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Message } from '../paxos/message.ts';
import type { ReplicaFact } from '../replica/runtime.ts';
import type { TraceFile } from '../trace-file.ts';
import type { SimulatedNode } from './node.ts';
import type { Instant } from './schedule.ts';
import { StagedFacts, snapshotOf, wallMsOf } from './staged-facts.ts';
import { TraceWriter } from './trace-writer.ts';
import { CRASH_NOTE, type Onlooker } from './world.ts';

export class Recorder implements Onlooker {
	readonly #facts = new StagedFacts();
	readonly #nodes = new Map<NodeId, SimulatedNode>();
	/** By node: the life of which a snapshot was recorded last. */
	readonly #epochs = new Map<SimulatedNode, number>();
	/** What is told now is told at this time. */
	#time: Instant = 0;
	readonly #writer = new TraceWriter(() =>
		[...this.#nodes.values()].flatMap((node) => snapshotOf(node, this.#facts, this.#time) ?? []),
	);

	note(time: Instant, id: NodeId | '', text: string): void {
		const node = this.#nodes.get(id);
		if (!node || text !== CRASH_NOTE) return;
		this.#at(time);
		this.#settle();
		this.#writer.add(time, { kind: 'lost', node: id, sinceMs: wallMsOf(node, time) });
	}

	fact(time: Instant, node: SimulatedNode, fact: AgentFact | ReplicaFact): void {
		this.#factsOf(time, node).fact(time, node, fact);
	}

	sent(time: Instant, node: SimulatedNode, to: NodeId, messageId: string, message: Message): void {
		this.#factsOf(time, node).sent(time, node, to, messageId, message);
	}

	received(time: Instant, node: SimulatedNode, from: NodeId, messageId: string, message: Message): void {
		this.#factsOf(time, node).received(time, node, from, messageId, message);
	}

	link(time: Instant, node: SimulatedNode, peer: NodeId, works: boolean): void {
		this.#factsOf(time, node).link(time, node, peer, works);
	}

	applied(time: Instant, node: SimulatedNode, through: number, revision: number): void {
		this.#factsOf(time, node).applied(time, node, through, revision);
	}

	/** @param title for people: what the trace is of, in one sentence */
	file(title: string): TraceFile {
		this.#settle();
		return this.#writer.file(title);
	}

	#factsOf(time: Instant, node: SimulatedNode): StagedFacts {
		this.#at(time);
		this.#nodes.set(node.id, node);
		return this.#facts;
	}

	#at(time: Instant): void {
		if (time === this.#time) return;
		this.#settle();
		this.#time = time;
	}

	/** The instant is over: what was told in it is recorded. A life begins with a snapshot, which holds its facts so far. */
	#settle(): void {
		for (const node of this.#nodes.values()) {
			const facts = this.#facts.take(node);
			const snapshot = this.#epochs.get(node) === node.epoch ? null : snapshotOf(node, this.#facts, this.#time);
			if (snapshot) {
				this.#epochs.set(node, node.epoch);
				this.#writer.add(this.#time, { kind: 'snapshot', snapshot });
			} else if (facts.length > 0) {
				this.#writer.add(this.#time, { kind: 'facts', facts });
			}
		}
	}
}
