/**
 * One node's HTTP door over a fake replica: a real store that applies submitted commands at once, and a leader that the
 * test sets. Requests go over a real socket, exactly as they are written.
 */
import { EventEmitter } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { type ApiOptions, createApi } from '../../server/api/api.ts';
import { createDoors } from '../../server/front/doors.ts';
import { Front, type FrontOptions, type UpgradeDoor } from '../../server/front/front.ts';
import { connectionLimits, DESCRIPTORS_ASSUMED } from '../../server/front/limits.ts';
import { Metrics } from '../../server/metrics/metrics.ts';
import type { LoopFigures } from '../../server/process/loop-watch.ts';
import type { OpenSnapshot, ReplicaService } from '../../server/replica/service.ts';
import type { KnownSwarm } from '../../server/swarm/swarm.ts';
import type { NodeSnapshot, SwarmMember } from '../../shared/feed.ts';
import { type Ballot, NO_BALLOT, type NodeId } from '../../shared/paxos/ballot.ts';
import type { Batch, BatchEnd, SubmitOptions, Submitter } from '../../shared/replica/batch.ts';
import { History } from '../../shared/replica/history.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import type { MembersAnswer, MembersRequest } from '../../shared/replica/membership.ts';
import { type NamedAnswer, type NamedRequest, NamedRequests } from '../../shared/replica/named-requests.ts';
import type { OnPart } from '../../shared/replica/own-batch.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import type { PeerView, ReplicaView } from '../../shared/replica/view.ts';
import { type Subject, Waits } from '../../shared/replica/waits.ts';
import { type Watch, type Watcher, Watches } from '../../shared/replica/watches.ts';
import { CLIENT_LIMITS } from '../../shared/store/client-limits.ts';
import { encodeCommand, type Operation, type PartOfTransaction } from '../../shared/store/command.ts';
import type { Result } from '../../shared/store/result.ts';
import { Store } from '../../shared/store/store.ts';
import { encodeTransaction } from '../store/commands.ts';

export const BALLOT: Ballot = { ms: 1763889731207, ns: 3, node: 'n1' };
const CLIENT = 'client of the test';
export const LOOP: LoopFigures = { longestMs: 61.5, over20Ms: 3, over50Ms: 1, over250Ms: 0, ranOver50Ms: 0 };

/** @param urls those of the voters, by their ids @param others learners */
export function swarmOf(urls: Readonly<Record<NodeId, string>>, others: readonly SwarmMember[] = []): KnownSwarm {
	const voters = Object.entries(urls).map(([id, url]) => ({ id, url, isVoter: true, replaces: null }));
	const members = [...voters, ...others];
	const sets = [{ chosenAt: 0, from: 1, members }];
	return { name: 'test', id: 'swarm id', members, first: urls, sets, urlOf: ({ url }) => url };
}

