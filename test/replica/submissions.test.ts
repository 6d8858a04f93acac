/**
 * Each command gets one true answer, none waits for ever, and no memory is kept for a command with its answer, whatever
 * happens to proposals. The node's own client and the clients of a door share one table. The fate of each proposal is
 * drawn at random, and chosen values go into a real store.
 */
import { describe, expect, it } from 'vitest';
import { type Ballot, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import type { ProposalOutcome } from '../../shared/paxos/effects.ts';
import type { Proposal, ProposalId } from '../../shared/paxos/event.ts';
import { batchValue, commandsOf, NOOP } from '../../shared/paxos/value.ts';
import { Batch, type BatchEnd, type Refusal, type SubmitOptions, type Submitter } from '../../shared/replica/batch.ts';
import { Deadlines } from '../../shared/replica/deadlines.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import type { OnPart } from '../../shared/replica/own-batch.ts';
import { OwnClient } from '../../shared/replica/own-client.ts';
import { Submissions } from '../../shared/replica/submissions.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { Random } from '../../shared/simulation/random.ts';
import { CLIENT_LIMITS } from '../../shared/store/client-limits.ts';
import { encodeCommand, type PartOfTransaction } from '../../shared/store/command.ts';
import { FORGOTTEN, type Result, UNKNOWN_CLIENT } from '../../shared/store/result.ts';
import { Store } from '../../shared/store/store.ts';

const FEW_CLIENTS = { ...CLIENT_LIMITS, clientsMax: 20 };
const SEEDS = 300;
const STEPS = 60;
const TIMEOUT_MS = 1000;
const BALLOT: Ballot = { ms: 1, ns: 0, node: 'n1' };
const RESULT: Result = { kind: 'applied', revision: 1, ok: true };
const FULL: Refusal = { why: 'diskFull', detail: 'the disk is full' };

function doorThatTells(name: string, told: string[]): Submitter {
	return {
		result: (sequence) => void told.push(`${name} ${sequence}`),
		settled: () => undefined,
		ended: () => undefined,
	};
}

describe('a submitted command', () => {
	it('is answered once and truly, and later ones are chosen once proposals are again', () => {
		const seen = new Set<string>();
		for (let seed = 1; seed <= SEEDS; seed++) {
			const world = new World(seed);
			for (let step = 0; step < STEPS; step++) world.step();
			world.heal();
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
			world.checkDoor(seed);
			expect(world.left(), `seed ${seed}`).toEqual({ proposals: 0, clients: 2, bytes: 0, own: 0, deadlines: 0 });
		}
		expect([...seen].sort()).toEqual(['chosen', 'kept', 'refused', 'unknown']);
	});

	it('keeps its time limit while its client waits to be registered, and with the next client', () => {
		const world = new World(1);
		const early = world.submitOwn('leader', 500);
		world.turn();
		world.passMs(400);
		const late = world.submitOwn('leader', 500);
		world.turn();
		world.passMs(99);
		expect(early).toEqual([]);
		world.passMs(2);
		expect(early).toMatchObject([{ outcome: 'refused', why: 'noLeader' }]);
		expect(late).toEqual([]);
		world.passMs(400);
		expect(late).toMatchObject([{ outcome: 'refused', why: 'noLeader' }]);
		expect(world.left().own).toBe(0);
	});

	it('goes with all others of its turn, of every door, in as few proposals as they fit', () => {
		const world = new World(1);
		world.register();
		const answers = [world.submitOwn('leader', 500), world.submitOwn('leader', 500)];
		world.submitDoor();
		world.turn();
		expect(world.loop.proposals.size).toBe(1);
		for (const id of world.loop.proposals.keys()) world.loop.choose(id);
		expect(answers).toMatchObject([[{ outcome: 'chosen' }], [{ outcome: 'chosen' }]]);
		for (let i = 0; i < 5; i++) world.submitOwn('leader', 500, REPLICA_LIMITS.proposalBytesMax / 2);
		world.turn();
		expect(world.loop.proposals.size).toBe(5);
	});

	it('is refused beyond the bound in bytes, whichever door fills it, and taken when there is room again', () => {
		const world = new World(1);
		world.register();
		const value = 1_000_000;
		const answers = Array.from({ length: REPLICA_LIMITS.submittedBytesMax / value + 5 }, () =>
			world.submitOwn('leader', 500, value),
		);
		world.turn();
		const refused = answers.filter((all) => all.length > 0);
		expect(refused.length).toBeGreaterThanOrEqual(5);
		for (const all of refused) expect(all).toMatchObject([{ outcome: 'refused', why: 'overloaded' }]);
		expect(world.submissions.bytes).toBeLessThanOrEqual(REPLICA_LIMITS.submittedBytesMax);
		expect([world.submitDoor(value), world.submitDoor(value)]).toContainEqual(
			expect.objectContaining({ why: 'overloaded' }),
		);
		world.turn();
		for (const id of [...world.loop.proposals.keys()]) world.loop.choose(id);
		expect(world.left().bytes).toBe(0);
		expect(world.submitDoor(value)).toBe(null);
	});

	it('is refused while the node takes nothing in, by every door, and what was proposed before is not', () => {
		const world = new World(1);
		world.register();
		const before = world.submitOwn('leader', 500);
		world.turn();
		world.refusal = FULL;
		expect(world.submitOwn('leader', 500)).toMatchObject([{ outcome: 'refused', why: 'diskFull' }]);
		expect(world.submitDoor()).toEqual(FULL);
		for (const id of [...world.loop.proposals.keys()]) world.loop.choose(id);
		expect(before).toMatchObject([{ outcome: 'chosen' }]);
		world.refusal = null;
		expect(world.submitDoor()).toBe(null);
	});

	it('that has not left when the node stops is refused, and one that has left is unknown', () => {
		const world = new World(1);
		world.register();
		const left = world.submitOwn('leader', 500);
		world.turn();
		const waits = world.submitOwn('leader', 500);
		world.own.stop();
		world.submissions.stop();
		expect(left).toMatchObject([{ outcome: 'unknown', why: 'stopping' }]);
		expect(waits).toMatchObject([{ outcome: 'refused', why: 'stopping' }]);
		expect(world.submitOwn('leader', 500)).toMatchObject([{ outcome: 'refused', why: 'stopping' }]);
	});

	it.each([
		['slotNotOpen', 'the next free slot is 3'],
		['slotTrimmed', 'no node keeps this slot any more'],
		['notAVoter', 'this node has no vote, so it cannot run both phases'],
		['tooLarge', 'no slot can hold this value'],
	] as const)('that the agent refuses as %s says why', (reason, detail) => {
		const world = new World(1);
		world.register();
		const told = world.submitOwn('self', 500);
		world.turn();
		const [id] = world.loop.proposals.keys() as Iterable<ProposalId>;
		world.loop.refuse(id as ProposalId, reason);
		expect(told).toMatchObject([{ outcome: 'refused', detail }]);
	});

	it('that the agent abandons may be chosen all the same', () => {
		const world = new World(1);
		world.register();
		const told = world.submitOwn('self', 500);
		world.turn();
		const [id] = world.loop.proposals.keys() as Iterable<ProposalId>;
		world.loop.abandon(id as ProposalId, 'notAVoter');
		expect(told).toMatchObject([{ outcome: 'unknown', why: 'timeout' }]);
	});

	it.each([
		['does not know', UNKNOWN_CLIENT, undefined],
		['knows, without the outcome,', FORGOTTEN, RESULT],
	])(
		'of a client that a snapshot %s may have been applied in a slot that the node has skipped',
		(_, outcome, registration) => {
			const world = new World(1);
			world.register();
			const own = world.submitOwn('leader', 500);
			world.submitDoor();
			world.turn();
			world.submissions.installed({ outcomeOf: () => outcome, registrationOf: () => registration }, 7);
			expect(own).toMatchObject([{ outcome: 'unknown' }]);
			expect([...world.door.ends.values()]).toMatchObject([{ kind: 'unknown' }]);
			// The result of a later copy must not be taken for the fate of the command.
			for (const id of [...world.loop.proposals.keys()]) world.loop.choose(id);
			expect(own).toHaveLength(1);
			expect(world.left()).toMatchObject({ proposals: 0, bytes: 0, own: 0, deadlines: 0 });
		},
	);

	it('goes on by an earlier copy of it that has more time, where a later one ends', () => {
		const world = new World(1);
		const told: string[] = [];
		const submitter: Submitter = {
			result: () => void told.push('result'),
			settled: ({ options }) => void told.push(`settled ${options.timeoutMs}`),
			ended: ({ options }, { kind }) => void told.push(`${kind} ${options.timeoutMs}`),
		};
		world.submissions.listen('twice', submitter);
		const identity = { client: 'twice', sequence: 1, receivedThrough: 0 };
		for (const timeoutMs of [500, 100]) {
			const bytes = encodeCommand(identity, { kind: 'registerClient', client: 'twice' });
			const options = { route: 'leader', contest: 0, timeoutMs } as const;
			world.submissions.submit(new Batch(submitter, 'twice', 1, 1, options, bytes, true));
			world.turn();
		}
		const [first] = world.loop.proposals.keys() as Iterable<ProposalId>;
		world.passMs(101);
		expect(told).toEqual(['refused 100']);
		world.loop.choose(first as ProposalId);
		expect(told).toEqual(['refused 100', 'result', 'settled 500']);
		expect(world.left()).toMatchObject({ proposals: 0, bytes: 0, deadlines: 0 });
	});

	it('that is chosen while it is being withdrawn has its answer, and the end of its proposal changes nothing', () => {
		const world = new World(1);
		world.register();
		const answers = world.submitOwn('leader', 500);
		world.turn();
		const [id] = world.loop.proposals.keys() as Iterable<ProposalId>;
		world.loop.choose(id as ProposalId);
		world.submissions.outcome({ kind: 'withdrawn', proposal: id as ProposalId, left: true });
		expect(answers).toMatchObject([{ outcome: 'chosen' }]);
		expect(world.left()).toMatchObject({ proposals: 0, bytes: 0, own: 0, deadlines: 0 });
	});

	it('is answered at each connection of its client, also where the one that came last goes first', () => {
		const { submissions: table } = new World(1);
		const { clientsCount } = table;
		const told: string[] = [];
		const [kept, passing] = [doorThatTells('kept', told), doorThatTells('passing', told)];
		table.listen('twice', kept);
		table.listen('twice', passing);
		table.result('twice', 1, RESULT, 1, BALLOT);
		table.unlisten('twice', passing);
		table.result('twice', 2, RESULT, 2, BALLOT);
		expect(told.splice(0).sort()).toEqual(['kept 1', 'kept 2', 'passing 1']);
		table.unlisten('twice', kept);
		table.takeSettled();
		table.result('twice', 3, RESULT, 3, BALLOT);
		expect([told, table.clientsCount]).toEqual([[], clientsCount]);
	});

	it('is answered where its client is now, also when it has come back and no other result came meanwhile', () => {
		const { submissions: table } = new World(1);
		const told: string[] = [];
		const [before, after] = [doorThatTells('before', told), doorThatTells('after', told)];
		table.listen('back', before);
		table.result('back', 1, RESULT, 1, BALLOT);
		table.takeSettled();
		table.unlisten('back', before);
		table.listen('back', after);
		table.result('back', 2, RESULT, 2, BALLOT);
		expect(told).toEqual(['before 1', 'after 2']);
	});

	it('that was given up is not applied behind a later one, also while one under a dropped client waits', () => {
		const world = new World(1);
		world.register();
		const waiting = world.submitOwn('leader', 10_000);
		world.turn();
		const [first] = world.loop.proposals.keys();
		world.loop.dropClients();
		const newest = () => [...world.loop.proposals.keys()].at(-1) as ProposalId;
		const givenUp = world.submitOwn('leader', 500);
		world.turn();
		// The client is dropped, and the next one is registered.
		for (let step = 0; step < 2; step++) {
			world.loop.choose(newest());
			world.turn();
		}
		world.loop.leave(newest());
		world.passMs(501);
		expect(givenUp).toMatchObject([{ outcome: 'unknown' }]);
		const later = world.submitOwn('leader', 500);
		world.turn();
		world.loop.choose(newest());
		expect(later).toMatchObject([{ outcome: 'chosen' }]);
		expect([waiting, [...world.loop.proposals.keys()]]).toEqual([[], [first]]);
		world.loop.chooseLate();
		expect(world.loop.store.list('key').map(({ key }) => key)).toEqual(['key0', 'key3']);
	});

	it('has its answer by whichever copy of it is chosen first, and the others are cared for no more', () => {
		const world = new World(1);
		world.register();
		world.submitDoor();
		world.turn();
		world.resendDoor();
		world.resendDoor();
		world.turn();
		expect(world.submissions.proposedCount).toBe(2);
		world.loop.choose([...world.loop.proposals.keys()].at(-1) as ProposalId);
		expect(world.submissions.proposedCount).toBe(0);
		expect(world.left().bytes).toBe(0);
		expect([...world.door.results.keys()]).toEqual([1, 2]);
	});
});

/** A door's client. It submits batches, and submits again those without a result, as one that connects again does. */
describe('a transaction', () => {
	const operations: readonly PartOfTransaction[] = [
		{ kind: 'put', key: 'a', value: new Uint8Array(1), flags: 0n, cas: 0 },
		{ kind: 'read', key: 'a' },
		{ kind: 'deletePrefix', prefix: '' },
		{ kind: 'check', key: 'a', cas: 0 },
	];

	it('goes with the other commands of its turn, and each result is told at the state behind it', () => {
		const world = new World(1);
		world.register();
		const before = world.submitOwn('leader', 500);
		const { answers, seen } = world.transact(operations);
		const after = world.submitOwn('leader', 500);
		world.turn();
		expect(world.loop.proposals.size).toBe(1);
		for (const id of world.loop.proposals.keys()) world.loop.choose(id);
		expect(seen).toEqual(['0 true, a is there', '1 true, a is there', '2 true, a is missing', '3 true, a is missing']);
		expect([before, answers, after]).toMatchObject([[{ ok: true }], [{ ok: true }], [{ ok: true }]]);
		expect(world.loop.store.list('').map(({ key }) => key)).toHaveLength(1);
		expect(world.left()).toMatchObject({ own: 0, bytes: 0 });
	});

	it('with a condition that does not hold is answered once, with what each one is', () => {
		const world = new World(1);
		world.register();
		const { answers, seen } = world.transact([...operations, { kind: 'check', key: 'b', cas: null }]);
		world.turn();
		for (const id of world.loop.proposals.keys()) world.loop.choose(id);
		expect(seen.map((told) => told.split(',')[0])).toEqual(['0 true', '1 true', '2 true', '3 true', '4 false']);
		expect(answers).toMatchObject([{ outcome: 'chosen', ok: false }]);
		expect(world.loop.store.get('a')).toBeUndefined();
		expect(world.loop.store.keysCount).toBeGreaterThan(0);
	});

	it('of a client that the swarm has dropped goes as a whole under the next one', () => {
		const world = new World(1);
		world.register();
		const { answers, seen } = world.transact(operations);
		world.turn();
		world.loop.dropClients();
		for (let round = 0; round < 4; round++) {
			for (const id of [...world.loop.proposals.keys()]) world.loop.choose(id);
			world.turn();
		}
		expect(answers).toMatchObject([{ outcome: 'chosen', ok: true }]);
		expect(seen).toHaveLength(operations.length);
	});
});

class DoorClient implements Submitter {
	readonly results = new Map<number, Result>();
	readonly ends = new Map<Batch, BatchEnd>();
	readonly settledBatches = new Set<Batch>();

	result(sequence: number, result: Result): void {
		// A later copy has the result `duplicate`. The first result counts.
		if (!this.results.has(sequence)) this.results.set(sequence, result);
	}

	settled(batch: Batch): void {
		if (this.settledBatches.has(batch) || this.ends.has(batch)) throw new Error('a batch ends twice');
		this.settledBatches.add(batch);
	}

	ended(batch: Batch, end: BatchEnd): void {
		if (this.settledBatches.has(batch) || this.ends.has(batch)) throw new Error('a batch ends twice');
		this.ends.set(batch, end);
	}
}

/** One node's submissions, whose proposals have a random fate. */
class World {
	readonly loop: FakeLoop;
	readonly submissions: Submissions;
	readonly own: OwnClient;
	readonly door = new DoorClient();
	readonly submitted = new Map<string, { readonly answers: SubmitAnswer[]; readonly asked: 'ill' | 'healthy' }>();
	refusal: Refusal | null = null;
	readonly #random: Random;
	readonly #deadlines: Deadlines;
	readonly #doorBatches: { readonly batch: Batch; readonly bytes: Uint8Array }[] = [];
	#doorSequence = 0;
	#nowMs = 0;
	#timerMs = Number.POSITIVE_INFINITY;
	#ids = 0;
	#keys = 0;
	#turnAsked = false;

	constructor(seed: number) {
		this.#random = new Random(seed);
		const soon = () => {
			this.#turnAsked = true;
		};
		const nowMs = () => this.#nowMs;
		this.#deadlines = new Deadlines({
			nowMs,
			setTimer: (afterMs) => {
				this.#timerMs = this.#nowMs + afterMs;
			},
		});
		this.loop = new FakeLoop();
		this.submissions = new Submissions(this.loop, this.#deadlines, {
			soon,
			refusal: () => this.refusal,
		});
		this.loop.submissions = this.submissions;
		this.own = new OwnClient(this.submissions, this.#deadlines, { nowMs, soon, newId: () => `own ${++this.#ids}` });
		this.submissions.listen('door', this.door);
		this.submitDoor();
	}

	step(): void {
		const random = this.#random;
		if (random.chance(0.5)) this.#submit('ill');
		if (random.chance(0.4)) this.submitDoor();
		if (random.chance(0.2)) this.resendDoor();
		if (random.chance(0.6)) this.turn();
		if (random.chance(0.6)) this.#decide();
		if (random.chance(0.3)) this.passMs(random.integer(1, TIMEOUT_MS));
		if (random.chance(0.01)) this.loop.dropClients();
	}

	/** From now on all proposals are chosen, and so may be those that were given up. */
	heal(): void {
		for (let round = 0; round < 20; round++) {
			if (round < 3) this.#submit('healthy');
			this.turn();
			for (const id of [...this.loop.proposals.keys()]) this.loop.choose(id);
			while (this.loop.late.length > 0 && this.#random.chance(0.5)) this.loop.chooseLate();
		}
	}

	/** Registers the client, so that commands do not wait for that. */
	register(): void {
		this.submitOwn('leader', TIMEOUT_MS);
		for (let round = 0; round < 3; round++) {
			this.turn();
			for (const id of [...this.loop.proposals.keys()]) this.loop.choose(id);
		}
	}

	submitOwn(route: SubmitOptions['route'], timeoutMs: number, valueBytes = 3): SubmitAnswer[] {
		const answers: SubmitAnswer[] = [];
		this.#put(`key${this.#keys++}`, { route, contest: 0, timeoutMs }, answers, valueBytes);
		return answers;
	}

	/** Submits a transaction. @returns its answers, and what was seen with each result: whether the key a is there */
	transact(operations: readonly PartOfTransaction[]): { answers: SubmitAnswer[]; seen: string[] } {
		const answers: SubmitAnswer[] = [];
		const seen: string[] = [];
		const onPart: OnPart = (index, { ok }) =>
			seen.push(`${index} ${ok}, a is ${this.loop.store.get('a') ? 'there' : 'missing'}`);
		this.own.transact(operations, TIMEOUT_MS, onPart, (answer) => answers.push(answer));
		return { answers, seen };
	}

	submitDoor(valueBytes = 3): Refusal | null {
		const sequence = ++this.#doorSequence;
		const identity = { client: 'door', sequence, receivedThrough: 0 };
		const put = {
			kind: 'put',
			key: `door${sequence}`,
			flags: 0n,
			cas: null,
			value: new Uint8Array(valueBytes),
		} as const;
		const bytes = encodeCommand(identity, sequence === 1 ? { kind: 'registerClient', client: 'door' } : put);
		return this.#sendDoor(sequence, bytes);
	}

	/** Submits the last batch without a result again. */
	resendDoor(): void {
		const last = this.#doorBatches.findLast(({ batch }) => !this.door.results.has(batch.first));
		if (last) this.#sendDoor(last.batch.first, last.bytes);
	}

	turn(): void {
		if (!this.#turnAsked) return;
		this.#turnAsked = false;
		this.own.endTurn();
		this.submissions.endTurn();
	}

	passMs(ms: number): void {
		const untilMs = this.#nowMs + ms;
		while (this.#timerMs <= untilMs) {
			this.#nowMs = this.#timerMs;
			this.#timerMs = Number.POSITIVE_INFINITY;
			this.#deadlines.fire();
			this.turn();
		}
		this.#nowMs = untilMs;
	}

	/** Expects the results of the door's client to be true. */
	checkDoor(seed: number): void {
		const { results, ends, settledBatches } = this.door;
		for (const { batch } of this.#doorBatches) {
			const told = `door ${batch.first} of seed ${seed}`;
			expect(ends.has(batch) || settledBatches.has(batch), told).toBe(true);
			const result = results.get(batch.first);
			if (settledBatches.has(batch)) expect(result, told).toBeDefined();
			const ofAll = this.#doorBatches.filter((other) => other.batch.first === batch.first);
			const isRefused = ofAll.every((other) => ends.get(other.batch)?.kind === 'refused');
			if (isRefused) expect(this.loop.store.get(`door${batch.first}`), told).toBeUndefined();
		}
	}

	left() {
		const { proposedCount: proposals, clientsCount: clients, bytes } = this.submissions;
		return { proposals, clients, bytes, own: this.own.count, deadlines: this.#deadlines.count };
	}

	#sendDoor(sequence: number, bytes: Uint8Array): Refusal | null {
		const options = { route: 'leader', contest: 0, timeoutMs: TIMEOUT_MS } as const;
		const batch = new Batch(this.door, 'door', sequence, 1, options, bytes, false);
		const refusal = this.submissions.submit(batch);
		if (refusal === null) this.#doorBatches.push({ batch, bytes });
		return refusal;
	}

	#submit(asked: 'ill' | 'healthy'): void {
		const random = this.#random;
		const isSelf = random.chance(0.4);
		const contest = asked === 'ill' && isSelf && random.chance(0.5) ? 1 : 0;
		const options: SubmitOptions = { route: isSelf ? 'self' : 'leader', contest, timeoutMs: TIMEOUT_MS };
		const key = `key${this.#keys++}`;
		const answers: SubmitAnswer[] = [];
		this.submitted.set(key, { answers, asked });
		this.#put(key, options, answers, 3);
	}

	#put(key: string, options: SubmitOptions, answers: SubmitAnswer[], valueBytes: number): void {
		const operation = { kind: 'put', key, value: new Uint8Array(valueBytes), flags: 0n, cas: null } as const;
		this.own.submit(operation, options, (answer) => answers.push(answer));
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
		this.loop.leave(id);
	}
}

