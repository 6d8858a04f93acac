/**
 * Fills the disks of a real swarm by writes, and makes room again. While a disk is full, its node must refuse writes as
 * not applied and serve reads, and a majority must answer linearizable reads, also once the leader was killed and started
 * again; once there is room, it must take writes without a restart. In the end, and after a crash
 * of all nodes, every acknowledged write must be there, and none that was refused. The disk is a small tmpfs, so only
 * root can run it, on Linux.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Entry, get } from '../process/client.ts';
import { Swarm, type TestNode, until } from '../process/swarm.ts';
import { counts, within, wrongWith } from './checks.ts';
import type { Told } from './writers.ts';

export interface FullDiskOptions {
	/** How often each of the three cases is played. */
	readonly rounds: number;
	/** Room for the folder of one node before it is enlarged, MiB. Two segments of its log take 32 of them. */
	readonly diskMib: number;
	/** `logMiB` of the swarm. */
	readonly logMib: number;
	/** The size of each value, KiB. */
	readonly valueKib: number;
}

const CASES = ['a follower', 'the leader', 'all nodes'] as const;
type Case = (typeof CASES)[number];

/** A disk counts as full when this number of writes in a row are refused, and as mended when as many are taken. */
const IN_A_ROW = 20;
/** The number of acknowledged writes that are read at each node while a disk is full. */
const READS = 20;
const WRITERS = 4;
/** The disk is enlarged to so many times its size. */
const ENLARGED = 10;

/** @returns the faults, one sentence each; none where all is well */
export async function fullDisk(options: FullDiskOptions, say: (line: string) => void): Promise<readonly string[]> {
	const why = reasonNotToMount();
	if (why !== null) return [`this campaign mounts a small tmpfs, which is not permitted here: ${why}`];
	const problems: string[] = [];
	for (let round = 1; round <= options.rounds; round++) {
		for (const which of CASES) {
			const startedMs = performance.now();
			const { told, found, read } = await play(which, options);
			problems.push(...found.map((problem) => `the disk of ${which} is full: ${problem}`));
			const seconds = Math.round((performance.now() - startedMs) / 1000);
			say(
				`round ${round}, the disk of ${which} was full: ${seconds} s, ${counts(told)}, meanwhile ${read} of 3 nodes ` +
					`answered a linearizable read, ${found.length} problems`,
			);
		}
	}
	return problems;
}

