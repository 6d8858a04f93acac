/**
 * Flips bits in the files of a node's data, cuts files short and removes them, at each place that has a meaning. Then
 * either everything that is read is right, or the node refuses the data with a message that names a remedy. Most damages
 * are opened by the server's own code in this process; some of them by a real node alone, and some by a real node whose
 * peers run, so that it may replace itself.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../server/config/config.ts';
import { OPEN_SLOTS_MAX, VALUE_BYTES_MAX } from '../../server/node/agent-config.ts';
import { remember } from '../../server/replica/memory.ts';
import { FolderError } from '../../server/storage/errors.ts';
import { openFolder } from '../../server/storage/folder.ts';
import { firstVotersOf } from '../../server/storage/identity.ts';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import { newLogFiles, readManifest } from '../../shared/disk/manifest.ts';
import { SLOTS_AHEAD_MAX } from '../../shared/paxos/bounds.ts';
import { KEY_VALUE } from '../../shared/store/key-value.ts';
import { type Entry, put } from '../process/client.ts';
import { diskOf } from '../process/disk-log.ts';
import { Swarm, type TestNode, until } from '../process/swarm.ts';
import { within } from './checks.ts';
import { describe, drawSpoilings, faultOfRefusal, type Spoiling, spoiled, spoilingsOf } from './spoil.ts';

export interface FlipOptions {
	/** Damages that the server's code opens in this process. */
	readonly openings: number;
	/** Damages with which a real node starts alone. */
	readonly processes: number;
	/** Damages with which a real node starts while its peers run. */
	readonly joins: number;
}

/** Small segments, so that a small log has several of them. */
const SEGMENT_BYTES = 256 * 1024;
const VALUE_CHARS = 1500;
const KEYS = 60;
/** This number of writes makes a log of more than 1 MiB. It is trimmed behind a snapshot, and some segments follow it. */
const WRITES = 1300;
/** The node is killed and started so many times while its data are made. */
const LIVES = 4;
/** The number of writes that the log grows by between two damages. */
const WRITES_BETWEEN = 30;
const SAY_EVERY = 1000;

/** @returns the faults, one sentence each; none where all is well */
export async function flips(options: FlipOptions, say: (line: string) => void): Promise<readonly string[]> {
	const startedMs = performance.now();
	const problems = [...(await alone(options, say)), ...(await withPeers(options, say))];
	say(`in ${Math.round((performance.now() - startedMs) / 1000)} s`);
	return problems;
}

/** Counts what became of each damage, and collects the faults. */
class Outcomes {
	readonly problems: string[] = [];
	readonly #counts = new Map<string, number>();

	note(outcome: string): void {
		this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
	}

	fault(spoiling: Spoiling, what: string): void {
		this.note('faults');
		this.problems.push(`${describe(spoiling)}: ${what}`);
	}

	toString(): string {
		return [...this.#counts].map(([outcome, count]) => `${outcome}: ${count}`).join(', ');
	}
}

async function alone(options: FlipOptions, say: (line: string) => void): Promise<readonly string[]> {
	const swarm = await Swarm.create({ size: 1, logMiB: 1 });
	try {
		const node = swarm.node('n1');
		const values = await made(swarm);
		await node.kill();
		const data = new Data(swarm.dataDir, node);
		say(`the data of a node alone: ${data}`);
		const opened = await openAll(swarm, data, options.openings, say);
		const outcomes = new Outcomes();
		const drawn = data.draw(options.processes);
		for (const spoiling of drawn) {
			await within(describe(spoiling), swarm, () => startAlone(node, data, spoiling, values, outcomes));
		}
		say(`${drawn.length} of these started as a process: ${outcomes}`);
		return [...opened, ...outcomes.problems];
	} finally {
		await swarm.dispose();
	}
}

/** Makes the data of each node of the swarm, which runs then. @returns the values that were acknowledged */
async function made(swarm: Swarm): Promise<Map<string, string>> {
	const { status, stderr } = await swarm.run('init');
	if (status !== 0) throw new Error(`the data folders were not made: ${stderr}`);
	for (const node of swarm.nodes) {
		const { owner } = readManifest(diskOf(node));
		for (const { name, bytes } of newLogFiles(owner, SEGMENT_BYTES))
			writeFileSync(join(node.folder, 'log', name), bytes);
	}
	await swarm.start();
	const values = new Map<string, string>();
	const last = swarm.nodes.at(-1) as TestNode;
	for (let life = 0; life < LIVES; life++) {
		await write(swarm.nodes[0] as TestNode, values, WRITES / LIVES);
		await last.kill();
		await last.start();
	}
	await write(last, values, WRITES_BETWEEN);
	return values;
}

async function write(node: TestNode, values: Map<string, string>, count: number): Promise<void> {
	for (let written = 0; written < count; written++) {
		const key = `k${Math.floor(Math.random() * KEYS)}`;
		const value = `${Math.random()} `.repeat(VALUE_CHARS / 20);
		await until(`${key} is written`, async () => ((await put(node, key, value)).ok ? true : undefined));
		values.set(key, value);
	}
}

/** The files of a node's data, as they are when this is made, and all ways to spoil them. */
class Data {
	readonly dataDir: string;
	/** By path below the data folder. */
	readonly files: ReadonlyMap<string, Uint8Array>;
	readonly spoilings: readonly Spoiling[];

