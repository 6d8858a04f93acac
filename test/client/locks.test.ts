/** Sessions and locks of clients, at a swarm of real nodes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
	BadKeyError,
	BadOptionsError,
	BadValueError,
	LockHeldError,
	SessionLostError,
} from '../../shared/client/errors.ts';
import { WATCHES_PER_CONNECTION_MAX } from '../../shared/client/protocol.ts';
import { TestSwarm } from './nodes.ts';

/** The time limit of what must come to be, on a busy machine. */
const PATIENT = { timeout: 60_000 };

let swarm: TestSwarm;

beforeAll(async () => {
	swarm = await TestSwarm.start(3);
});

afterAll(() => swarm.stop());

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

async function http(method: string, path: string): Promise<unknown> {
	return (await fetch(`${swarm.urls[0]}${path}`, { method })).json();
}

async function sessions(): Promise<readonly string[]> {
	return ((await http('GET', '/v1/session/list')) as { ID: string }[]).map(({ ID }) => ID);
}

describe('a session', () => {
	it('is there until it is destroyed, and its client is told when somebody else ends it', async () => {
		const client = swarm.client();
		const session = await client.session({ ttlMs: 20_000, lockDelayMs: 0, behavior: 'delete', name: 'of a test' });
		expect(await http('GET', `/v1/session/info/${session.id}`)).toMatchObject([
			{ ID: session.id, Name: 'of a test', TTL: '20s', LockDelay: 0, Behavior: 'delete' },
		]);
		await session.renew();
		await http('PUT', `/v1/session/destroy/${session.id}`);
		await expect(session.renew()).rejects.toEqual(new SessionLostError('ended'));
		const other = await client.session();
		await other.destroy();
		expect(await sessions()).not.toContain(other.id);
		client.close();
	});

	it('is lost with its client', async () => {
		const client = swarm.client();
		const session = await client.session();
		client.close();
		expect(session.lost.reason).toEqual(new SessionLostError('closed'));
		await expect(session.renew()).rejects.toBe(session.lost.reason);
		await expect(client.session()).rejects.toMatchObject({ why: 'closed' });
		await http('PUT', `/v1/session/destroy/${session.id}`);
	});

	it('is lost where its client is closed as soon as it is created', async () => {
		const client = swarm.client();
		const closed = client.put('at once', '').then(() => client.close());
		// Both are answered by one frame, and the put first.
		const session = await client.session();
		await closed;
		await http('PUT', `/v1/session/destroy/${session.id}`);
		expect(session.lost.reason).toEqual(new SessionLostError('closed'));
	});

	it('is neither renewed nor destroyed with wrong options', async () => {
		const client = swarm.client();
		const session = await client.session();
		for (const wrong of [null, 5, { signal: 1 }]) {
			await expect(session.renew(wrong as never)).rejects.toThrow(BadOptionsError);
			await expect(session.destroy(wrong as never)).rejects.toThrow(BadOptionsError);
		}
		expect(session.lost.aborted).toBe(false);
		await session.destroy();
		client.close();
	});

	it('with wrong options is not created, and one with a time-out that the swarm finds too short is neither', async () => {
		const client = swarm.client();
		for (const wrong of [
			null,
			5,
			{ ttlMs: 0 },
			{ ttlMs: 1.5 },
			{ ttlMs: '15s' },
			{ ttlMs: 86_400_001 },
			{ ttlMs: 9_999 },
			{ lockDelayMs: 60_001 },
			{ behavior: 'keep' },
			{ name: 5 },
			{ name: 'é'.repeat(129) },
			{ name: '\ud800' },
			{ signal: {} },
		]) {
			await expect(client.session(wrong as never), JSON.stringify(wrong)).rejects.toThrow(BadOptionsError);
		}
		expect(await sessions()).toEqual([]);
		client.close();
	});
});

