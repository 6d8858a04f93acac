/**
 * A storage adapter of keyv 5 (`npm install keyv`), over a client:
 * `new Keyv({ store: new KeyvSwarm({ client }), namespace: 'sessions', ttl: 60_000 })`.
 *
 * The store has no time-outs of keys. An entry's end is kept in its flags, and an adapter that reads an entry which is
 * over takes it for missing and deletes it. So entries that nobody asks for stay until `clear`, or until the next walk
 * over all of them (`iterator`). Their end is judged by the clock of the process that reads, as keyv judges it too.
 */
import type { SwarmClient, WriteResult } from './client.ts';
import { BadOptionsError } from './errors.ts';
import { wallMs } from './platform.ts';
import type { ListedEntry, ReadEntry } from './protocol.ts';

export interface KeyvSwarmOptions {
	readonly client: SwarmClient;
	/**
	 * All keys of the adapter begin with it, and keyv's own prefix for the namespace comes behind it: `keyv/sessions:id`. One
	 * character at least; `keyv/` by default.
	 */
	readonly prefix?: string;
}

const text = new TextDecoder('utf-8', { ignoreBOM: true });

/** Its methods fail as those of the client do. keyv turns that into an event `error`, or throws it (`throwOnErrors`). */
export class KeyvSwarm {
	/** keyv 5 iterates over the dialects that it knows only. Of these, etcd is a store like this one. */
	readonly opts: Record<string, unknown> = { dialect: 'etcd', url: '' };
	/** Set by keyv: `clear` and `iterator` keep to it. */
	namespace?: string;
	readonly #client: SwarmClient;
	readonly #prefix: string;

	/** @throws BadOptionsError for an empty prefix, by which `clear` would delete every key of the swarm */
	constructor({ client, prefix = 'keyv/' }: KeyvSwarmOptions) {
		if (prefix === '') throw new BadOptionsError('prefix has one character at least');
		this.#client = client;
		this.#prefix = prefix;
	}

	/** keyv listens for errors between calls. There are none: each call fails by itself. */
	on(_event: string, _listener: (...args: never[]) => void): this {
		return this;
	}

	/** `await store.get('id')`. Resolves with undefined for an entry that is missing or over. */
	async get<Value>(key: string): Promise<Value | undefined> {
		const entry = await this.#present(key);
		return entry ? (text.decode(entry.value) as Value) : undefined;
	}

	/** `await store.getMany(['a', 'b'])`: their reads leave together. */
	getMany<Value>(keys: readonly string[]): Promise<(Value | undefined)[]> {
		return Promise.all(keys.map((key) => this.get<Value>(key)));
	}

	/**
	 * `await store.set('id', 'value', 60_000)`. Those that keyv makes together (`setMany`) leave together.
	 *
	 * @param value what keyv's `serialize` gives: a text
	 * @param ttl the entry is over after so long, milliseconds; without it, or with Infinity, never
	 */
	async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
		const flags = flagsOf(ttl);
		return (await this.#client.put(this.#prefix + key, value as string, { flags })).ok;
	}

	/** `await store.has('id')`. Resolves with whether the entry is there and not over. */
	async has(key: string): Promise<boolean> {
		return (await this.#present(key)) !== null;
	}

	/** `await store.hasMany(['a', 'b'])`. Resolves with a boolean for each key. */
	hasMany(keys: readonly string[]): Promise<boolean[]> {
		return Promise.all(keys.map((key) => this.has(key)));
	}

	/** `await store.delete('id')`. Resolves with whether the entry was there. */
	async delete(key: string): Promise<boolean> {
		for (;;) {
			const entry = await this.#present(key);
			if (!entry) return false;
			if ((await this.#deleteAs(key, entry)).ok) return true;
		}
	}

	/** `await store.deleteMany(['a', 'b'])`. Resolves with whether all of them were there. */
	async deleteMany(keys: readonly string[]): Promise<boolean> {
		return (await Promise.all(keys.map((key) => this.delete(key)))).every(Boolean);
	}

	/** `await store.clear()`: deletes the keys of the namespace, or of the adapter where there is none, together. */
	async clear(): Promise<void> {
		await this.#client.deletePrefix(this.#prefixOf(this.namespace));
	}

	/** `for await (const [key, value] of store.iterator('sessions'))`, page by page, as `SwarmClient.list`. */
	async *iterator<Value>(namespace?: string): AsyncGenerator<[string, Value], void> {
		for await (const entry of this.#client.list(this.#prefixOf(namespace))) {
			const key = entry.key.slice(this.#prefix.length);
			if (await this.#isPresent(key, entry)) yield [key, text.decode(entry.value) as Value];
		}
	}

	/** `await store.disconnect()`: closes the client. */
	async disconnect(): Promise<void> {
		this.#client.close();
	}

	/** keyv writes the namespace and a colon in front of each key, and nothing where the namespace is empty. */
	#prefixOf(namespace: string | undefined): string {
		return namespace ? `${this.#prefix}${namespace}:` : this.#prefix;
	}

	async #present(key: string): Promise<ReadEntry | null> {
		const entry = await this.#client.get(this.#prefix + key);
		return entry && (await this.#isPresent(key, entry)) ? entry : null;
	}

	/** An entry that is over is deleted, unless it was written meanwhile. */
	async #isPresent(key: string, entry: ReadEntry | ListedEntry): Promise<boolean> {
		if (entry.flags === 0n || wallMs() <= Number(entry.flags)) return true;
		await this.#deleteAs(key, entry);
		return false;
	}

	#deleteAs(key: string, { modifyRevision }: ReadEntry): Promise<WriteResult> {
		return this.#client.delete(this.#prefix + key, { cas: modifyRevision });
	}
}

/** The end of an entry, as its flags tell it: Unix time in milliseconds; 0 for none. */
function flagsOf(ttl: number | undefined): bigint {
	if (ttl === undefined) return 0n;
	if (Number.isNaN(Number(ttl))) throw new BadOptionsError('ttl is a number of milliseconds');
	const endMs = Math.ceil(wallMs() + ttl);
	return endMs > Number.MAX_SAFE_INTEGER ? 0n : BigInt(Math.max(1, endMs));
}
