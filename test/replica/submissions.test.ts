/** Whatever becomes of proposals, each command gets one answer, the true one, and none waits for ever. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SubmitAnswer, SubmitOptions } from '../../server/replica/service.ts';
import { Submissions } from '../../server/replica/submissions.ts';
import type { Ballot } from '../../shared/paxos/ballot.ts';
import type { Proposal, ProposalId } from '../../shared/paxos/event.ts';
import type { CommandName, OnClientResult, OnProgress } from '../../shared/replica/loop.ts';
import { Random } from '../../shared/simulation/random.ts';
import { CLIENT_LIMITS } from '../../shared/store/client-limits.ts';
import { encodeBatch, encodeCommand } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';

const FEW_CLIENTS = { ...CLIENT_LIMITS, clientsMax: 20 };
const SEEDS = 300;
const STEPS = 60;
const TIMEOUT_MS = 1000;
const BALLOT: Ballot = { ms: 1, ns: 0, node: 'n1' };

describe('a submitted command', () => {
	beforeEach(() => {
		vi.useFakeTimers();
	});
	afterEach(() => {
		vi.useRealTimers();
	});

	it('is answered once and truly, and later ones are chosen once proposals are again', async () => {
		const seen = new Set<string>();
		for (let seed = 1; seed <= SEEDS; seed++) {
			const world = new World(seed);
			for (let step = 0; step < STEPS; step++) await world.step();
			await world.heal();
			for (const [key, { answers, asked }] of world.submitted) {
				const told = `${key} of seed ${seed}`;
				expect(answers, told).toHaveLength(1);
				const { outcome } = answers[0] as SubmitAnswer;
				const entry = world.loop.store.get(key);
				if (outcome === 'chosen') expect(entry?.modifyRevision, told).toBe(entry?.createRevision);
				if (outcome === 'chosen') expect(entry, told).toBeDefined();
				if (outcome === 'refused' || outcome === 'kept') expect(entry, told).toBeUndefined();
				if (asked === 'healthy') expect(outcome, told).toBe('chosen');
				seen.add(outcome);
			}
		}
		expect([...seen].sort()).toEqual(['chosen', 'kept', 'refused', 'unknown']);
	});
});

/** One node's submissions, and what chance makes of its proposals. */
class World {
	readonly loop = new FakeLoop();
	readonly submitted = new Map<string, { readonly answers: SubmitAnswer[]; readonly asked: 'ill' | 'healthy' }>();
	readonly #random: Random;
	readonly #submissions: Submissions;
	#turnAsked = false;

	constructor(seed: number) {
		this.#random = new Random(seed);
		this.#submissions = new Submissions(
			this.loop,
			() => 1,
			() => {
				this.#turnAsked = true;
			},
		);
	}

	async step(): Promise<void> {
		const random = this.#random;
		if (random.chance(0.5)) this.#submit('ill');
		if (random.chance(0.6)) this.#turn();
		if (random.chance(0.6)) this.#decide();
		if (random.chance(0.3)) vi.advanceTimersByTime(random.integer(1, TIMEOUT_MS));
		if (random.chance(0.01)) this.loop.dropSessions();
		await Promise.resolve();
	}

	/** From now on everything that is proposed is chosen; what was given up may be, too. */
	async heal(): Promise<void> {
		for (let round = 0; round < 20; round++) {
			if (round < 3) this.#submit('healthy');
			this.#turn();
			for (const id of [...this.loop.proposals.keys()]) this.loop.choose(id);
			while (this.loop.late.length > 0 && this.#random.chance(0.5)) this.loop.chooseLate();
			await Promise.resolve();
		}
	}

	#submit(asked: 'ill' | 'healthy'): void {
		const random = this.#random;
		const isSelf = random.chance(0.4);
		const contest = asked === 'ill' && isSelf && random.chance(0.5) ? 1 : 0;
		const options: SubmitOptions = { route: isSelf ? 'self' : 'leader', contest, timeoutMs: TIMEOUT_MS };
		const key = `key${this.submitted.size}`;
		const answers: SubmitAnswer[] = [];
		this.submitted.set(key, { answers, asked });
		const operation = { kind: 'put', key, value: new Uint8Array(3), flags: 0n, cas: null } as const;
		void this.#submissions.submit(operation, options).then((answer) => answers.push(answer));
	}

	#turn(): void {
		if (!this.#turnAsked) return;
		this.#turnAsked = false;
		this.#submissions.endTurn();
	}

	#decide(): void {
		const random = this.#random;
		if (this.loop.late.length > 0 && random.chance(0.3)) this.loop.chooseLate();
		const ids = [...this.loop.proposals.keys()];
		const id = ids[random.integer(0, ids.length - 1)];
		if (id === undefined) return;
		const isContest = this.loop.proposals.get(id)?.contest !== 0;
		if (isContest) return random.chance(0.5) ? this.loop.keep(id) : this.loop.refuse(id);
		if (random.chance(0.5)) return this.loop.choose(id);
		this.loop.proposals.set(id, { ...(this.loop.proposals.get(id) as Proposed), left: true });
	}
}