/** null where a tmpfs can be mounted. */
function reasonNotToMount(): string | null {
	const folder = mkdtempSync(join(tmpdir(), 'paxos-mount-'));
	try {
		mount(folder, 1);
		run('umount', folder);
		return null;
	} catch (error) {
		return (error as Error).message.trim();
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function mount(folder: string, mib: number): void {
	run('mount', '-t', 'tmpfs', '-o', `size=${mib}m`, 'paxos-campaign', folder);
}

function run(command: string, ...args: readonly string[]): void {
	execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

interface Played {
	readonly told: Told;
	/** One sentence for each fault. */
	readonly found: readonly string[];
	/** The number of nodes that answered a linearizable read while the disk was full, before and after the leader crashed. */
	readonly read: number;
}

async function play(which: Case, options: FullDiskOptions): Promise<Played> {
	const swarm = await Swarm.create({ size: 3, logMiB: options.logMib });
	const full = which === 'all nodes' ? swarm.nodes : [swarm.node('n3')];
	const folder = which === 'all nodes' ? swarm.dataDir : swarm.node('n3').folder;
	mkdirSync(folder, { recursive: true });
	mount(folder, options.diskMib * full.length);
	const trial = new Trial(swarm, full, options);
	let read = 0;
	try {
		const { status, stderr } = await swarm.run('init');
		if (status !== 0) throw new Error(`the data folders were not made: ${stderr}`);
		await swarm.start();
		if (which !== 'all nodes') await led(swarm, which === 'the leader' ? 'n3' : 'n1');
		await within('to fill the disk', swarm, () => trial.fill());
		await within('to use the swarm while the disk is full', swarm, () => trial.useWhileFull());
		await within('to read while the disk is full', swarm, async () => {
			read = await trial.linearizable();
		});
		const leader = await swarm.leader();
		await leader.kill();
		await leader.start();
		await within('to read after a restart while the disk is full', swarm, async () => {
			read = Math.min(read, await trial.linearizable());
		});
		run('mount', '-o', `remount,size=${options.diskMib * full.length * ENLARGED}m`, folder);
		await within('to write again', swarm, () => trial.writeAgain());
		await trial.check('after room was made');
		await Promise.all(swarm.nodes.map((node) => node.kill()));
		await swarm.start();
		await trial.check('after a crash of all nodes');
		return { told: trial.told, found: trial.problems, read };
	} catch (error) {
		return { told: trial.told, found: [...trial.problems, `${(error as Error).message}\n${swarm.transcript()}`], read };
	} finally {
		for (const node of swarm.nodes) if (node.isRunning) await node.kill();
		run('umount', folder);
		await swarm.dispose();
	}
}

async function led(swarm: Swarm, leader: string): Promise<void> {
	await until(`${leader} leads`, async () => {
		const heard = await swarm.leader();
		if (heard.id === leader) return true;
		const headers = { 'Content-Type': 'application/json' };
		await heard.fetch('/v1/leader/transfer', { method: 'POST', headers, body: JSON.stringify({ to: leader }) });
		return undefined;
	});
}

type Outcome = 'acknowledged' | 'diskFull' | 'refused' | 'unknown';

class Trial {
	readonly told: Told = { acknowledged: new Map(), unknown: new Map(), refused: new Map(), raised: new Map() };
	readonly problems: string[] = [];
	readonly #swarm: Swarm;
	readonly #full: readonly TestNode[];
	readonly #valueKib: number;
	#written = 0;

	/** @param full the nodes whose disk is small */
	constructor(swarm: Swarm, full: readonly TestNode[], { valueKib }: FullDiskOptions) {
		this.#swarm = swarm;
		this.#full = full;
		this.#valueKib = valueKib;
	}

	/** Writes at all nodes until each one whose disk is small has refused many writes in a row. */
	async fill(): Promise<void> {
		const inARow = new Map(this.#full.map((node) => [node, 0]));
		const isFull = (): boolean => [...inARow.values()].every((count) => count >= IN_A_ROW);
		const fill = async (): Promise<void> => {
			for (let turn = 0; !isFull(); turn++) {
				const node = this.#swarm.nodes[turn % this.#swarm.nodes.length] as TestNode;
				const outcome = await this.#write(node);
				const count = inARow.get(node);
				if (count !== undefined) inARow.set(node, outcome === 'diskFull' ? count + 1 : 0);
			}
		};
		await Promise.all(Array.from({ length: WRITERS }, fill));
	}

	/**
	 * Writes at a full node are refused, those at others are taken, and all nodes read right. Where most disks are full, a
	 * node that was full before the others may lag, and is asked for its own state, and for early writes.
	 */
	async useWhileFull(): Promise<void> {
		const hasQuorum = this.#full.length < this.#swarm.nodes.length / 2;
		const all = [...this.told.acknowledged.keys()];
		const keys = hasQuorum ? all : all.slice(0, all.length / 2);
		for (const node of this.#swarm.nodes) {
			for (let count = 0; count < READS; count++) {
				const key = keys[Math.floor(Math.random() * keys.length)] as string;
				const value = await get(node, key, hasQuorum ? '' : '&stale');
				if (value !== null && sumOf(value) === this.told.acknowledged.get(key)) continue;
				this.problems.push(`${node.id} reads ${key} wrong`);
			}
			const isFull = this.#full.includes(node);
			for (let count = 0; count < IN_A_ROW; count++) {
				const outcome = await this.#write(node);
				if (isFull && outcome !== 'diskFull') this.problems.push(`a write at ${node.id} is ${outcome}, not refused`);
				if (!isFull) await until(`${node.id} takes a write`, async () => await this.#isTaken(node));
			}
		}
	}

	/**
	 * Asks each node for a linearizable read. A node that was full before the others may lack what they have, and refuse.
	 *
	 * @returns how many of them answer, all of them right
	 */
	async linearizable(): Promise<number> {
		const [key, sum] = [...this.told.acknowledged].at(-1) as [string, string];
		const answers = this.#swarm.nodes.map(async (node) => {
			const answer = await node.fetch(`/v1/kv/${key}?raw`);
			const value = await answer.text();
			const isRight = answer.ok && sumOf(value) === sum;
			if (!isRight && (answer.ok || answer.status === 404)) this.problems.push(`${node.id} reads ${key} wrong`);
			return isRight ? 1 : 0;
		});
		const count = (await Promise.all<number>(answers)).reduce((sum, one) => sum + one, 0);
		if (count < 2) this.problems.push(`${count} of 3 nodes answer a linearizable read`);
		return count;
	}

	/** Each node takes many writes in a row. */
	async writeAgain(): Promise<void> {
		for (const node of this.#swarm.nodes) {
			let inARow = 0;
			await until(`${node.id} takes writes again`, async () => {
				inARow = (await this.#isTaken(node)) ? inARow + 1 : 0;
				return inARow >= IN_A_ROW ? true : undefined;
			});
		}
	}

	/** Compares the state of each node with what was told. */
	async check(when: string): Promise<void> {
		for (const node of this.#swarm.nodes) {
			const entries = (await (await node.fetch('/v1/kv/?recurse')).json()) as Entry[];
			const sums = entries.map(
				({ Key, Value }) => [Key, sumOf(Buffer.from(Value ?? '', 'base64').toString())] as const,
			);
			this.problems.push(...wrongWith(`${node.id} ${when}`, new Map(sums), this.told));
		}
	}

	async #isTaken(node: TestNode): Promise<true | undefined> {
		return (await this.#write(node)) === 'acknowledged' ? true : undefined;
	}

	/** Writes a key that was not written before, at this node. */
	async #write(node: TestNode): Promise<Outcome> {
		const key = `k${String(this.#written++).padStart(7, '0')}`;
		const value = `${key} `.repeat((this.#valueKib * 1024) / (key.length + 1));
		const answer = await node.fetch(`/v1/kv/${key}?cas=0`, { method: 'PUT', body: value });
		const text = (await answer.text()).trim();
		const { told } = this;
		if (answer.ok && text === 'true') {
			told.acknowledged.set(key, sumOf(value));
			return 'acknowledged';
		}
		if (answer.headers.get('X-Swarm-Outcome') === 'not-applied') {
			told.refused.set(key, sumOf(value));
			return answer.headers.get('X-Swarm-Refused') === 'diskFull' ? 'diskFull' : 'refused';
		}
		if (answer.ok) this.problems.push(`${key} was there before it was written`);
		told.unknown.set(key, sumOf(value));
		return 'unknown';
	}
}

function sumOf(value: string): string {
	return createHash('sha256').update(value).digest('hex').slice(0, 16);
}
