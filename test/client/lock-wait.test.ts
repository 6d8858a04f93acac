/** What a client that waits for a lock sends meanwhile, by a clock that the test moves. */
import { afterEach, expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeChanges } from '../../shared/client/changes.ts';
import type { ClientCore } from '../../shared/client/core.ts';
import { KeyLock } from '../../shared/client/lock.ts';
import { lockOwner } from '../../shared/client/lock-owner.ts';
import {
	writeChangesSection,
	writeEntry,
	writeRefused,
	writeResults,
	writeValues,
	writeWatchEnded,
} from '../../shared/client/node-frame.ts';
import { STATUSES, type WatchEndReason } from '../../shared/client/protocol.ts';
import { OpenSession } from '../../shared/client/session.ts';
import { attributesOf } from '../../shared/client/session-attributes.ts';
import { KIND_ACQUIRE, KIND_CHECK_SESSION, KIND_RELEASE, KIND_RENEW_SESSION } from '../../shared/store/batch-format.ts';
import { type GotBatch, type VirtualSocket, VirtualSwarm } from './virtual.ts';

const OTHER = '99999999-9999-4999-8999-999999999999';
const KEY = 'job';
const VALUE = new Uint8Array(0);

/** One node with one key, which the test lets others hold. */
class OneKey extends VirtualSwarm {
	/** The session that holds the key; '' for none. */
	holder = OTHER;
	isDelayed = false;
	/** Why each watch is ended as soon as it has begun; null where it is not. */
	watchEnd: WatchEndReason | null = null;
	/** The time that a read takes, milliseconds. */
	readMs = 0;
	/** Whether there is no leader to take a write. */
	refuses = false;
	/** Whether somebody has ended the session of the client. */
	hasEnded = false;
	/** The times at which the key was asked for. */
	readonly asked: number[] = [];
	released = 0;
	checked = 0;
	reads = 0;
	readonly core: ClientCore;
	readonly session: Promise<OpenSession>;
	#watch: { readonly socket: VirtualSocket; readonly id: number } | null = null;
	#index = 1;
	#revision = 1;
	#changed = 1;
	/** The client has given up all commands up to this sequence, or has their results. */
	#receivedThrough = 0;