export class LoneReplica implements ReplicaService {
	readonly store: Store;
	readonly submitted: { readonly operation: Operation; readonly options: SubmitOptions }[] = [];
	readonly transactions: { readonly operations: readonly PartOfTransaction[]; readonly timeoutMs: number }[] = [];
	/** A write that is applied before the results of a transaction come, as those of duplicates; null where they do not. */
	appliedFirst: Operation | null = null;
	readonly named: NamedRequest[] = [];
	readonly #submitters = new Map<string, Submitter>();
	readonly #named = new NamedRequests(
		{
			listen: (client, submitter) => this.#submitters.set(client, submitter),
			unlisten: (client) => this.#submitters.delete(client),
			submit: (batch) => this.#choose(batch),
		},
		{ nowMs: () => this.nowMs, machine: { keepsOutcomesOf: (client) => this.store.keepsOutcomesOf(client) } },
	);
	/** The time limits that `readBarrier` was called with. */
	readonly barriers: number[] = [];
	readonly membersRequests: MembersRequest[] = [];
	/** The answers of `changeMembers`, of which the last one is given again and again. */
	membersAnswers: MembersAnswer[] = [{ kind: 'unknown' }];
	readonly handOvers: { readonly to: NodeId | null; readonly timeoutMs: number }[] = [];
	/** The ballot of the node that leads after `handOver`. */
	successor: Ballot = NO_BALLOT;
	/** null where it cannot give one. */
	snapshotFile: OpenSnapshot | null = null;
	hasLeader = true;
	/** The reads that wait, by a clock and a random number that the test sets. */
	readonly waits: Waits;
	readonly watches: Watches;
	nowMs = 0;
	random = 0;
	membersIndex = 1;
	/** The answer to the next command, which is then not applied. */
	answerNext: SubmitAnswer | null = null;
	override: Partial<ReplicaView> = {};
	peersKnown: readonly PeerView[] = [];
	#sequence = 1;
	#onSubmitted: () => void = () => undefined;
	#onWait: () => void = () => undefined;

	/** @param historyChangesMax how many changes are kept for watches @param clientsMax as of `ClientLimits` */
	constructor({ historyChangesMax = REPLICA_LIMITS.historyChangesMax, clientsMax = CLIENT_LIMITS.clientsMax } = {}) {
		this.store = new Store({ ...CLIENT_LIMITS, clientsMax });
		const history = new History(0, { ...REPLICA_LIMITS, historyChangesMax });
		this.store.listener = history;
		this.waits = new Waits({
			nowMs: () => this.nowMs,
			setTimer: () => undefined,
			random: () => this.random,
			changeOf: (subject) => this.#changeOf(subject),
			listen: (listens) => {
				history.also = listens ? this.waits : null;
			},
		});
		this.watches = new Watches({
			history,
			limits: REPLICA_LIMITS,
			revision: () => this.store.revision,
			changeOfPrefix: (prefix) => this.store.changeOfPrefix(prefix),
			soon: () => setImmediate(() => this.watches.endTurn()),
		});
		this.store.apply(encodeCommand(this.#identity(), { kind: 'registerClient', client: CLIENT }));
	}

	readonly isStopped = false;

	get revision(): number {
		return this.store.revision;
	}

	/** Resolves when the next command comes. */
	nextSubmitted(): Promise<void> {
		return new Promise((resolve) => {
			this.#onSubmitted = resolve;
		});
	}

	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer> {
		this.submitted.push({ operation, options });
		this.#onSubmitted();
		const answer = this.answerNext ?? this.#apply(operation);
		this.answerNext = null;
		return Promise.resolve(answer);
	}

	transact(operations: readonly PartOfTransaction[], timeoutMs: number, onPart: OnPart): Promise<SubmitAnswer> {
		this.transactions.push({ operations, timeoutMs });
		const answer = this.answerNext ?? this.#applyAll(operations, onPart);
		this.answerNext = null;
		return Promise.resolve(answer);
	}

	submitNamed(request: NamedRequest, onPart: OnPart): Promise<NamedAnswer> {
		this.named.push(request);
		return new Promise((resolve) => this.#named.submit(request, onPart, resolve));
	}

	readBarrier(timeoutMs: number): Promise<boolean> {
		this.barriers.push(timeoutMs);
		return Promise.resolve(this.hasLeader);
	}

	/** Resolves when the next read has begun to wait. */
	nextWait(): Promise<void> {
		return new Promise((resolve) => {
			this.#onWait = resolve;
		});
	}

	/** The time of the test goes on, and waits that are over end. */
	pass(ms: number): void {
		this.nowMs += ms;
		this.waits.fire();
	}

	whenChanged(subject: Subject, index: number, waitMs: number, done: () => void): (() => void) | null {
		const giveUp = this.waits.wait(subject, index, waitMs, done);
		if (giveUp) this.#onWait();
		return giveUp;
	}

	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null {
		return this.watches.open(prefix, after, watcher);
	}

	changeMembers(request: MembersRequest): Promise<MembersAnswer> {
		this.membersRequests.push(request);
		const [answer = { kind: 'unknown' }, ...later] = this.membersAnswers;
		if (later.length > 0) this.membersAnswers = later;
		return Promise.resolve(answer);
	}

	handOver(to: NodeId | null, timeoutMs: number): Promise<Ballot> {
		this.handOvers.push({ to, timeoutMs });
		return Promise.resolve(this.successor);
	}

	openSnapshot(): Promise<OpenSnapshot | string> {
		return Promise.resolve(this.snapshotFile ?? 'its disk is full');
	}

	view(): ReplicaView {
		return {
			id: 'n2',
			role: 'follower',
			promised: BALLOT,
			leader: this.hasLeader ? BALLOT : NO_BALLOT,
			chosenThrough: this.store.revision,
			appliedThrough: this.store.revision,
			trimmedThrough: 0,
			lastContactMs: 12.7,
			diskFault: null,
			stateFault: null,
			linked: ['n1'],
			...this.override,
		};
	}

	proposals(): { readonly pending: number; readonly failed: number } {
		return { pending: 2, failed: 3 };
	}

	peers(): readonly PeerView[] {
		return this.peersKnown;
	}

	snapshot(): NodeSnapshot {
		throw new Error('the API asks for no snapshot');
	}

	watch(): never {
		throw new Error('the API watches no facts');
	}

	#choose(batch: Batch): null {
		const answer = this.answerNext;
		this.answerNext = null;
		if (answer?.outcome === 'unknown' || answer?.outcome === 'refused') {
			batch.submitter.ended(batch, { ...answer, kind: answer.outcome } as BatchEnd);
			return null;
		}
		const results: (readonly [client: string, sequence: number, result: Result])[] = [];
		this.store.apply(batch.bytes, (...result) => results.push(result));
		for (const [client, sequence, result] of results) {
			this.#submitters.get(client)?.result(sequence, result, sequence, BALLOT);
		}
		this.#endTurn();
		return null;
	}

	#endTurn(): void {
		this.waits.endTurn();
		this.watches.endTurn();
	}

	#changeOf({ kind, name }: Subject): number {
		switch (kind) {
			case 'key':
				return this.store.changeOfKey(name);
			case 'prefix':
				return this.store.changeOfPrefix(name);
			case 'session':
				return this.store.changeOfSession(name);
			case 'sessionsOf':
				return this.store.changeOfSessionsOf(name);
			case 'sessions':
				return this.store.changeOfSessions;
			case 'members':
				return this.membersIndex;
		}
	}

	#identity(): { client: string; sequence: number; receivedThrough: number } {
		this.#sequence++;
		return { client: CLIENT, sequence: this.#sequence, receivedThrough: this.#sequence - 1 };
	}

	#applyAll(operations: readonly PartOfTransaction[], onPart: OnPart): SubmitAnswer {
		const first = this.#sequence + 1;
		this.#sequence += operations.length;
		const value = encodeTransaction({ client: CLIENT, sequence: first, receivedThrough: first - 1 }, operations);
		let ok = true;
		const late: (() => void)[] = [];
		this.store.apply(value, (_client, sequence, result) => {
			if (result.kind !== 'applied') throw new Error(`a fresh command was ${result.kind}`);
			ok &&= result.ok;
			if (this.appliedFirst) late.push(() => onPart(sequence - first, { ...result, kind: 'duplicate' }));
			else onPart(sequence - first, result);
		});
		if (this.appliedFirst) this.#apply(this.appliedFirst);
		for (const tell of late) tell();
		this.#endTurn();
		const { revision } = this.store;
		return { outcome: 'chosen', ok, revision, slot: 1, ballot: BALLOT, chosenAt: BALLOT, attempts: [] };
	}

	#apply(operation: Operation): SubmitAnswer {
		let answer: SubmitAnswer | undefined;
		const value = encodeCommand(this.#identity(), operation);
		this.store.apply(value, (_client, _sequence, result) => {
			if (result.kind !== 'applied') throw new Error(`a fresh command was ${result.kind}`);
			const { ok, revision } = result;
			const slot = revision;
			answer = { outcome: 'chosen', ok, revision, slot, ballot: BALLOT, chosenAt: BALLOT, attempts: [] };
		});
		this.#endTurn();
		if (!answer) throw new Error('a command had no result');
		return answer;
	}
}