	constructor(dataDir: string, node: TestNode) {
		this.dataDir = dataDir;
		const manifest = readManifest(diskOf(node));
		const all = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).sort();
		const isOwn = (path: string): boolean => !path.includes('/') || path.startsWith(`${node.id}/`);
		const isKept = (path: string): boolean => !path.includes('.damaged-');
		const paths = all.filter((path) => isOwn(path) && isKept(path) && statSync(join(dataDir, path)).isFile());
		this.files = new Map(paths.map((path) => [path, readFileSync(join(dataDir, path))]));
		this.spoilings = [...this.files].flatMap(([path, bytes]) => spoilingsOf(path, bytes, manifest));
	}

	draw(count: number): Spoiling[] {
		return drawSpoilings(this.spoilings, count, Math.random);
	}

	spoil(spoiling: Spoiling): void {
		const bytes = spoiled(this.files.get(spoiling.file) as Uint8Array, spoiling);
		const path = join(this.dataDir, spoiling.file);
		if (bytes === null) rmSync(path);
		else writeFileSync(path, bytes);
	}

	/** Puts the file back. */
	mend({ file }: Spoiling): void {
		writeFileSync(join(this.dataDir, file), this.files.get(file) as Uint8Array);
	}

	/** Puts back all files of the node, whatever became of them. */
	restore(node: TestNode): void {
		rmSync(join(node.folder, 'log'), { recursive: true, force: true });
		cpSync(`${this.dataDir}.kept`, this.dataDir, { recursive: true });
	}

	/** Keeps a copy for `restore`. */
	keep(): void {
		rmSync(`${this.dataDir}.kept`, { recursive: true, force: true });
		cpSync(this.dataDir, `${this.dataDir}.kept`, { recursive: true });
	}

	toString(): string {
		const bytes = [...this.files.values()].reduce((sum, { length }) => sum + length, 0);
		const names = [...this.files.keys()].join(', ');
		return `${this.files.size} files of ${bytes} bytes (${names}), ${this.spoilings.length} ways to damage them`;
	}
}

/** Opens damaged data by the code with which the server opens them. */
async function openAll(swarm: Swarm, data: Data, count: number, say: (line: string) => void): Promise<string[]> {
	const outcomes = new Outcomes();
	const whole = await open(swarm);
	const drawn = data.draw(count);
	for (const [index, spoiling] of drawn.entries()) {
		data.spoil(spoiling);
		try {
			if ((await open(swarm)) === whole) outcomes.note('all is read right');
			else outcomes.fault(spoiling, 'it was opened, and says something else');
		} catch (error) {
			if (!(error instanceof FolderError)) {
				outcomes.fault(spoiling, `it ended with ${(error as Error).stack}`);
			} else {
				const fault = faultOfRefusal(error.message);
				if (fault === null) outcomes.note(`refused as ${error.code}`);
				else outcomes.fault(spoiling, `${fault}: ${error.message}`);
			}
		}
		data.mend(spoiling);
		if ((index + 1) % SAY_EVERY === 0) say(`${index + 1} of ${drawn.length} damages were opened`);
	}
	if ((await open(swarm)) !== whole) outcomes.problems.push('the data are not as before at the end');
	say(`${drawn.length} damages were opened in one process: ${outcomes}`);
	return outcomes.problems;
}

