/** Some computers, some groups of nodes on them, and clients that ask without pause. */
import { Computer, type Hardware, Process } from './computer.ts';
import type { Costs } from './costs.ts';
import { type Answer, type Part, Replica } from './replica.ts';
import { World } from './world.ts';

export interface Scene {
	readonly hardware: Hardware;
	readonly computers: number;
	/** Each has its own log and its own part of the keys. They are spread over the computers, and so are their leaders. */
	readonly groups: number;
	/** The nodes of each group, the first leader first. */
	readonly parts: readonly Part[];
	/** In all, each with one request outstanding. */
	readonly clients: number;
	/** The share of requests that are linearizable reads, from 0 to 1. */
	readonly reads: number;
	/** Where reads are asked for: at the leader, or at each node with a store in turn. */
	readonly readsAt: 'leader' | 'all';
	/** What a request costs a client that shares the first computer; without it, clients are elsewhere and cost nothing. */
	readonly clientUs?: number;
}

export interface Seen {
	readonly perSecond: number;
	readonly p50Ms: number;
	/** The share of its cores, and of its disk, that worked, of the computer where each was most. */
	readonly cores: number;
	readonly disk: number;
	/** Turns for each request, of a leader and of a follower. */
	readonly leaderTurns: number;
	readonly followerTurns: number;
}

/** Until each group has its leader, and its clients have fallen into step. */
const BEFORE_US = 1_000_000;
const MEASURED_US = 500_000;

export function play(scene: Scene, costs: Costs): Seen {
	const world = new World();
	const random = drawn();
	const computers = Array.from({ length: scene.computers }, () => new Computer(world, scene.hardware));
	const groups = Array.from({ length: scene.groups }, (_, group) => {
		const ids = scene.parts.map((_, at) => `n${at + 1}`);
		const replicas = scene.parts.map((part, at) => {
			const computer = computers[(group + at) % computers.length] as Computer;
			return new Replica(ids[at] as string, ids, part, computer, costs, random);
		});
		for (const replica of replicas) replica.start(replicas);
		return replicas;
	});
	const clients = new Clients(scene, groups, computers[0] as Computer, random);
	world.run(BEFORE_US / 2);
	clients.start();
	world.run(BEFORE_US / 2);
	clients.latenciesUs = [];
	const before = computers.map(({ workedUs, flushedUs }) => ({ workedUs, flushedUs }));
	const turnsOf = (replica: Replica | undefined) => replica?.turns ?? 0;
	const [first = []] = groups;
	const turnsBefore = [turnsOf(first[0]), turnsOf(first[1])] as const;
	world.run(MEASURED_US);
	const requests = clients.latenciesUs.length;
	const share = (of: (computer: Computer, at: number) => number) => Math.max(...computers.map(of)) / MEASURED_US;
	return {
		perSecond: Math.round((requests * 1_000_000) / MEASURED_US),
		p50Ms: (clients.latenciesUs.sort((a, b) => a - b)[requests >> 1] ?? Number.NaN) / 1000,
		cores: share(({ workedUs }, at) => (workedUs - (before[at]?.workedUs ?? 0)) / scene.hardware.cores),
		disk: share(({ flushedUs }, at) => flushedUs - (before[at]?.flushedUs ?? 0)),
		leaderTurns: ((turnsOf(first[0]) - turnsBefore[0]) * scene.groups) / requests,
		followerTurns: ((turnsOf(first[1]) - turnsBefore[1]) * scene.groups) / requests,
	};
}

class Clients {
	latenciesUs: number[] = [];
	readonly #scene: Scene;
	readonly #groups: readonly (readonly Replica[])[];
	readonly #random: () => number;
	readonly #world: World;
	readonly #process: ClientProcess | null;
	#asked = 0;

	constructor(scene: Scene, groups: readonly (readonly Replica[])[], computer: Computer, random: () => number) {
		this.#scene = scene;
		this.#groups = groups;
		this.#random = random;
		this.#world = computer.world;
		this.#process = scene.clientUs === undefined ? null : new ClientProcess(computer, scene.clientUs);
	}

	start(): void {
		for (let client = 0; client < this.#scene.clients; client++) this.#ask();
	}

	/** A client asks, and asks again once it is answered. */
	#ask(): void {
		const { hardware, reads, readsAt } = this.#scene;
		const replicas = this.#groups[this.#asked % this.#groups.length] as readonly Replica[];
		const isRead = this.#random() < reads;
		const withStore = replicas.filter(({ part }) => part !== 'witness');
		const at = isRead && readsAt === 'all' ? Math.floor(this.#asked / this.#groups.length) % withStore.length : 0;
		const replica = withStore[at] as Replica;
		this.#asked++;
		const askedUs = this.#world.nowUs;
		const answered = (): void => {
			this.latenciesUs.push(this.#world.nowUs - askedUs);
			this.#ask();
		};
		const answer: Answer = () => this.#world.after(hardware.linkUs, () => this.#work(answered));
		this.#world.after(hardware.linkUs, () => (isRead ? replica.read(answer) : replica.put(answer)));
	}

	#work(act: () => void): void {
		if (this.#process) this.#process.request(act);
		else act();
	}
}

/** All clients of one computer, where they take time from the nodes. */
class ClientProcess extends Process {
	readonly #requestUs: number;
	#requests = 0;

	constructor(computer: Computer, requestUs: number) {
		super(computer);
		this.#requestUs = requestUs;
	}

	request(act: () => void): void {
		this.hand(() => {
			this.#requests++;
			this.atEnd(act);
		});
	}

	protected override turn(): number {
		const us = this.#requests * this.#requestUs;
		this.#requests = 0;
		return us;
	}
}

/** The same numbers in each run. @returns draws evenly from 0 up to, not including, 1 */
function drawn(): () => number {
	let state = 1;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}