export interface Answer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly text: string;
	readonly json: unknown;
}

export interface Asked {
	readonly headers?: Record<string, string>;
	readonly body?: string | Uint8Array;
}

export class TestNode {
	readonly replica: LoneReplica;
	/** Emits `request`, with its message and response, for each request that is let in. */
	readonly events = new EventEmitter();
	readonly refused: string[] = [];
	readonly errors: unknown[] = [];
	readonly metrics = new Metrics();
	/** WebSockets are refused unless a test says otherwise. */
	upgrade: (path: string) => UpgradeDoor | null = () => null;
	isDraining = false;
	lagMs = 0;
	#front: Front | undefined;

	constructor(replica = new LoneReplica()) {
		this.replica = replica;
	}

	get front(): Front {
		if (!this.#front) throw new Error('the node is not started');
		return this.#front;
	}

	get port(): number {
		return this.front.port;
	}

	async start(options: Partial<ApiOptions> = {}, frontOptions: Partial<FrontOptions> = {}): Promise<this> {
		let doors = createDoors([]);
		this.#front = new Front({
			// The node's own port is known only once it listens.
			doors: { refusal: (headers, anyHost) => doors.refusal(headers, anyHost) },
			limits: connectionLimits(DESCRIPTORS_ASSUMED),
			refused: (_door, _from, why) => this.refused.push(why),
			failed: (error) => this.errors.push(error),
			...frontOptions,
		});
		await this.front.listen('127.0.0.1', 0);
		doors = createDoors([
			{ host: '127.0.0.1', port: 7101 },
			{ host: '127.0.0.1', port: this.port },
		]);
		const request = createApi({
			service: this.replica,
			doors,
			swarm: swarmOf({ n1: 'http://127.0.0.1:7101', n2: `http://127.0.0.1:${this.port}` }),
			version: '0.0.0',
			dashboardDir: null,
			isDraining: () => this.isDraining,
			lagMs: () => this.lagMs,
			waitsMax: connectionLimits(DESCRIPTORS_ASSUMED).waitsMax,
			loop: () => LOOP,
			metrics: this.metrics,
			onError: (error) => this.errors.push(error),
			...options,
		});
		this.front.open({
			request: (req, res) => {
				this.events.emit('request', req, res);
				request(req, res);
			},
			upgrade: (path) => this.upgrade(path),
		});
		return this;
	}

	stop(): Promise<void> {
		return this.front.close();
	}

	/** Sends a request. Its path is sent as it is written, without resolving or encoding anything. */
	ask(method: string, path: string, { headers = {}, body }: Asked = {}): Promise<Answer> {
		return new Promise((resolve, reject) => {
			const sent = request({ host: '127.0.0.1', port: this.port, method, path, headers, agent: false }, (answer) => {
				const chunks: Buffer[] = [];
				answer.on('data', (chunk: Buffer) => chunks.push(chunk));
				answer.on('error', reject);
				answer.on('end', () => {
					const text = Buffer.concat(chunks).toString();
					const isJson = answer.headers['content-type']?.startsWith('application/json') && text !== '';
					const json: unknown = isJson ? JSON.parse(text) : undefined;
					resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json });
				});
			});
			sent.on('error', reject);
			sent.end(body);
		});
	}

	get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
		return this.ask('GET', path, { headers });
	}

	put(path: string, body: string | Uint8Array = ''): Promise<Answer> {
		return this.ask('PUT', path, { body });
	}
}
