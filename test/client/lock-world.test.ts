/**
 * Locks of many clients, through all kinds of trouble: one at a time holds the key, fences grow, who has lost it is told,
 * every call ends, and nothing is left behind. The simulator runs clients without their locks and sessions, so this is
 * what it does for them.
 */
import { expect, it } from 'vitest';
import { KeyLock } from '../../shared/client/lock.ts';
import { lockOwner } from '../../shared/client/lock-owner.ts';
import { OpenSession } from '../../shared/client/session.ts';
import { attributesOf } from '../../shared/client/session-attributes.ts';
import { LockWorld, type Process } from './lock-world.ts';

const KEY = 'job';
const TTL_MS = 10_000;
/** Trouble and work end at this time, and everything at the later one. */
const WORK_MS = 40_000;
const END_MS = WORK_MS + 90_000;
const LOOK_EVERY_MS = 250;
/** A lock whose key was let go or deleted by others is told of it within this time, unless its process stands still. */
const TOLD_MS_MAX = 16_000;
/** With the last three of them a release that nobody waited for let go what its session had acquired since. */
const SEEDS = [1, 41, 85, 150];

interface Holder {
	readonly lock: KeyLock;
	readonly session: string;
	readonly process: Process;
	/** Since when the store knows another holder, or none. */
	wrongMs: number | null;
}

class Users {
	readonly world: LockWorld;
	/** The users that hold the lock and have not begun to release it. */
	readonly holders = new Set<Holder>();
	readonly faults: string[] = [];
	readonly #disturbs: boolean;
	locks = 0;
	running = 0;
	#fence = 0;

	/** @param disturbs whether others write and delete the key, and end sessions */
	constructor(seed: number, disturbs: boolean) {
		this.world = new LockWorld(seed, 3, seed % 2 === 0 ? 4 : 1000);
		this.#disturbs = disturbs;
		for (const process of this.world.processes) void this.#runProcess(process);
		this.#trouble();
		this.#look();
	}

	/** Each process has a session that its users share, and they make others of their own. */
	async #runProcess(process: Process): Promise<void> {
		this.running++;
		const owner = lockOwner(process.core, process.runtime);
		let shared: Promise<OpenSession> | null = null;
		const sharedSession = async (): Promise<OpenSession> => {
			shared ??= OpenSession.create(owner, { ...attributesOf({ ttlMs: TTL_MS }), lockDelayMs: 0 });
			const session = await shared.catch(() => null);
			if (session && !session.lost.aborted) return session;
			shared = null;
			throw new Error('it is over');
		};
		const work = async (): Promise<void> => {
			while (this.world.time.nowMs < WORK_MS) {
				await process.sleep(this.world.draw(300));
				await this.#holdOnce(process, sharedSession).catch(() => undefined);
			}
		};
		await Promise.all([work(), work()]);
		// One that cannot be destroyed ends by its time-out.
		await sharedSession()
			.then((session) => session.destroy())
			.catch(() => undefined);
		this.running--;
	}

	async #holdOnce(process: Process, sharedSession: () => Promise<OpenSession>): Promise<void> {
		const { world } = this;
		const owner = lockOwner(process.core, process.runtime);
		const signal = this.#maybeAborted(process, 6_000);
		const ownsSession = world.draws(0.4);
		const attributes = { ...attributesOf({ ttlMs: TTL_MS }), lockDelayMs: 1000 * world.draw(3) };
		const session = ownsSession ? await OpenSession.create(owner, attributes, signal) : await sharedSession();
		const waits = world.draws(0.8);
		const wanted = { key: KEY, value: new Uint8Array(0), flags: 0n, session, ownsSession, waits, signal };
		const lock = await KeyLock.acquire(owner, wanted);
		const holder: Holder = { lock, session: session.id, process, wrongMs: null };
		this.locks++;
		const { modifyRevision } = lock.fence;
		if (modifyRevision <= this.#fence && !lock.lost.aborted) {
			this.faults.push(`the fence ${modifyRevision} comes behind ${this.#fence}`);
		}
		this.#fence = Math.max(this.#fence, modifyRevision);
		this.holders.add(holder);
		this.#check();
		await process.sleep(world.draw(world.draws(0.1) ? 20_000 : 500));
		this.holders.delete(holder);
		while (!lock.lost.aborted) {
			try {
				await lock.release({ signal: this.#maybeAborted(process, 1_000) });
				return;
			} catch {
				await process.sleep(world.draw(200));
			}
		}
	}

	#maybeAborted(process: Process, msMax: number): AbortSignal | undefined {
		if (this.world.draws(0.5)) return undefined;
		const abort = new AbortController();
		process.after(this.world.draw(msMax), () => abort.abort(new Error('enough')));
		return abort.signal;
	}

	#trouble(): void {
		const { world } = this;
		world.time.after(world.draw(4_000), () => {
			if (world.time.nowMs >= WORK_MS) return world.recover();
			world.worsen();
			if (this.#disturbs) this.#disturb();
			this.#trouble();
		});
	}

	#disturb(): void {
		const { world } = this;
		const sessions = world.store.sessions();
		const session = sessions[world.draw(sessions.length)]?.id;
		if (world.draws(0.3)) world.carryOut({ kind: 'delete', key: KEY, cas: null });
		if (world.draws(0.2)) {
			world.carryOut({ kind: 'put', key: KEY, value: Uint8Array.of(world.draw(256)), flags: 0n, cas: null });
		}
		if (session && world.draws(0.1)) world.carryOut({ kind: 'endSession', session, renewed: null });
	}

	#look(): void {
		this.#check();
		if (this.world.time.nowMs < WORK_MS) this.world.time.after(LOOK_EVERY_MS, () => this.#look());
	}

	/** Undisturbed, whoever holds the key is its holder in the store. Otherwise each is told in time that it is none. */
	#check(): void {
		const { time, store } = this.world;
		for (const holder of this.holders) {
			const { lock, session, process } = holder;
			const isRight = lock.lost.aborted || store.get(KEY)?.lock.session === session;
			if (isRight || (this.#disturbs && process.isStill)) holder.wrongMs = null;
			else holder.wrongMs ??= time.nowMs;
			const isTooLong = holder.wrongMs !== null && time.nowMs - holder.wrongMs >= (this.#disturbs ? TOLD_MS_MAX : 0);
			if (isTooLong) this.faults.push(`at ${time.nowMs} ms ${session} takes the key for its own, and it is not`);
		}
	}
}

it.each(SEEDS.flatMap((seed) => [true, false].map((disturbs) => ({ seed, disturbs }))))(
	'locks are held by one at a time, whatever becomes of processes, connections and nodes: %o',
	async ({ seed, disturbs }) => {
		const users = new Users(seed, disturbs);
		const { world } = users;
		const { time, store } = world;
		await time.pass(END_MS);
		expect(users.faults).toEqual([]);
		expect(users.locks).toBeGreaterThan(0);
		expect([users.running, store.get(KEY)?.lock.session || '', store.sessions()]).toEqual([0, '', []]);
		for (const { core } of world.processes) core.close();
		world.end();
		await time.pass(END_MS + 2_000);
		expect(time.timersCount).toBe(0);
	},
);