interface Proposed extends Omit<Proposal, 'id'> {
	readonly names: readonly CommandName[];
	readonly onProgress: OnProgress;
	/** It was sent to somebody. */
	readonly left: boolean;
}

/** What becomes of proposals, without a protocol; what is chosen goes into a real store, in that order. */
class FakeLoop {
	readonly store = new Store(FEW_CLIENTS);
	readonly proposals = new Map<ProposalId, Proposed>();
	/** Withdrawn, and chosen later, or never. */
	readonly late: Proposed[] = [];
	readonly #listeners = new Map<string, OnClientResult>();
	#next: ProposalId = 1;
	#slot = 0;

	propose(names: readonly CommandName[], proposal: Omit<Proposal, 'id'>, onProgress: OnProgress): ProposalId {
		this.proposals.set(this.#next, { ...proposal, names, onProgress, left: false });
		return this.#next++;
	}

	withdraw(id: ProposalId): void {
		const proposed = this.#take(id);
		if (!proposed) return;
		if (proposed.left) this.late.push(proposed);
		proposed.onProgress({ kind: 'withdrawn', proposal: id, left: proposed.left });
	}

	listen(client: string, onResult: OnClientResult): void {
		this.#listeners.set(client, onResult);
	}

	unlisten(client: string, onResult: OnClientResult): void {
		if (this.#listeners.get(client) === onResult) this.#listeners.delete(client);
	}

	choose(id: ProposalId): void {
		const proposed = this.#take(id);
		if (proposed) this.#apply(proposed.value, proposed);
	}

	/** Nobody waits for it any more. */
	chooseLate(): void {
		const proposed = this.late.shift();
		if (proposed) this.#apply(proposed.value, null);
	}

	keep(id: ProposalId): void {
		const slot = 1;
		this.#take(id)?.onProgress({ kind: 'kept', proposal: id, slot, ballot: BALLOT, value: new Uint8Array(0) });
	}

	refuse(id: ProposalId): void {
		this.#take(id)?.onProgress({ kind: 'refused', proposal: id, reason: 'slotNotOpen', nextSlot: this.#slot + 1 });
	}

	/** So many others open one that each one of ours is the least recently used. */
	dropSessions(): void {
		for (let i = 0; i < FEW_CLIENTS.clientsMax; i++) {
			const client = `other ${this.#slot}`;
			const identity = { client, sequence: 1, receivedThrough: 0 };
			this.#apply(encodeBatch(1, [encodeCommand(identity, { kind: 'registerClient', client })]), null);
		}
	}

	#take(id: ProposalId): Proposed | undefined {
		const proposed = this.proposals.get(id);
		this.proposals.delete(id);
		return proposed;
	}

	#apply(value: Uint8Array, proposed: Proposed | null): void {
		const slot = ++this.#slot;
		this.store.apply(value, (client, sequence, result) => {
			this.#listeners.get(client)?.(sequence, result, slot, BALLOT);
			const name = proposed?.names.find((other) => other.client === client && other.sequence === sequence);
			if (name) proposed?.onProgress({ kind: 'result', name, result, slot, chosenAt: BALLOT });
		});
	}
}