	constructor() {
		super(['n1']);
		this.onWrite = (batch, out) => this.#write(batch, out);
		this.onRead = ({ first }, socket) => {
			this.reads++;
			this.time.after(this.readMs, () => {
				const out = new Writer();
				writeValues(out, first, 1);
				writeEntry(out, this.#entry());
				socket.toClient(out.take());
			});
			return true;
		};
		this.onWatch = (_node, socket, section) => {
			this.#watch = section.kind === 'watch' ? { socket, id: section.id } : null;
			if (this.#watch && this.watchEnd !== null) this.endWatch(this.watchEnd);
		};
		this.core = this.client();
		this.session = OpenSession.create(lockOwner(this.core, this.time.runtime), attributesOf({ ttlMs: 86_400_000 }));
	}

	async lock(signal?: AbortSignal): Promise<KeyLock> {
		const session = await this.session;
		const wanted = { key: KEY, value: VALUE, flags: 0n, session, ownsSession: false, waits: true, signal };
		return KeyLock.acquire(lockOwner(this.core, this.time.runtime), wanted);
	}

	get isWatched(): boolean {
		return this.#watch !== null;
	}

	/** Another session takes the key, or lets it go; null deletes it. */
	change(holder: string | null): void {
		this.holder = holder ?? '';
		if (holder !== '' && holder !== null) this.#index++;
		this.#changed = ++this.#revision;
		if (!this.#watch) return;
		const body = new Writer();
		const index = this.#revision;
		if (holder === null) writeChanges(body, index, [{ kind: 'delete', key: KEY, modifyRevision: index, index }]);
		else
			writeChanges(body, index, [{ kind: 'put', key: KEY, bytes: VALUE, start: 0, end: 0, index, ...this.#entry() }]);
		const out = new Writer();
		writeChangesSection(out, this.#watch.id, body.take());
		this.#watch.socket.toClient(out.take());
	}

	endWatch(why: WatchEndReason): void {
		const out = new Writer();
		if (!this.#watch) throw new Error('there is no watch');
		writeWatchEnded(out, this.#watch.id, why);
		this.#watch.socket.toClient(out.take());
		this.#watch = null;
	}

	#entry() {
		const lock = { session: this.holder, index: this.#index };
		return { value: VALUE, flags: 0n, lock, createRevision: 1, modifyRevision: this.#changed };
	}

	#write({ first, count, receivedThrough, kinds, session }: GotBatch, out: Writer): boolean {
		if (this.refuses) {
			writeRefused(out, 'write', first, count, 'noLeader', false);
			return true;
		}
		this.#receivedThrough = Math.max(this.#receivedThrough, receivedThrough);
		if (first <= this.#receivedThrough) {
			writeResults(out, first, count, STATUSES.indexOf('forgotten'), 0);
			return true;
		}
		this.#revision += count;
		const revision = this.#revision - count + 1;
		const last = kinds.at(-1);
		let ok = true;
		if (last === KIND_ACQUIRE) {
			this.asked.push(this.time.nowMs);
			ok = !this.hasEnded && ((this.holder === '' && !this.isDelayed) || this.holder === session);
			if (ok && this.holder === '') {
				this.change(session);
			}
		}
		if (last === KIND_RENEW_SESSION) ok = !this.hasEnded;
		if (last === KIND_RELEASE) {
			this.released++;
			ok = this.holder === session;
			if (ok) this.change('');
		}
		if (last === KIND_CHECK_SESSION) {
			this.checked++;
			ok = this.holder === session;
		}
		writeResults(out, first, count, STATUSES.indexOf(ok ? 'ok' : 'conditionFailed'), revision);
		return true;
	}
}

let swarm: OneKey;

afterEach(async () => {
	(await swarm.session).end('closed');
	swarm.core.close();
	await swarm.time.pass(swarm.time.nowMs + 2_000);
	expect(swarm.time.timersCount).toBe(0);
});

async function waiting(signal?: AbortSignal): Promise<{ readonly lock: Promise<KeyLock>; readonly held: KeyLock[] }> {
	swarm = new OneKey();
	const held: KeyLock[] = [];
	const lock = swarm.lock(signal);
	lock.then(
		(each) => held.push(each),
		() => undefined,
	);
	await swarm.time.pass(100);
	return { lock, held };
}

it('a key that is held is asked for once, and again when it is let go', async () => {
	const { held } = await waiting();
	expect([swarm.asked.length, swarm.reads, swarm.isWatched]).toEqual([1, 1, true]);
	await swarm.time.pass(3_600_000);
	expect([swarm.asked.length, swarm.reads, held.length]).toEqual([1, 1, 0]);
	swarm.change('');
	await swarm.time.pass(swarm.time.nowMs + 10);
	expect([swarm.asked.length, held.length]).toEqual([2, 1]);
	const [lock] = held;
	expect(lock?.fence.lockIndex).toBe(2);
	expect(lock?.lost.aborted).toBe(false);
});

it('a key that waits out a lock delay is asked for about once a second', async () => {
	const { held } = await waiting();
	swarm.isDelayed = true;
	swarm.change(null);
	await swarm.time.pass(10_100);
	expect(held).toHaveLength(0);
	expect(swarm.asked.length).toBeGreaterThan(10);
	expect(swarm.asked.length).toBeLessThan(25);
	// Another session is faster.
	swarm.change(OTHER);
	const asked = swarm.asked.length;
	await swarm.time.pass(60_000);
	expect(swarm.asked.length).toBe(asked);
	swarm.isDelayed = false;
	swarm.change('');
	await swarm.time.pass(60_010);
	expect(held).toHaveLength(1);
});

it('a watch that cannot go on is begun again, from a command that says who holds the key', async () => {
	const { held } = await waiting();
	swarm.endWatch('compacted');
	await swarm.time.pass(200);
	expect([swarm.asked.length, swarm.isWatched, held.length]).toEqual([2, true, 0]);
	swarm.change('');
	await swarm.time.pass(300);
	expect(held).toHaveLength(1);
	swarm.endWatch('compacted');
	await swarm.time.pass(400);
	expect([swarm.checked, swarm.isWatched, held[0]?.lost.aborted]).toEqual([1, true, false]);
	// A client with too many watches asks now and then.
	swarm.endWatch('tooMany');
	swarm.change(OTHER);
	await swarm.time.pass(2_000);
	expect(swarm.checked).toBe(2);
	expect(held[0]?.lost.reason).toMatchObject({ name: 'LockLostError', why: 'released' });
});

it.each(['tooMany', 'compacted'] as const)(
	'where the watch ends (%s) before it is known who holds the key, the key is asked for now and then',
	async (why) => {
		swarm = new OneKey();
		swarm.watchEnd = why;
		swarm.readMs = 10;
		const held: KeyLock[] = [];
		swarm.lock().then(
			(lock) => held.push(lock),
			() => undefined,
		);
		await swarm.time.pass(5_000);
		expect(swarm.asked.length).toBeGreaterThan(4);
		expect(swarm.asked.length).toBeLessThan(12);
		swarm.watchEnd = null;
		swarm.change('');
		await swarm.time.pass(7_000);
		expect([held.length, swarm.isWatched, swarm.checked]).toEqual([1, true, 0]);
	},
);

it('a lock that could not be released in time is told of what its watch could not tell meanwhile', async () => {
	const { held } = await waiting();
	swarm.change('');
	await swarm.time.pass(200);
	swarm.refuses = true;
	const refused = expect(held[0]?.release()).rejects.toMatchObject({ name: 'RefusedError', why: 'noLeader' });
	await swarm.time.pass(1_000);
	swarm.endWatch('compacted');
	await swarm.time.pass(15_000);
	await refused;
	expect(held[0]?.lost.aborted).toBe(false);
	swarm.refuses = false;
	swarm.change(OTHER);
	await swarm.time.pass(20_000);
	expect(held[0]?.lost.reason).toMatchObject({ name: 'LockLostError', why: 'released' });
});

it.each([
	['deleted', null],
	['released', OTHER],
] as const)('a lock whose key is %s is lost', async (why, holder) => {
	const { held } = await waiting();
	swarm.change('');
	await swarm.time.pass(200);
	swarm.change(holder);
	await swarm.time.pass(300);
	expect(held[0]?.lost.reason).toMatchObject({ name: 'LockLostError', why });
	expect(await held[0]?.release()).toBe(false);
	expect([swarm.isWatched, swarm.released]).toEqual([false, 0]);
});

it('a lock whose session is lost is lost', async () => {
	const { held } = await waiting();
	swarm.change('');
	await swarm.time.pass(200);
	(await swarm.session).end('expired');
	expect(held[0]?.lost.reason).toMatchObject({ why: 'session', cause: { why: 'expired' } });
	await swarm.time.pass(300);
	expect(swarm.isWatched).toBe(false);
});

it.each([
	['its session ends', 'ended', (session: OpenSession) => session.end('ended')],
	[
		'the process stands still for as long as its session lasts',
		'expired',
		() => {
			swarm.time.nowMs += 86_400_000;
		},
	],
] as const)('a lock is not held where %s as soon as the key was read', async (_, why, act) => {
	swarm = new OneKey();
	swarm.holder = '';
	await swarm.time.pass(50);
	const session = await swarm.session;
	const owner = lockOwner(swarm.core, swarm.time.runtime);
	const get = (key: string): ReturnType<typeof owner.get> => {
		const read = owner.get(key);
		// By then the read is done, and the lock has yet to hear of it.
		void read.then(() => undefined).then(() => act(session));
		return read;
	};
	const wanted = { key: KEY, value: VALUE, flags: 0n, session, ownsSession: false, waits: true, signal: undefined };
	const lost = expect(KeyLock.acquire({ ...owner, get }, wanted)).rejects.toMatchObject({ why });
	await swarm.time.pass(100);
	await lost;
});

it('what waits for a key that is free is told that somebody has ended its session', async () => {
	const { lock } = await waiting();
	const ended = expect(lock).rejects.toMatchObject({ name: 'SessionLostError', why: 'ended' });
	swarm.hasEnded = true;
	await swarm.time.pass(1_000);
	swarm.change('');
	await swarm.time.pass(3_000);
	(await swarm.session).end('closed');
	await ended;
});

it('what waits ends with its session', async () => {
	const { lock } = await waiting();
	(await swarm.session).end('expired');
	await expect(lock).rejects.toMatchObject({ name: 'SessionLostError', why: 'expired' });
	await swarm.time.pass(200);
	expect(swarm.isWatched).toBe(false);
});

/** The signal of a lock is aborted while its acquisition is on its way. */
async function abortedTooLate(): Promise<void> {
	const abort = new AbortController();
	const { lock } = await waiting(abort.signal);
	const [node] = swarm.nodes;
	if (node) node.delayMs = 500;
	swarm.change('');
	await swarm.time.pass(300);
	abort.abort(new Error('enough'));
	await expect(lock).rejects.toThrow('enough');
}

it('a key that is acquired after the signal was aborted is let go', async () => {
	await abortedTooLate();
	await swarm.time.pass(3_000);
	expect([swarm.asked.length, swarm.released, swarm.holder]).toEqual([2, 1, '']);
});

it('a key that is acquired after the signal was aborted is let go also where no node takes that in for long', async () => {
	await abortedTooLate();
	await swarm.time.pass(700);
	const { id } = await swarm.session;
	expect(swarm.holder).toBe(id);
	swarm.refuses = true;
	await swarm.time.pass(60_000);
	expect([swarm.released, swarm.holder]).toEqual([0, id]);
	swarm.refuses = false;
	await swarm.time.pass(65_000);
	expect([swarm.released, swarm.holder]).toEqual([1, '']);
});

it('locks of one session exclude each other, in the order in which they were asked for', async () => {
	swarm = new OneKey();
	swarm.holder = '';
	const order: number[] = [];
	const abort = new AbortController();
	const held: KeyLock[] = [];
	const locks = [0, 1, 2].map(async (number) => {
		const lock = await swarm.lock(number === 1 ? abort.signal : undefined);
		order.push(number);
		held.push(lock);
	});
	const aborted = expect(locks[1]).rejects.toThrow('enough');
	await swarm.time.pass(1_000);
	expect(order).toEqual([0]);
	abort.abort(new Error('enough'));
	await aborted;
	const released = held[0]?.release();
	await swarm.time.pass(2_000);
	expect(await released).toBe(true);
	expect(order).toEqual([0, 2]);
	expect(held[1]?.fence.lockIndex).toBeGreaterThan(held[0]?.fence.lockIndex as number);
});

it('a release that nobody waits for any more does not let go what the session acquires next', async () => {
	const { held } = await waiting();
	swarm.change('');
	await swarm.time.pass(200);
	swarm.refuses = true;
	const abort = new AbortController();
	const aborted = expect(held[0]?.release({ signal: abort.signal })).rejects.toThrow('enough');
	await swarm.time.pass(3_000);
	// By now the client waits before it sends the release again.
	abort.abort(new Error('enough'));
	await aborted;
	swarm.refuses = false;
	const released = held[0]?.release();
	void swarm.lock().then((lock) => held.push(lock));
	await swarm.time.pass(10_000);
	await released;
	expect([held.length, swarm.holder]).toEqual([2, (await swarm.session).id]);
	expect(held[1]?.lost.aborted).toBe(false);
});

it.each([
	['session', async () => (await swarm.session).end('ended')],
	['deleted', async () => swarm.change(null)],
	['released', async () => swarm.change(OTHER)],
] as const)('a lock that ends (%s) while its release is refused is lost', async (why, act) => {
	const { held } = await waiting();
	swarm.change('');
	await swarm.time.pass(200);
	swarm.refuses = true;
	const refused = expect(held[0]?.release()).rejects.toMatchObject({ name: 'RefusedError', why: 'noLeader' });
	await swarm.time.pass(1_000);
	await act();
	await swarm.time.pass(15_000);
	await refused;
	expect(held[0]?.lost.reason).toMatchObject({ name: 'LockLostError', why });
	expect(await held[0]?.release()).toBe(false);
});

it('each call of a release ends by its own signal', async () => {
	const { held } = await waiting();
	swarm.change('');
	await swarm.time.pass(200);
	await expect(held[0]?.release({ signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
	swarm.refuses = true;
	const first = held[0]?.release();
	const abort = new AbortController();
	const failed: unknown[] = [];
	held[0]?.release({ signal: abort.signal }).catch((error) => failed.push(error));
	abort.abort(new Error('enough'));
	await swarm.time.pass(1_000);
	expect(failed).toEqual([new Error('enough')]);
	swarm.refuses = false;
	await swarm.time.pass(3_000);
	expect([await first, swarm.released]).toEqual([true, 1]);
});
