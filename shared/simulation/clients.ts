/**
 * Clients of a simulated swarm: they put, get, delete and compare-and-set at any node, time out, and ask again
 * elsewhere under the same identity. They believe an answer and nothing else: what was never answered is
 * unknown, and is kept so in the history that the linearizability checker reads.
 */
import { Reader, Writer } from '../bytes/bytes.ts';
import { Batch, type BatchEnd, type Submitter } from '../replica/batch.ts';
import { encodeCommand, type Operation } from '../store/command.ts';
import type { Result } from '../store/store.ts';
import { Violation } from './ledger.ts';
import type { HistoryEntry } from './linearizability.ts';
import type { Process, SimulatedNode } from './node.ts';
import { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** One operation of the plan. What it finds out on the way (a revision to compare with) is not planned. */
export interface PlannedOperation {
	readonly atMs: number;
	readonly client: number;
	readonly kind: 'put' | 'get' | 'delete' | 'cas';
	readonly key: number;
	/** Unique: what it writes. */
	readonly value: number;
	readonly valueBytes: number;
	/** Where it is asked first; a retry goes anywhere. */
	readonly node: number;
	readonly route: 'leader' | 'self' | 'contest';
}

export interface LoadOptions {
	readonly clients: number;
	readonly keys: number;
	readonly operationsPerSecond: number;
}

const ATTEMPTS_MAX = 8;
const TIMEOUT_MIN_MS = 200;
const TIMEOUT_MAX_MS = 2_500;
/** Of 1: the node gives up when the client does, rather than go on while the client asks elsewhere too. */
const GIVES_UP = 0.6;
/** How long a node cares for what it does not give up, milliseconds: longer than any run. */
const FOR_EVER_MS = 600_000;
/** Of 1: a client takes "surely not" for its answer, rather than ask again. */
const TAKES_NO = 0.3;
const RETRY_AFTER_MAX_MS = 60;
/** Of 1: what is asked of one node first, in seeds where clients have a favourite. */
const FAVOURED = 0.8;

/** From the last that is chosen on, as the value that is proposed says. */
export const CONTESTED_SLOTS = 3;

export function drawOperations(random: Random, nodes: number, load: LoadOptions, untilMs: number): PlannedOperation[] {
	const operations: PlannedOperation[] = [];
	// Each seed has its own taste.
	const selfRouted = random.chance(0.5) ? 0 : random.fraction() * 0.3;
	const large = random.chance(0.5) ? 0 : 0.15;
	const reads = random.pick([0.2, 0.35, 0.7]);
	const favourite = random.chance(0.6) ? null : random.integer(0, nodes - 1);
	const together = random.chance(0.4) ? 0 : random.between(0.1, 0.7);
	for (let atMs = 0; ; ) {
		if (!random.chance(together)) atMs += random.between(0, 2_000 / load.operationsPerSecond / (1 - together));
		if (atMs >= untilMs) return operations;
		const chance = random.fraction();
		operations.push({
			atMs: Math.round(atMs),
			client: random.integer(0, load.clients - 1),
			kind: random.chance(reads) ? 'get' : chance < 0.55 ? 'put' : chance < 0.85 ? 'cas' : 'delete',
			key: random.integer(0, load.keys - 1),
			value: operations.length + 1,
			valueBytes: random.chance(large) ? random.integer(1_000, 5_000) : random.integer(8, 40),
			node: favourite !== null && random.chance(FAVOURED) ? favourite : random.integer(0, nodes - 1),
			route: random.chance(selfRouted) ? (random.chance(0.3) ? 'contest' : 'self') : 'leader',
		});
	}
}

/** What a client must get done, or give up. */
interface Task {
	readonly client: Client;
	readonly planned: PlannedOperation;
	readonly operation: Operation | undefined;
	sequence: number;
	called: number;
	attempts: number;
	/** Asked of a node that was there; a "surely not" speaks only of its own. */
	attemptsUnderWay: number;
	/** Some attempt may have left its node. */
	mayHaveLeft: boolean;
	done: boolean;
}

class Client {
	readonly id: string;
	opened = false;
	opening = false;
	sequence = 0;
	readonly unanswered = new Set<number>();
	readonly waiting: PlannedOperation[] = [];
	/** By key: the revision that this client saw last. */
	readonly seen = new Map<number, number>();
	/** By sequence: what has no answer yet. */
	readonly tasks = new Map<number, Task>();

	constructor(id: string) {
		this.id = id;
	}

	get receivedThrough(): number {
		return this.unanswered.size === 0 ? this.sequence : Math.min(...this.unanswered) - 1;
	}
}

interface Attempt {
	readonly task: Task;
	/** An earlier attempt may have left its node. */
	readonly leftBefore: boolean;
}

/** What one client hears from one process. */
class Connection implements Submitter {
	readonly attempts = new Map<Batch, Attempt>();
	readonly #process: Process;
	readonly #client: Client;
	readonly #clients: Clients;

	constructor(process: Process, client: Client, clients: Clients) {
		this.#process = process;
		this.#client = client;
		this.#clients = clients;
	}

	result(sequence: number, result: Result, slot: number): void {
		const task = this.#client.tasks.get(sequence);
		if (task) this.#clients.result(task, this.#process.node, result, slot);
	}

	settled(batch: Batch): void {
		this.attempts.delete(batch);
	}

	ended(batch: Batch, end: BatchEnd): void {
		const attempt = this.attempts.get(batch);
		this.attempts.delete(batch);
		if (attempt) this.#clients.ended(attempt, end);
	}
}

export class Clients {
	readonly history: HistoryEntry[] = [];
	/** Operations with an answer. */
	answered = 0;
	/** Writes asked of a node that heard a leader: a node that is cut from it alone serves none. */
	askedOfFollowers = 0;
	readonly #world: World;
	readonly #random: Random;
	readonly #clients: Client[];
	/** Calls and returns, in one order. */
	#tick = 0;
	#inFlight = 0;
	readonly #unknown = new Set<Task>();
	readonly #connections = new WeakMap<Process, Map<Client, Connection>>();

	constructor(world: World, seed: number, clients: number) {
		this.#world = world;
		this.#random = new Random(seed, 0x636c69);
		this.#clients = Array.from({ length: clients }, (_, index) => new Client(`client ${index}`));
	}

	schedule(operations: readonly PlannedOperation[]): void {
		for (const planned of operations) {
			this.#world.at(planned.atMs * US_PER_MS, () => this.#begin(planned));
		}
	}

	/** Writes that were neither answered nor given up. */
	get waitingCount(): number {
		return this.#inFlight;
	}

	/** Nothing that is still without an answer is waited for. */
	finish(): void {
		for (const task of this.#unknown) this.#giveUp(task);
	}

	#begin(planned: PlannedOperation): void {
		const client = this.#clients[planned.client] as Client;
		if (planned.kind === 'get') return this.#read(client, planned, this.#node(planned), ++this.#tick, 1);
		if (!client.opened) {
			client.waiting.push(planned);
			if (!client.opening) this.#open(client, planned);
			return;
		}
		this.#write(client, planned, operationOf(client, planned));
	}

	/** The client's first command. */
	#open(client: Client, planned: PlannedOperation): void {
		client.opening = true;
		this.#write(client, { ...planned, route: 'leader' }, undefined);
	}

	#write(client: Client, planned: PlannedOperation, operation: Operation | undefined): void {
		const sequence = ++client.sequence;
		client.unanswered.add(sequence);
		const called = ++this.#tick;
		const task: Task = {
			client,
			planned,
			operation,
			sequence,
			called,
			attempts: 0,
			attemptsUnderWay: 0,
			mayHaveLeft: false,
			done: false,
		};
		if (operation) this.#unknown.add(task);
		client.tasks.set(sequence, task);
		if (++this.#inFlight > 1) this.#world.counters.operationsOverlapping++;
		this.#attempt(task, this.#node(planned));
	}

	#attempt(task: Task, node: SimulatedNode): void {
		if (task.done) return;
		const { client, planned, sequence, operation } = task;
		// Whoever opens a client asks for ever.
		if (operation && task.attempts >= ATTEMPTS_MAX) return this.#giveUp(task);
		task.attempts++;
		if (task.attempts > 1) this.#world.counters.retriesUnderOneIdentity++;
		const { process } = node;
		if (!process) return this.#attemptLater(task);

		const { id: clientId } = client;
		const identity = { client: clientId, sequence, receivedThrough: client.receivedThrough };
		const command = encodeCommand(identity, operation ?? { kind: 'registerClient', client: clientId });
		const route = planned.route === 'leader' ? 'leader' : 'self';
		const contest =
			planned.route === 'contest'
				? Math.max(0, process.agent.view().chosenThrough + (planned.value % CONTESTED_SLOTS))
				: 0;
		const timeoutMs = this.#random.between(TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
		if (process.agent.view().leader.node !== '') this.askedOfFollowers++;
		if (this.#world.isWatchedByPeople) {
			const what = operation ? `${operation.kind} ${'key' in operation ? operation.key : ''}` : 'open';
			this.#world.note(
				node.id,
				`client: ${clientId}/${sequence} ${what} by ${planned.route}, attempt ${task.attempts}`,
			);
		}
		const caredForMs = this.#random.chance(GIVES_UP) ? timeoutMs : FOR_EVER_MS;
		const { submissions } = process.replica;
		const connection = this.#connection(process, client);
		submissions.listen(clientId, connection);
		const batch = new Batch(connection, clientId, sequence, 1, { route, contest, timeoutMs: caredForMs }, command);
		const refusal = submissions.submit(batch);
		if (refusal !== null) {
			this.#world.counters.writesRefusedForRoom++;
			return this.#attemptLater(task);
		}
		connection.attempts.set(batch, { task, leftBefore: task.mayHaveLeft });
		task.mayHaveLeft = true;
		task.attemptsUnderWay++;
		this.#world.at(this.#world.now + Math.ceil(timeoutMs * US_PER_MS), () => {
			if (task.done) return;
			this.#world.counters.clientTimeouts++;
			// A contested slot is asked for once: later it would be another one.
			if (planned.route === 'contest') return this.#giveUp(task);
			this.#attempt(task, this.#anyNode());
		});
	}

	#connection(process: Process, client: Client): Connection {
		let connections = this.#connections.get(process);
		if (!connections) {
			connections = new Map();
			this.#connections.set(process, connections);
		}
		let connection = connections.get(client);
		if (!connection) {
			connection = new Connection(process, client, this);
			connections.set(client, connection);
		}
		return connection;
	}

	/** An attempt has come to its end without a result. */
	ended({ task, leftBefore }: Attempt, end: BatchEnd): void {
		if (task.done) return;
		switch (end.kind) {
			case 'kept':
				this.#world.counters.contestedSlotsKept++;
				return this.#refused(task, leftBefore);
			case 'refused':
				if (end.why !== 'slotNotOpen') {
					if (this.#random.chance(TAKES_NO)) this.#refused(task, leftBefore);
					return;
				}
				this.#world.counters.proposalsRefused++;
				return this.#refused(task, leftBefore);
			case 'unknown':
				return;
		}
	}

	/** "It surely was not and will not be chosen": true of this attempt. */
	#refused(task: Task, leftBefore: boolean): void {
		if (leftBefore || !task.operation || task.attemptsUnderWay > 1) return;
		this.#close(task);
		this.#unknown.delete(task);
		this.#world.invariants.refused(task.client.id, task.sequence);
	}

	/** A command has its result, as a node tells it. */
	result(task: Task, node: SimulatedNode, result: Result, slot: number): void {
		if (task.done) return;
		const { client, sequence, planned, operation } = task;
		if (result.kind === 'forgotten' || result.kind === 'unknownClient') {
			throw new Violation('ClientsStay', `${client.id}/${sequence} is answered with ${result.kind}`);
		}
		const { revision, ok } = result;
		this.#world.invariants.acknowledged(node.index, slot, client.id, sequence, revision);
		this.#close(task);
		this.#unknown.delete(task);
		this.answered++;
		if (this.#world.isWatchedByPeople)
			this.#world.note(node.id, `client: ${client.id}/${sequence} is ${revision} ${ok}`);
		if (!operation) return this.#opened(client);

		const { counters } = this.#world;
		counters.writes++;
		const span = { key: keyOf(planned.key), called: task.called, returned: ++this.#tick };
		switch (planned.kind) {
			case 'put':
				client.seen.set(planned.key, revision);
				return void this.history.push({ ...span, kind: 'put', value: planned.value, revision });
			case 'delete':
				client.seen.set(planned.key, 0);
				return void this.history.push({ ...span, kind: 'delete', revision });
			case 'cas': {
				if (ok) counters.casHeld++;
				else counters.casFailed++;
				if (ok) client.seen.set(planned.key, revision);
				const expected = operation.kind === 'put' ? (operation.cas ?? 0) : 0;
				return void this.history.push({ ...span, kind: 'cas', expected, value: planned.value, ok, revision });
			}
			case 'get':
				throw new Error('a read is no command');
		}
	}

	#opened(client: Client): void {
		client.opened = true;
		for (const planned of client.waiting.splice(0)) this.#write(client, planned, operationOf(client, planned));
	}

	#giveUp(task: Task): void {
		const { planned, operation, called } = task;
		if (task.done || !operation) return;
		task.done = true;
		task.client.tasks.delete(task.sequence);
		this.#inFlight--;
		this.#unknown.delete(task);
		this.#world.counters.unknownOutcomes++;
		const span = { key: keyOf(planned.key), called, returned: Number.POSITIVE_INFINITY };
		if (planned.kind === 'put') this.history.push({ ...span, kind: 'put', value: planned.value, revision: 0 });
		if (planned.kind === 'delete') this.history.push({ ...span, kind: 'delete', revision: 0 });
		if (planned.kind === 'cas' && operation.kind === 'put') {
			const expected = operation.cas ?? 0;
			this.history.push({ ...span, kind: 'cas', expected, value: planned.value, ok: true, revision: 0 });
		}
	}

	#close(task: Task): void {
		task.done = true;
		this.#inFlight--;
		task.client.unanswered.delete(task.sequence);
		task.client.tasks.delete(task.sequence);
	}

	#attemptLater(task: Task): void {
		const afterMs = this.#random.between(1, RETRY_AFTER_MAX_MS);
		this.#world.at(this.#world.now + Math.ceil(afterMs * US_PER_MS), () => this.#attempt(task, this.#anyNode()));
	}

	#read(client: Client, planned: PlannedOperation, node: SimulatedNode, called: number, attempt: number): void {
		if (attempt > ATTEMPTS_MAX) return;
		const { process } = node;
		const again = (afterMs: number) =>
			this.#world.at(this.#world.now + Math.ceil(afterMs * US_PER_MS), () =>
				this.#read(client, planned, this.#anyNode(), called, attempt + 1),
			);
		if (!process) return again(this.#random.between(1, RETRY_AFTER_MAX_MS));
		const { invariants, counters } = this.#world;
		const acknowledged = invariants.acknowledgedThrough;
		const timeoutMs = this.#random.between(TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
		let done = false;
		process.replica.whenConfirmed(timeoutMs, (confirmed) => {
			if (done || !confirmed) return;
			done = true;
			const { appliedThrough, store } = process.replica;
			if (appliedThrough < acknowledged) {
				throw new Violation('ReadsSeeAcknowledged', `${node.id} reads at ${appliedThrough}, not ${acknowledged}`);
			}
			counters.reads++;
			this.answered++;
			const entry = store.get(keyOf(planned.key));
			const value = entry ? new Reader(entry.value).int() : 0;
			const revision = entry?.modifyRevision ?? 0;
			client.seen.set(planned.key, revision);
			this.history.push({ kind: 'get', key: keyOf(planned.key), called, returned: ++this.#tick, value, revision });
		});
		this.#world.at(this.#world.now + Math.ceil(timeoutMs * US_PER_MS), () => {
			if (done) return;
			done = true;
			counters.clientTimeouts++;
			this.#read(client, planned, this.#anyNode(), called, attempt + 1);
		});
	}

	#node(planned: PlannedOperation): SimulatedNode {
		return this.#world.nodes[planned.node % this.#world.nodes.length] as SimulatedNode;
	}

	#anyNode(): SimulatedNode {
		return this.#random.pick(this.#world.nodes);
	}
}

function keyOf(key: number): string {
	return `key ${key}`;
}

function operationOf(client: Client, planned: PlannedOperation): Operation {
	const key = keyOf(planned.key);
	if (planned.kind === 'delete') return { kind: 'delete', key, cas: null };
	const value = new Writer(planned.valueBytes);
	value.int(planned.value);
	value.raw(new Uint8Array(Math.max(0, planned.valueBytes - value.length)));
	const cas = planned.kind === 'cas' ? (client.seen.get(planned.key) ?? 0) : null;
	return { kind: 'put', key, value: value.take(), flags: 0n, cas };
}