/** Opens the folder of n1 as the server does. @returns all that was read, as text. @throws FolderError */
async function open(swarm: Swarm): Promise<string> {
	const { config } = loadConfig({ config: swarm.configFile }, {}, swarm.folder);
	const folder = openFolder(config.dataDir, 'n1', config.name);
	try {
		const { recovered, machine: store } = await remember({
			kind: KEY_VALUE,
			disk: folder.disk,
			logOwner: folder.owner,
			swarmId: folder.swarmId,
			config: {
				id: folder.id,
				members: firstVotersOf(folder.members),
				openSlotsMax: OPEN_SLOTS_MAX,
				slotsAheadMax: SLOTS_AHEAD_MAX,
				valueBytesMax: VALUE_BYTES_MAX,
				messageBytesMax: VALUE_BYTES_MAX / 2,
				timings: config.timings,
			},
			progress: () => undefined,
		});
		const { records, end, remains } = recovered;
		const said = { id: folder.id, swarm: folder.swarmId, members: folder.members, records, end, remains };
		return JSON.stringify({ ...said, store: store.list('') }, (_, value: unknown) => {
			if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
			return typeof value === 'bigint' ? String(value) : value;
		});
	} catch (error) {
		throw error instanceof CorruptLogError ? folder.damaged(error) : error;
	} finally {
		await folder.close();
	}
}

async function startAlone(
	node: TestNode,
	data: Data,
	spoiling: Spoiling,
	values: ReadonlyMap<string, string>,
	outcomes: Outcomes,
): Promise<void> {
	data.keep();
	data.spoil(spoiling);
	await startDamaged(node, spoiling, values, outcomes);
	if (node.isRunning) await node.kill();
	data.restore(node);
}

/** Starts the node, and checks what it says or serves. @returns whether it runs */
async function startDamaged(
	node: TestNode,
	spoiling: Spoiling,
	values: ReadonlyMap<string, string>,
	outcomes: Outcomes,
): Promise<boolean> {
	const program = node.launch();
	const isReady = await Promise.race([program.ended.then(() => false), node.ready().then(() => true)]).catch(
		() => false,
	);
	if (isReady) {
		const wrong = await wrongAt(node, values);
		if (wrong === null) outcomes.note(/is moved to /.test(node.output) ? 'replaced' : 'all is read right');
		else outcomes.fault(spoiling, wrong);
		return true;
	}
	const status = await program.ended;
	const fault = status === 1 ? faultOfRefusal(node.output) : `it ended with status ${status}`;
	if (fault === null) outcomes.note('refused');
	else outcomes.fault(spoiling, `${fault}: ${node.output}`);
	return false;
}

/** One sentence; null where the node serves these values and no others. */
async function wrongAt(node: TestNode, values: ReadonlyMap<string, string>): Promise<string | null> {
	const entries = (await (await node.fetch('/v1/kv/?recurse')).json()) as Entry[];
	const found = new Map(entries.map(({ Key, Value }) => [Key, Buffer.from(Value ?? '', 'base64').toString()]));
	for (const key of new Set([...values.keys(), ...found.keys()])) {
		if (found.get(key) === values.get(key)) continue;
		return `${key} is ${found.get(key)?.slice(0, 30) ?? 'missing'}, not ${values.get(key)?.slice(0, 30) ?? 'missing'}`;
	}
	return null;
}

async function withPeers({ joins }: FlipOptions, say: (line: string) => void): Promise<readonly string[]> {
	const swarm = await Swarm.create({ size: 3, logMiB: 1 });
	try {
		const values = await made(swarm);
		const outcomes = new Outcomes();
		const [first, , node] = swarm.nodes as readonly [TestNode, TestNode, TestNode];
		for (let round = 1; round <= joins; round++) {
			await node.kill();
			const data = new Data(swarm.dataDir, node);
			const [spoiling] = data.draw(1) as [Spoiling];
			await within(describe(spoiling), swarm, async () => {
				await write(first, values, WRITES_BETWEEN);
				data.spoil(spoiling);
				if (await startDamaged(node, spoiling, values, outcomes)) return;
				data.mend(spoiling);
				await node.start();
			});
			await settled(first);
		}
		say(`${joins} damages of a node whose peers ran: ${outcomes}`);
		return outcomes.problems;
	} finally {
		await swarm.dispose();
	}
}

/** Waits until all members vote. */
async function settled(node: TestNode): Promise<void> {
	await until('all members vote', async () => {
		const told = (await (await node.fetch('/v1/members')).json()) as {
			readonly isChanging: boolean;
			readonly members: readonly { readonly isVoter: boolean }[];
		};
		return !told.isChanging && told.members.every(({ isVoter }) => isVoter) ? true : undefined;
	});
}