type AgentRefusal = (ProposalOutcome & { readonly kind: 'refused' })['reason'];

interface Proposed extends Omit<Proposal, 'id'> {
	/** Whether it has left the node. */
	readonly left: boolean;
}

/** Decides the fate of proposals without a protocol. Chosen values go into a real store, in their order. */
class FakeLoop {
	readonly store = new Store(FEW_CLIENTS);
	readonly proposals = new Map<ProposalId, Proposed>();
	/** Proposals that were withdrawn, or settled by another copy. They may be chosen later. */
	readonly late: Proposed[] = [];
	submissions: Submissions | undefined;
	#next: ProposalId = 1;
	#slot = 0;

	propose(proposal: Omit<Proposal, 'id'>): ProposalId {
		this.proposals.set(this.#next, { ...proposal, left: false });
		return this.#next++;
	}

	/** The proposal leaves the node, and nothing more is heard of it. */
	leave(id: ProposalId): void {
		this.proposals.set(id, { ...(this.proposals.get(id) as Proposed), left: true });
	}

	withdraw(id: ProposalId): void {
		const proposed = this.#take(id);
		if (!proposed) return;
		if (proposed.left) this.late.push(proposed);
		this.submissions?.outcome({ kind: 'withdrawn', proposal: id, left: proposed.left });
	}

	choose(id: ProposalId): void {
		const proposed = this.#take(id);
		if (!proposed) return;
		this.submissions?.outcome({ kind: 'placed', proposals: [id], slot: this.#slot + 1, ballot: BALLOT });
		this.#apply(proposed.value);
	}

	/** A proposal that nobody waits for any more is chosen. */
	chooseLate(): void {
		const proposed = this.late.shift();
		if (proposed) this.#apply(proposed.value);
	}

	keep(id: ProposalId): void {
		if (!this.#take(id)) return;
		this.submissions?.outcome({ kind: 'kept', proposal: id, slot: 1, ballot: BALLOT, value: NOOP });
	}

	refuse(id: ProposalId, reason: AgentRefusal = 'slotNotOpen'): void {
		if (!this.#take(id)) return;
		this.submissions?.outcome({ kind: 'refused', proposal: id, reason, nextSlot: this.#slot + 1 });
	}
	abandon(id: ProposalId, reason: AgentRefusal): void {
		if (!this.#take(id)) return;
		this.submissions?.outcome({ kind: 'abandoned', proposal: id, reason, nextSlot: this.#slot + 1 });
	}

	/** Registers so many other clients that all clients of the test are evicted. */
	dropClients(): void {
		for (let i = 0; i < FEW_CLIENTS.clientsMax; i++) {
			const client = `other ${this.#slot}`;
			const identity = { client, sequence: 1, receivedThrough: 0 };
			this.#apply(batchValue(encodeCommand(identity, { kind: 'registerClient', client })));
		}
	}

	#take(id: ProposalId): Proposed | undefined {
		const proposed = this.proposals.get(id);
		this.proposals.delete(id);
		return proposed;
	}

	/** @param value a slot's value */
	#apply(value: Uint8Array): void {
		const slot = ++this.#slot;
		this.store.apply(commandsOf(value), (client, sequence, result) =>
			this.submissions?.result(client, sequence, result, slot, NO_BALLOT),
		);
		for (const id of this.submissions?.takeSettled() ?? []) {
			const proposed = this.#take(id);
			if (proposed?.left) this.late.push(proposed);
		}
	}
}
