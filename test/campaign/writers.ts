/**
 * Writers that load a swarm through the client and note their answers: each put that was acknowledged or refused, or
 * whose outcome is unknown, and counters that are raised by compare-and-set. They rely on answers alone, and go on after
 * failures until they are stopped.
 */
import { setTimeout } from 'node:timers/promises';
import { SwarmClient } from '../../shared/client/client.ts';
import { RefusedError, UnknownOutcomeError } from '../../shared/client/errors.ts';
import type { Connect } from '../../shared/client/socket.ts';

/** The time limit of a call, with all the client's retries. */
const CALL_MAX_MS = 8_000;

export interface Told {
	/** The value that was acknowledged, by key. */
	readonly acknowledged: Map<string, string>;
	/** The value whose put may have happened, by key. */
	readonly unknown: Map<string, string>;
	/** The value whose put surely did not happen, by key. */
	readonly refused: Map<string, string>;
	/** How often each counter was raised, as its writers know. */
	readonly raised: Map<string, number>;
}

export class Writers {
	readonly told: Told = { acknowledged: new Map(), unknown: new Map(), refused: new Map(), raised: new Map() };
	readonly #clients: SwarmClient[] = [];
	readonly #running: Promise<void>[] = [];
	readonly #pauseMs: number;
	#stopped = false;
	#heard: { readonly count: number; readonly resolve: () => void }[] = [];

	/**
	 * @param nodes `http://host:port` of each node
	 * @param putters how many writers put keys of their own
	 * @param counters how many counters there are, each raised by two writers
	 * @param pauseMs each writer waits so long between two calls
	 */
	constructor(nodes: readonly string[], connect: Connect, putters: number, counters: number, pauseMs = 0) {
		this.#pauseMs = pauseMs;
		const client = (): SwarmClient => {
			const made = new SwarmClient({ nodes, connect, timeoutMs: CALL_MAX_MS });
			this.#clients.push(made);
			return made;
		};
		for (let putter = 0; putter < putters; putter++) this.#running.push(this.#put(client(), `put-${putter}`));
		for (let counter = 0; counter < counters; counter++) {
			for (const name of ['a', 'b']) this.#running.push(this.#raise(client(), `counter-${counter}`, name));
		}
	}

	/** Resolves once `more` further puts were acknowledged. */
	acknowledged(more: number): Promise<void> {
		return new Promise((resolve) => this.#heard.push({ count: this.told.acknowledged.size + more, resolve }));
	}

	/** Stops the writers, and resolves when every call has ended. */
	async stop(): Promise<void> {
		this.#stopped = true;
		await Promise.all(this.#running);
		for (const client of this.#clients) client.close();
	}

	/** Puts one key after the other; no key is put twice. */
	async #put(client: SwarmClient, name: string): Promise<void> {
		for (let count = 0; !this.#stopped; count++) {
			if (this.#pauseMs > 0) await setTimeout(this.#pauseMs);
			const key = `${name}/${String(count).padStart(7, '0')}`;
			const value = `value of ${key}`;
			const { told } = this;
			try {
				const { ok } = await client.put(key, value, { cas: 0 });
				if (!ok) throw new Error(`${key} was there before it was put: it was put twice`);
				told.acknowledged.set(key, value);
				this.#hear();
			} catch (error) {
				if (error instanceof UnknownOutcomeError) told.unknown.set(key, value);
				else if (error instanceof RefusedError) told.refused.set(key, value);
				else throw error;
			}
		}
	}

	/**
	 * Raises a counter by compare-and-set. The value tells for each writer how often it has raised it, so that a
	 * writer finds out about a write whose outcome it was not told.
	 */
	async #raise(client: SwarmClient, key: string, name: string): Promise<void> {
		let done = 0;
		while (!this.#stopped) {
			if (this.#pauseMs > 0) await setTimeout(this.#pauseMs);
			try {
				const entry = await client.get(key);
				const counts = entry ? (JSON.parse(new TextDecoder().decode(entry.value)) as Record<string, number>) : {};
				const mine = counts[name] ?? 0;
				if (mine !== done && mine !== done + 1)
					throw new Error(`${key} was raised ${mine} times by ${name}, not ${done}`);
				done = mine;
				this.told.raised.set(`${key} ${name}`, done);
				const raised = JSON.stringify({ ...counts, [name]: done + 1 });
				const { ok } = await client.put(key, raised, { cas: entry?.modifyRevision ?? 0 });
				if (ok) done++;
				this.told.raised.set(`${key} ${name}`, done);
			} catch (error) {
				if (!(error instanceof UnknownOutcomeError || error instanceof RefusedError)) throw error;
			}
		}
	}

	#hear(): void {
		const { size } = this.told.acknowledged;
		const due = this.#heard.filter(({ count }) => count <= size);
		this.#heard = this.#heard.filter(({ count }) => count > size);
		for (const { resolve } of due) resolve();
	}
}
