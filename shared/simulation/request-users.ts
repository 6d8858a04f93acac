/**
 * Users of requests with a name. Each sends a request again and again, to any node and over changes of leader, also after
 * it was answered, and sometimes asks for something else under its name. All answers to one request have to be the same.
 * Each request writes a value of its own, so one that is applied twice is found by that.
 */
import { Writer } from '../bytes/bytes.ts';
import type { NamedAnswer } from '../replica/named-requests.ts';
import { REQUEST_MARK } from '../store/client-limits.ts';
import type { PartOfTransaction } from '../store/command.ts';
import { Violation } from './ledger.ts';
import { PartsTold } from './parts.ts';
import { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** No other operation of a plan writes these values. */
const VALUES_FROM = 900_000_000;
const VALUES_OF_USER = 100_000;
const STEP_MIN_MS = 20;
const STEP_MAX_MS = 400;
const TIMEOUT_MS = 1_000;
/** A request without an answer is left after so long: its node has ended. */
const LEFT_MS = 1_500;
/** A user sends the last so many of its requests again. */
const REMEMBERED_MAX = 4;
const IS_NEW = 0.3;
/** The share of requests that a node gets twice at once. */
const IS_TWICE = 0.1;
const IS_OTHER = 0.1;
/** No key has this revision, which is that of a registration. */
const NEVER_HOLDS = 1;

interface OwnRequest {
	readonly name: string;
	readonly content: number;
	readonly value: number;
	readonly operations: readonly PartOfTransaction[];
	/** Whether it has the name of another request, which has happened. */
	readonly isOther: boolean;
	/** The first answer; null before. */
	outcome: Pick<Extract<NamedAnswer, { readonly outcome: 'chosen' }>, 'ok' | 'registered'> | null;
}

export class RequestUsers {
	readonly #users: RequestUser[];

	constructor(world: World, seed: number, count: number) {
		this.#users = Array.from({ length: count }, (_, index) => new RequestUser(world, seed, index));
	}

	begin(): void {
		for (const user of this.#users) user.stepSoon();
	}
}

class RequestUser {
	readonly #world: World;
	readonly #random: Random;
	readonly #index: number;
	readonly #own: OwnRequest[] = [];
	#valuesCount = 0;

	constructor(world: World, seed: number, index: number) {
		this.#world = world;
		this.#random = new Random(seed, 0x6e616d65, index);
		this.#index = index;
	}

	stepSoon(): void {
		const afterMs = this.#random.between(STEP_MIN_MS, STEP_MAX_MS);
		this.#world.at(this.#world.now + Math.ceil(afterMs * US_PER_MS), () => this.#step());
	}

	#step(): void {
		if (this.#world.isHealed) return;
		if (this.#own.length === 0 || this.#random.chance(IS_NEW)) {
			this.#own.push(this.#draw(`${REQUEST_MARK}${this.#index}.${this.#valuesCount}`, false));
			if (this.#own.length > REMEMBERED_MAX) this.#own.shift();
		}
		const request = this.#random.pick(this.#own);
		if (request.outcome === null || !this.#random.chance(IS_OTHER)) return this.#ask(request);
		this.#ask(this.#draw(request.name, true));
	}

	#draw(name: string, isOther: boolean): OwnRequest {
		const content = ++this.#valuesCount;
		const value = VALUES_FROM + VALUES_OF_USER * this.#index + content;
		const key = `named ${this.#index}`;
		const bytes = new Writer(8);
		bytes.int(value);
		const cas = this.#random.chance(0.2) ? NEVER_HOLDS : null;
		const operations: PartOfTransaction[] = [{ kind: 'put', key, value: bytes.take(), flags: 0n, cas }];
		if (this.#random.chance(0.5)) operations.push({ kind: 'read', key });
		return { name, content, value, operations, isOther, outcome: null };
	}

	#ask(request: OwnRequest): void {
		const world = this.#world;
		let isSettled = false;
		const settle = (): void => {
			if (isSettled) return;
			isSettled = true;
			this.stepSoon();
		};
		world.at(world.now + LEFT_MS * US_PER_MS, settle);
		const node = this.#random.pick(world.nodes);
		if (!node.process || !node.letsClientsIn) return;
		const { process } = node;
		const { name, content, operations } = request;
		const isTransaction = operations.length > 1;
		const asked = { name, content, isTransaction, timeoutMs: TIMEOUT_MS, operations: () => operations };
		const copies = this.#random.chance(IS_TWICE) ? 2 : 1;
		world.later(node, world.now, 'frame', () => {
			for (let copy = 0; copy < copies; copy++) {
				const parts = new PartsTold(operations, process.store);
				process.replica.submitNamed(asked, parts.take, (answer) => {
					if (answer.outcome === 'chosen') parts.mustBeAll(answer.ok);
					this.#note(request, answer);
					settle();
				});
			}
		});
	}

	#note(request: OwnRequest, answer: NamedAnswer): void {
		const { counters, invariants } = this.#world;
		switch (answer.outcome) {
			case 'chosen': {
				invariants.acknowledged(answer.slot);
				const { ok, registered } = answer;
				const { outcome, isOther, name } = request;
				// It may come after "forgotten": from a node that is behind, and is just applying the request.
				if (isOther || (outcome && (outcome.ok !== ok || outcome.registered !== registered))) {
					throw new Violation('RepeatsAgree', `${name} is answered ${ok} at ${registered}, not as before`);
				}
				if (outcome) counters.requestsRepeated++;
				request.outcome = { ok, registered };
				return;
			}
			case 'taken':
				if (!request.isOther) throw new Violation('RepeatsAgree', `${request.name} is taken for another request`);
				counters.requestsTaken++;
				return invariants.commands.refused(request.value);
			case 'forgotten':
				counters.requestsForgotten++;
				return;
			case 'unknown':
				counters.requestsUnknown++;
		}
	}
}
