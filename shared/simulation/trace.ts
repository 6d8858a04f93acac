/**
 * Records a world's events, as lines for people and as the facts of `shared/fact.ts`. It changes nothing.
 */
import { type Fact, type FactBody, plain } from '../fact.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Message } from '../paxos/message.ts';
import { isNoop } from '../paxos/value.ts';
import type { ReplicaFact } from '../replica/runtime.ts';
import type { SimulatedNode } from './node.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import { hashOf } from './values.ts';
import type { Onlooker } from './world.ts';

export class Trace implements Onlooker {
	readonly lines: string[] = [];
	readonly facts: Fact[] = [];
	/** The number of facts so far, by epoch. */
	readonly #told = new Map<string, number>();

	note(time: Instant, node: NodeId | '', text: string): void {
		this.lines.push(`${(time / US_PER_MS).toFixed(3).padStart(10)} ${node.padEnd(3)} ${text}`);
	}

	fact(time: Instant, node: SimulatedNode, fact: AgentFact | ReplicaFact): void {
		if ('detail' in fact) this.note(time, node.id, fact.detail);
		this.#tell(time, node, plain(fact) as FactBody);
	}

	sent(time: Instant, node: SimulatedNode, to: NodeId, messageId: string, message: Message, lost: boolean): void {
		this.note(time, node.id, `-> ${to} ${describeMessage(message)}${lost ? '  LOST' : ''}`);
		this.#tell(time, node, { kind: 'sent', to, messageId, message: plain(message) } as FactBody);
	}

	received(time: Instant, node: SimulatedNode, from: NodeId, messageId: string, message: Message): void {
		this.note(time, node.id, `<- ${from} ${describeMessage(message)}`);
		this.#tell(time, node, { kind: 'received', from, messageId, message: plain(message) } as FactBody);
	}

	link(time: Instant, node: SimulatedNode, peer: NodeId, works: boolean): void {
		this.note(time, node.id, `link to ${peer} is ${works ? 'up' : 'down'}`);
		this.#tell(time, node, works ? { kind: 'linkUp', peer } : { kind: 'linkDown', peer, why: 'the link is cut' });
	}

	applied(time: Instant, node: SimulatedNode, through: number, revision: number): void {
		this.#tell(time, node, { kind: 'applied', through, revision });
	}

	#tell(time: Instant, node: SimulatedNode, body: FactBody): void {
		const epoch = `${node.id}-${node.epoch}`;
		const seq = (this.#told.get(epoch) ?? 0) + 1;
		this.#told.set(epoch, seq);
		const { ms, ns } = node.clock.wallTime(time);
		this.facts.push({ node: node.id, epoch, seq, time: ms + ns / 1_000_000, ...body });
	}
}

/** One message on one line. */
function describeMessage(message: Message): string {
	const parts: string[] = [message.kind];
	for (const [name, value] of Object.entries(message)) if (name !== 'kind') parts.push(`${name}=${describe(value)}`);
	return parts.join(' ');
}

function describe(value: unknown): string {
	if (value instanceof Uint8Array) return isNoop(value) ? 'no-op' : `#${(hashOf(value) % 46_656).toString(36)}`;
	if (Array.isArray(value)) return `[${value.map(describe).join(', ')}]`;
	if (value === null || typeof value !== 'object') return String(value);
	if ('ms' in value && 'ns' in value && 'node' in value) {
		return value.node === '' ? 'none' : `${Number(value.ms) % 1_000_000}.${value.ns}@${value.node}`;
	}
	return Object.values(value).map(describe).join('/');
}