/** By these flags Consul's client in Go knows a key that is a lock. */
const GO_LOCK_FLAGS = 0x2ddccbc058a50c18n;

describe('a lock', () => {
	it('is held by one of many that ask for it, and has a fence that grows', async () => {
		const fences: number[] = [];
		const indexes: number[] = [];
		let inside = 0;
		await Promise.all(
			Array.from({ length: 6 }, async () => {
				const client = swarm.client();
				for (let turn = 0; turn < 5; turn++) {
					await using lock = await client.lock('many');
					expect(++inside).toBe(1);
					fences.push(lock.fence.modifyRevision);
					indexes.push(lock.fence.lockIndex);
					await client.put('elsewhere', 'x');
					expect(lock.lost.aborted).toBe(false);
					inside--;
				}
				client.close();
			}),
		);
		expect(fences).toEqual([...fences].sort((a, b) => a - b));
		expect(indexes).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
		expect(await sessions()).toEqual([]);
	});

	it('tells in the entry of the key, and in its changes, who holds it', async () => {
		const client = swarm.client();
		const changes = client.watch('told');
		await client.put('told before', '');
		await changes.next();
		const session = await client.session();
		const lock = await client.lock('told', { session, value: 'me', flags: GO_LOCK_FLAGS });
		expect(lock.key).toBe('told');
		const entry = await client.get('told');
		expect([text(entry?.value), entry?.lock]).toEqual(['me', { session: session.id, index: 1 }]);
		expect(entry?.flags).toBe(GO_LOCK_FLAGS);
		expect(lock.fence).toEqual({ lockIndex: 1, modifyRevision: entry?.modifyRevision });
		await client.put('told', 'others may write');
		expect(await lock.release({ value: 'nobody' })).toBe(true);
		expect(await lock.release()).toBe(false);
		const free = await client.get('told');
		expect([text(free?.value), free?.lock]).toEqual(['nobody', { session: '', index: 1 }]);
		expect(free?.flags).toBe(GO_LOCK_FLAGS);
		const told: unknown[] = [];
		while (told.length < 3) {
			for (const change of (await changes.next()).value?.changes ?? [])
				if (change.kind === 'put') told.push(change.lock);
		}
		expect(told).toEqual([{ session: session.id, index: 1 }, { session: session.id, index: 1 }, free?.lock]);
		expect(lock.lost.aborted).toBe(false);
		await changes.return?.();
		await session.destroy();
		client.close();
	});

	it('copies its value before the call returns', async () => {
		const client = swarm.client();
		const value = new TextEncoder().encode('me');
		const asked = client.lock('copied', { value });
		structuredClone(value.buffer, { transfer: [value.buffer] });
		const lock = await asked;
		expect(text((await client.get('copied'))?.value)).toBe('me');
		await lock.release();
		expect(await sessions()).toEqual([]);
		client.close();
	});

	it('is lost when its key is deleted, let go by somebody else, or its session ends', async () => {
		const client = swarm.client();
		const reason = async (signal: AbortSignal): Promise<unknown> => {
			await expect.poll(() => signal.aborted, PATIENT).toBe(true);
			return signal.reason;
		};
		const deleted = await client.lock('lost');
		await client.delete('lost');
		expect(await reason(deleted.lost)).toMatchObject({ name: 'LockLostError', why: 'deleted' });
		const session = await client.session();
		const released = await client.lock('lost', { session });
		await http('PUT', `/v1/kv/lost?release=${session.id}`);
		expect(await reason(released.lost)).toMatchObject({ why: 'released' });
		const again = await client.lock('lost', { session });
		await session.destroy();
		expect(again.lost.reason).toMatchObject({ why: 'session', cause: new SessionLostError('destroyed') });
		await expect(client.lock('lost', { session })).rejects.toBe(session.lost.reason);
		client.close();
	});

	it('is not waited for where the caller does not want to, or not any more', async () => {
		const client = swarm.client();
		const lock = await client.lock('busy');
		await expect(client.lock('busy', { wait: false })).rejects.toThrow(LockHeldError);
		const abort = new AbortController();
		const waits = client.lock('busy', { signal: abort.signal });
		await expect.poll(sessions, PATIENT).toHaveLength(2);
		abort.abort(new Error('enough'));
		await expect(waits).rejects.toThrow('enough');
		await expect(client.lock('busy', { signal: abort.signal })).rejects.toThrow('enough');
		// What has waited has left no session behind.
		await expect.poll(sessions, PATIENT).toHaveLength(1);
		await lock.release();
		expect(await sessions()).toEqual([]);
		client.close();
	});

	it('leaves no session of its own behind where its release was aborted before it began', async () => {
		const client = swarm.client();
		const lock = await client.lock('early');
		await expect(lock.release({ signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
		await expect.poll(sessions, PATIENT).toEqual([]);
		expect([await lock.release(), lock.lost.aborted]).toEqual([false, false]);
		client.close();
	});

	it('comes, and is let go, though connections break meanwhile', async () => {
		const client = swarm.client();
		const session = await client.session();
		for (let turn = 0; turn < 10; turn++) {
			const asked = client.lock('cut', { session });
			setImmediate(() => client.cut());
			const lock = await asked;
			const released = lock.release();
			setImmediate(() => client.cut());
			expect(await released).toBe(true);
		}
		expect((await client.get('cut'))?.lock).toEqual({ session: '', index: 10 });
		await session.destroy();
		client.close();
	});

	it('is one of more than a client may have watches for', async () => {
		const client = swarm.client();
		const session = await client.session({ lockDelayMs: 0 });
		const count = WATCHES_PER_CONNECTION_MAX + 6;
		const locks = await Promise.all(Array.from({ length: count }, (_, at) => client.lock(`each/${at}`, { session })));
		await Promise.all(locks.map(({ key }) => client.delete(key)));
		await expect.poll(() => locks.every(({ lost }) => lost.aborted), PATIENT).toBe(true);
		await session.destroy();
		client.close();
	});

	it('chooses a leader, whom others observe', async () => {
		const [first, second, observer] = [swarm.client(), swarm.client(), swarm.client()];
		const leader = async (key: string): Promise<string | null> => {
			const entry = await observer.get(key);
			return entry?.lock.session ? new TextDecoder().decode(entry.value) : null;
		};
		async function* leaders(key: string): AsyncGenerator<string | null> {
			const watch = observer.watch(key);
			yield await leader(key);
			for await (const _ of watch) yield await leader(key);
		}
		const seen = leaders('leader');
		expect((await seen.next()).value).toBe(null);
		const lead = await first.lock('leader', { value: 'first' });
		expect((await seen.next()).value).toBe('first');
		const next = second.lock('leader', { value: 'second' });
		await lead.release();
		// Each change is followed by a read, so it may tell the same leader twice.
		for await (const name of seen) if (name === 'second') break;
		await (await next).release();
		for (const client of [first, second, observer]) client.close();
	});

	it('with wrong arguments is not asked for', async () => {
		const client = swarm.client();
		await expect(client.lock('')).rejects.toThrow(BadKeyError);
		await expect(client.lock('a', { value: 5 as never })).rejects.toThrow(BadValueError);
		const other = swarm.client();
		const session = await other.session();
		for (const wrong of [null, { wait: 1 }, { signal: 1 }, { session: {} }, { session: null }, { session }]) {
			await expect(client.lock('a', wrong as never), JSON.stringify(wrong)).rejects.toThrow(BadOptionsError);
		}
		const lock = await client.lock('a');
		await expect(lock.release(5 as never)).rejects.toThrow(BadOptionsError);
		await expect(lock.release({ value: 5 as never })).rejects.toThrow(BadValueError);
		expect(await lock.release()).toBe(true);
		await session.destroy();
		other.close();
		client.close();
	});
});
