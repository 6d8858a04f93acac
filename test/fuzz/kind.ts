/**
 * A kind of bad input, and what it is thrown at. A kind draws each input from the target's generator, throws it at a node
 * of a swarm that works, and checks the answer. It must leave nothing open and no key outside `fuzz/`.
 */
import assert from 'node:assert/strict';
import { Random } from '../../shared/simulation/random.ts';
import { request, Wire, type WireAnswer } from '../front/wire.ts';
import type { Swarm, TestNode } from '../process/swarm.ts';

export interface Kind {
	/** It is unique within its way in. */
	readonly name: string;
	/** What must be answered, for people. */
	readonly answer: string;
	/** The time limit, milliseconds; ANSWER_MAX_MS by default. */
	readonly maxMs?: number;
	/** @throws Error where something else is answered */
	throwAt(target: Target): Promise<void>;
}

/** An input that is not answered within this time, milliseconds, is not answered at all. */
export const ANSWER_MAX_MS = 30_000;

/** A way in, such as HTTP, and all kinds of bad input for it. */
export interface WayIn {
	readonly name: string;
	readonly kinds: readonly Kind[];
}

/** The secret of the swarm that inputs are thrown at. */
export const SECRET = 'the secret of the fuzzed swarm';

/** What one kind throws its inputs at, in one round. */
export class Target {
	readonly swarm: Swarm;
	/** The node whose turn it is. */
	readonly node: TestNode;
	readonly random: Random;
	/** The number of inputs that were thrown. */
	inputs = 0;
	/** Nodes that the kind has stopped and started. All others have to be the same processes as before. */
	readonly restarted = new Set<TestNode>();
	readonly #unique: string;
	readonly #open: (() => unknown)[] = [];
	#keys = 0;

	/** @param unique is in all keys of this target and of no other one */
	constructor(swarm: Swarm, random: Random, unique: string) {
		this.swarm = swarm;
		this.random = random;
		this.node = random.pick(swarm.nodes);
		this.#unique = unique;
	}

	/** A key that nothing else has. */
	key(): string {
		return `fuzz/${this.#unique}/${this.#keys++}`;
	}

	/** Has this called at the end of the kind. */
	atEnd(close: () => unknown): void {
		this.#open.push(close);
	}

	async end(): Promise<void> {
		for (const close of this.#open.splice(0).reverse()) await close();
	}

	/** A connection of its own. */
	wire(): Wire {
		const wire = new Wire(this.node.port);
		this.atEnd(() => wire.socket.destroy());
		return wire;
	}

	/** Throws a text, or bytes, on a connection of its own, and resolves with the first answer. */
	send(text: string | Uint8Array): Promise<WireAnswer> {
		this.inputs++;
		return this.wire().write(text).answer();
	}

	/** Throws a request on a connection of its own. */
	async ask(
		method: string,
		path: string,
		{ headers = [], body }: { readonly headers?: readonly string[]; readonly body?: string } = {},
	): Promise<WireAnswer> {
		this.inputs++;
		const wire = new Wire(this.node.port);
		try {
			const text = request(method, path, { headers, ...(body !== undefined && { body }) });
			return await wire.write(text).answer(method === 'HEAD');
		} finally {
			wire.socket.destroy();
		}
	}

	/** The value of a key as any node reads it; null where it is missing. */
	async read(key: string): Promise<string | null> {
		const node = this.random.pick(this.swarm.nodes);
		const answer = await node.fetch(`/v1/kv/${encodeURIComponent(key)}?raw`);
		const text = await answer.text();
		if (answer.status === 404) return null;
		assert.equal(answer.status, 200, text);
		return text;
	}
}

/** Checks an answer's status, and its text: the whole of it, or what it has to match. */
export function isAnswered(answer: WireAnswer, status: number, text?: string | RegExp): void {
	assert.equal(answer.status, status, `${answer.status} ${answer.body.slice(0, 500)}`);
	if (typeof text === 'string') assert.equal(answer.body, text);
	else if (text !== undefined) assert.match(answer.body, text);
}

/** Random bytes. */
export function bytesOf(random: Random, count: number): Buffer {
	return Buffer.from(Array.from({ length: count }, () => random.integer(0, 255)));
}

/** A text of so many characters, each drawn from `alphabet`. */
export function textOf(random: Random, count: number, alphabet: string): string {
	const letters = [...alphabet];
	return Array.from({ length: count }, () => random.pick(letters)).join('');
}

/** The stream of random numbers of one kind in one round, whatever else is played. */
export function randomOf(seed: number, kind: string, round: number): Random {
	const streams = [...kind].map((letter) => letter.codePointAt(0) as number);
	return new Random(seed, ...streams, round);
}
