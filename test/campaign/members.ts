/**
 * Members lose their disks, come in and leave while clients write. Afterwards all acknowledged writes are looked for at
 * each member: none may be missing, none may be there that was refused, and every counter must be exact. It waits for
 * events only: a round ends once the members are those that it is about, all of them vote, and all are ready.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { nameOf } from '../../shared/member-name.ts';
import { freePorts, Swarm, TestNode, until } from '../process/swarm.ts';
import { checkNodes, counts, within } from './checks.ts';
import { Writers } from './writers.ts';

export interface MembersOptions {
	/** Rounds in which a member, drawn at random, loses its disk. */
	readonly wipes: number;
	/** Rounds in which the leader loses its disk. */
	readonly leaders: number;
	/** Rounds in which three members become five, and three again. */
	readonly tours: number;
	readonly putters: number;
	readonly counters: number;
	/** `logMiB` of the swarm. */
	readonly logMib: number;
}

type Round = 'wipe' | 'wipe of the leader' | 'tour';

/** The number of puts that are acknowledged between one event and the next. */
const PUTS_BETWEEN = 40;
const SMALL = 3;
const LARGE = 5;

/** @returns the faults, one sentence each; none where all is well */
export async function members(options: MembersOptions, say: (line: string) => void): Promise<readonly string[]> {
	const trial = await Trial.start(options);
	const startedMs = performance.now();
	try {
		const rounds = drawRounds(options);
		for (const [index, round] of rounds.entries()) {
			await within(`round ${index + 1} (${round})`, trial.swarm, () => trial.play(round));
			if ((index + 1) % 5 === 0) say(`${index + 1} of ${rounds.length} rounds, ${counts(trial.writers.told)}`);
		}
		await trial.writers.stop();
		const problems = await checkNodes(trial.inside, trial.writers.told);
		const seconds = Math.round((performance.now() - startedMs) / 1000);
		const { wipes, leaders, tours } = options;
		say(
			`${wipes} disks of members and ${leaders} of leaders were lost, and members went ${tours} times from 3 to 5 to 3, ` +
				`in ${seconds} s, ${counts(trial.writers.told)}`,
		);
		return problems;
	} finally {
		await trial.swarm.dispose();
	}
}

function drawRounds({ wipes, leaders, tours }: MembersOptions): Round[] {
	const drawn: Round[] = [
		...new Array(wipes).fill('wipe'),
		...new Array(leaders).fill('wipe of the leader'),
		...new Array(tours).fill('tour'),
	];
	return drawn
		.map((round) => ({ round, place: Math.random() }))
		.sort((a, b) => a.place - b.place)
		.map(({ round }) => round);
}

class Trial {
	readonly swarm: Swarm;
	readonly writers: Writers;
	readonly #nodes: readonly TestNode[];
	/** The nodes that are members. */
	#inside: readonly TestNode[];

	private constructor(swarm: Swarm, nodes: readonly TestNode[], { putters, counters }: MembersOptions) {
		this.swarm = swarm;
		this.#nodes = nodes;
		this.#inside = nodes.slice(0, SMALL);
		const urls = nodes.map(({ url }) => url);
		this.writers = new Writers(urls, (url) => new WebSocket(url), putters, counters);
	}

	/** Starts three nodes as a new swarm, and lets `swarm.json` name two more. */
	static async start(options: MembersOptions): Promise<Trial> {
		const swarm = await Swarm.create({ size: SMALL, logMiB: options.logMib });
		await swarm.start();
		const ports = await freePorts(LARGE - SMALL);
		const others = ports.map((port, index) => new TestNode(swarm, `n${SMALL + 1 + index}`, port));
		const config = JSON.parse(readFileSync(swarm.configFile, 'utf8')) as { readonly nodes: readonly object[] };
		const nodes = [...config.nodes, ...others.map(({ id, port }) => ({ id, port }))];
		writeFileSync(swarm.configFile, JSON.stringify({ ...config, nodes }));
		return new Trial(swarm, [...swarm.nodes, ...others], options);
	}

	get inside(): readonly TestNode[] {
		return this.#inside;
	}

	async play(round: Round): Promise<void> {
		await this.writers.acknowledged(PUTS_BETWEEN);
		if (round === 'tour') {
			for (const node of this.#nodes.filter((candidate) => !this.#inside.includes(candidate))) await this.#add(node);
			for (let count = LARGE; count > SMALL; count--) await this.#remove(drawn(this.#inside));
		} else await this.#wipe(round === 'wipe' ? drawn(this.#inside) : await this.#leader());
	}

	async #wipe(node: TestNode): Promise<void> {
		await node.kill();
		rmSync(node.folder, { recursive: true });
		await this.writers.acknowledged(PUTS_BETWEEN);
		await node.start();
		await this.#settled();
	}

	async #add(node: TestNode): Promise<void> {
		rmSync(node.folder, { recursive: true, force: true });
		node.launch();
		const body = JSON.stringify({ id: node.id, url: node.url });
		const headers = { 'Content-Type': 'application/json' };
		const isMember = (_: number, text: string): boolean => text.includes('is a member already');
		await this.#changed('/v1/members', { method: 'POST', headers, body }, isMember);
		this.#inside = [...this.#inside, node];
		await this.writers.acknowledged(PUTS_BETWEEN);
		await node.ready();
		await this.#settled();
	}

	async #remove(node: TestNode): Promise<void> {
		await this.#changed(`/v1/members/${node.id}`, { method: 'DELETE' }, (status) => status === 404);
		this.#inside = this.#inside.filter((member) => member !== node);
		await this.writers.acknowledged(PUTS_BETWEEN);
		await until(`${node.id} ends`, async () => (node.isRunning ? undefined : true));
		await this.#settled();
	}

	/**
	 * Asks a member, drawn at random, until the change is chosen.
	 *
	 * @param isDone tells an answer from which the change was chosen before, where an earlier outcome was unknown
	 */
	async #changed(path: string, request: RequestInit, isDone: (status: number, text: string) => boolean): Promise<void> {
		await until(`${request.method} ${path}`, async () => {
			const answer = await drawn(this.#inside).fetch(path, request);
			const text = await answer.text();
			return answer.ok || isDone(answer.status, text) ? true : undefined;
		});
	}

	async #leader(): Promise<TestNode> {
		return until('a leader is known', async () => {
			const { leader } = (await (await drawn(this.#inside).fetch('/v1/swarm')).json()) as { leader: string | null };
			return this.#inside.find((node) => node.id === nameOf(leader ?? ''));
		});
	}

	/** Waits until each member knows that these are the members, and that all of them vote. */
	async #settled(): Promise<void> {
		const names = this.#inside.map(({ id }) => id).sort();
		for (const node of this.#inside) {
			await until(`${node.id} knows the members ${names.join(', ')}`, async () => {
				const told = (await (await node.fetch('/v1/members')).json()) as Told;
				const known = told.members.map(({ id }) => nameOf(id)).sort();
				const isSettled = !told.isChanging && told.members.every(({ isVoter }) => isVoter);
				return isSettled && known.join() === names.join() ? true : undefined;
			});
		}
	}
}

/** The part of the answer of `GET /v1/members` that is looked at. */
interface Told {
	readonly isChanging: boolean;
	readonly members: readonly { readonly id: string; readonly isVoter: boolean }[];
}

function drawn<T>(all: readonly T[]): T {
	return all[Math.floor(Math.random() * all.length)] as T;
}
