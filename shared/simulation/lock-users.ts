/**
 * Users of sessions and locks. Each has one session at a time and one request under way, at any node. It acquires keys,
 * renews, lets go, and sometimes stops renewing or goes away. While it may believe to hold a key, because its session was
 * renewed less than its time-out ago, no other user may be told the same.
 */
import type { SubmitAnswer } from '../replica/submit-answer.ts';
import type { Operation } from '../store/command.ts';
import type { Behavior } from '../store/sessions.ts';
import { STEADY_ERROR_MAX } from './clock.ts';
import { Violation } from './ledger.ts';
import { Random } from './random.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** No other operation of a plan is of these keys. */
const KEYS = ['lock 0', 'lock 1', 'lock 2'];
/** All have one: a session whose creation was given up may yet be created, after its end was asked for. */
const TTLS_MS = [400, 800, 1600];
/** Only sessions that are soon over are left alone, so that all have ended at the end of a run. */
const LEFT_TTL_MS_MAX = 800;
const LOCK_DELAYS_MS = [0, 200, 400];
const STEP_MIN_MS = 20;
const STEP_MAX_MS = 400;
const TIMEOUT_MS = 1_000;
/** A request without an answer is given up after so long: its node has ended. */
const GIVEN_UP_MS = 1_500;

interface OwnSession {
	readonly id: string;
	readonly ttlMs: number;
	/** When the last renewal was asked for that was acknowledged. */
	renewedAt: Instant;
	/** Keys of which it was told that it holds them, and that it has not asked to let go since. */
	readonly holds: Set<string>;
	/** Its end was asked for, or it may never have been created. */
	isOver: boolean;
}

export class LockUsers {
	readonly #users: LockUser[];

	constructor(world: World, seed: number, count: number) {
		const others = (): readonly LockUser[] => this.#users;
		this.#users = Array.from({ length: count }, (_, index) => new LockUser(world, seed, index, others));
	}

	begin(): void {
		for (const user of this.#users) user.stepSoon();
	}
}

class LockUser {
	readonly #world: World;
	readonly #random: Random;
	readonly #index: number;
	readonly #others: () => readonly LockUser[];
	#session: OwnSession | null = null;
	#sessionsCount = 0;

	constructor(world: World, seed: number, index: number, others: () => readonly LockUser[]) {
		this.#world = world;
		this.#random = new Random(seed, 0x6c6f636b, index);
		this.#index = index;
		this.#others = others;
	}

	/** Whether it may rely on holding the key. */
	holds(key: string): boolean {
		const session = this.#session;
		if (session === null || session.isOver || !session.holds.has(key)) return false;
		return this.#world.now < session.renewedAt + session.ttlMs * (1 - STEADY_ERROR_MAX) * US_PER_MS;
	}

	stepSoon(): void {
		const afterMs = this.#random.between(STEP_MIN_MS, STEP_MAX_MS);
		this.#world.at(this.#world.now + Math.ceil(afterMs * US_PER_MS), () => this.#step());
	}

	#step(): void {
		const session = this.#session;
		if (session === null) {
			if (!this.#world.isHealed) this.#create();
			return;
		}
		if (session.isOver || this.#world.isHealed) return this.#end(session);
		const chance = this.#random.fraction();
		if (chance < 0.04) return this.#end(session);
		if (chance < 0.08 && session.ttlMs <= LEFT_TTL_MS_MAX) {
			this.#session = null;
			return this.stepSoon();
		}
		// It falls asleep, and may find its session ended.
		if (chance < 0.12) return this.#world.at(this.#world.now + 2 * session.ttlMs * US_PER_MS, () => this.stepSoon());
		if (chance < 0.5) return this.#renew(session);
		const key = this.#random.pick(KEYS);
		if (session.holds.has(key) && chance < 0.75) return this.#letGo(session, key);
		return this.#acquire(session, key);
	}

	#create(): void {
		const hex = (this.#index * 0x10000 + ++this.#sessionsCount).toString(16).padStart(8, '0');
		const id = `${hex}-0000-4000-8000-000000000000`;
		const ttlMs = this.#random.pick(TTLS_MS);
		const lockDelayMs = this.#random.pick(LOCK_DELAYS_MS);
		const behavior = this.#random.pick<Behavior>(['release', 'delete']);
		const attributes = { name: '', node: '', ttlMs, lockDelayMs, behavior };
		const session: OwnSession = { id, ttlMs, renewedAt: this.#world.now, holds: new Set(), isOver: true };
		this.#session = session;
		this.#ask({ kind: 'createSession', session: id, attributes }, (ok, askedAt) => {
			session.isOver = ok === null;
			if (ok === null) return;
			this.#world.invariants.commands.locks.acknowledged(id, askedAt);
			session.renewedAt = askedAt;
		});
	}

	#renew(session: OwnSession): void {
		this.#ask({ kind: 'renewSession', session: session.id }, (ok, askedAt) => {
			if (ok) {
				this.#world.invariants.commands.locks.acknowledged(session.id, askedAt);
				session.renewedAt = askedAt;
			} else if (ok === false) {
				const lastedMs = (this.#world.now - session.renewedAt) / US_PER_MS;
				if (lastedMs < session.ttlMs * (1 - STEADY_ERROR_MAX)) {
					throw new Violation('SessionsLast', `session ${session.id} is gone ${lastedMs} ms after its renewal`);
				}
				this.#session = null;
			}
		});
	}

	#end(session: OwnSession): void {
		session.isOver = true;
		this.#ask({ kind: 'endSession', session: session.id, renewed: null }, (ok) => {
			if (ok !== null) this.#session = null;
		});
	}

	#letGo(session: OwnSession, key: string): void {
		session.holds.delete(key);
		this.#ask({ kind: 'release', key, ...this.#written(), session: session.id }, (ok) => {
			// Whether it still holds the key is not known any more, so it gives up the session.
			if (ok === null) session.isOver = true;
		});
	}

	#acquire(session: OwnSession, key: string): void {
		this.#ask({ kind: 'acquire', key, ...this.#written(), session: session.id }, (ok) => {
			if (!ok) return;
			session.holds.add(key);
			if (!this.holds(key)) return;
			const other = this.#others().find((each) => each !== this && each.holds(key));
			if (other) throw new Violation('OneHolder', `users ${this.#index} and ${other.#index} are told to hold ${key}`);
		});
	}

	#written(): { readonly value: Uint8Array; readonly flags: bigint } {
		return { value: Uint8Array.of(this.#random.integer(0, 3)), flags: 0n };
	}

	/** @param told whether the condition held; null where it is not known. It is called once. */
	#ask(operation: Operation, told: (ok: boolean | null, askedAt: Instant) => void): void {
		const world = this.#world;
		const askedAt = world.now;
		let isSettled = false;
		const settle = (ok: boolean | null): void => {
			if (isSettled) return;
			isSettled = true;
			told(ok, askedAt);
			this.stepSoon();
		};
		world.at(askedAt + GIVEN_UP_MS * US_PER_MS, () => settle(null));
		const node = this.#random.pick(world.nodes);
		if (!node.process || !node.letsClientsIn) return;
		const { process } = node;
		world.later(node, askedAt, 'frame', () => {
			const options = { route: 'leader', contest: 0, timeoutMs: TIMEOUT_MS } as const;
			process.replica.submit(operation, options, (answer: SubmitAnswer) => {
				if (answer.outcome !== 'chosen') return settle(null);
				world.invariants.acknowledged(answer.slot);
				settle(answer.ok);
			});
		});
	}
}
