/** `snapshot save`, `snapshot status` and `snapshot restore`: the whole state in one file, and a new swarm from it. */
import { resolve } from 'node:path';
import { type Backup, BackupChecker, BackupError } from '../backup/file.ts';
import { NewFile, NewFileError } from '../backup/new-file.ts';
import { type BackupStep, readBackup } from '../backup/read.ts';
import { restoreSwarm } from '../backup/restore.ts';
import { swarmMembersOf } from '../config/addresses.ts';
import { loadConfig } from '../config/config.ts';
import type { ConfigFlags } from '../config/settings.ts';
import { endpointsOf, silentLast } from './client.ts';
import { command, withRemedy } from './commands.ts';
import { DownloadError, download } from './download.ts';
import { movingSteps } from './init.ts';
import { stoppable } from './interrupt.ts';
import { addressOf } from './members.ts';
import type { ConnectOptions } from './options.ts';
import { ProgressBar } from './progress-bar.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface SaveOptions extends ConnectOptions {
	readonly node?: string;
	readonly stale?: true;
	readonly force?: true;
}

/** A node that says nothing for so long is given up, milliseconds. While it writes its snapshot, it says so each second. */
const SILENT_MS = 15_000;
/** An answer that is no snapshot is a sentence. */
const REFUSAL_BYTES_MAX = 4096;

export async function save(file: string, options: SaveOptions, terminal: Terminal): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const path = resolve(terminal.workingDir, file);
	const endpoints =
		options.node === undefined ? endpointsOf(config, options.endpoint) : [await addressOf(options.node, config)];
	const saved = await foreseen(() =>
		stoppable((signal) => saveFromAny(endpoints, path, { ...options, signal, terminal })),
	);
	terminal.stdout.write(`${describe(saved)}\nSaved in ${path}\n`);
	return EXIT.ok;
}

interface SaveContext {
	readonly stale?: true;
	readonly force?: true;
	readonly signal: AbortSignal;
	readonly terminal: Terminal;
}

/** From the first node that gives a whole one. */
async function saveFromAny(endpoints: readonly string[], path: string, context: SaveContext): Promise<Backup> {
	const failures: string[] = [];
	// Whether the file can be written at all is found out before any node has work with it.
	await (await NewFile.create(path, context.force === true)).abandon();
	for (const endpoint of await silentLast(endpoints)) {
		try {
			return await saveFrom(endpoint, path, context);
		} catch (error) {
			const isOfNode = error instanceof DownloadError || error instanceof BackupError;
			if (!isOfNode) throw error;
			failures.push(`${endpoint}: ${error.message}`);
		}
	}
	throw new CommandError(`No node gave a snapshot, and nothing was saved.\n${failures.join('\n')}`, {
		status: EXIT.unavailable,
	});
}

async function saveFrom(endpoint: string, path: string, context: SaveContext): Promise<Backup> {
	const { stale, force, signal, terminal } = context;
	const url = `${endpoint}/v1/snapshot${stale ? '?stale' : ''}`;
	const file = await NewFile.create(path, force === true);
	const bar = new ProgressBar(terminal, 'saving');
	// A node may have to write its snapshot before anything comes.
	bar.update(0, 1);
	try {
		return await download(url, { silentMs: SILENT_MS, signal }, async ({ status, pieces }) => {
			if (status !== 200) throw new DownloadError((await textOf(pieces)) || `HTTP status ${status}`);
			const checker = new BackupChecker();
			for await (const piece of pieces) {
				checker.add(piece);
				await file.write(piece);
				bar.update(checker.bytes, checker.bytesOfAll ?? Number.POSITIVE_INFINITY);
			}
			const backup = checker.finish();
			signal.throwIfAborted();
			await file.finish();
			return backup;
		});
	} catch (error) {
		await file.abandon();
		throw error instanceof BackupError ? new BackupError(`its snapshot ${error.message}`) : error;
	} finally {
		bar.clear();
	}
}

async function textOf(pieces: AsyncIterable<Buffer>): Promise<string> {
	const read: Buffer[] = [];
	let bytes = 0;
	for await (const piece of pieces) {
		read.push(piece);
		bytes += piece.length;
		if (bytes > REFUSAL_BYTES_MAX) break;
	}
	return Buffer.concat(read).toString().slice(0, REFUSAL_BYTES_MAX).trim();
}

export async function status(file: string, options: { readonly json?: true }, terminal: Terminal): Promise<ExitStatus> {
	const path = resolve(terminal.workingDir, file);
	const backup = await foreseen(() => checked(path, terminal));
	const { label } = backup;
	const { keysCount: keys, revision, bytes } = backup;
	const text = options.json
		? JSON.stringify({ ...label, bytes, revision, keys })
		: `${path} is whole.\n${describe(backup)}`;
	terminal.stdout.write(`${text}\n`);
	return EXIT.ok;
}

export async function restore(file: string, options: ConfigFlags, terminal: Terminal): Promise<ExitStatus> {
	const loaded = loadConfig(options, terminal.environment, terminal.workingDir);
	const { config } = loaded;
	const path = resolve(terminal.workingDir, file);
	const bar = new ProgressBar(terminal, 'restoring');
	const [backup, swarmId] = await foreseen(async () => {
		// A damaged file is refused before anything is made of it.
		const found = await checked(path, terminal);
		const restored = stoppable((signal) =>
			restoreSwarm(config.dataDir, swarmMembersOf(config), found, {
				steps: () => watched(readBackup(path, found), bar),
				signal,
			}),
		);
		return [found, await withRemedy(loaded, terminal, () => restored)] as const;
	}).finally(() => bar.clear());
	const from = `${describe(backup)}\nRestored into ${config.dataDir} as the new swarm ${swarmId}`;
	const steps = movingSteps(config);
	const start = steps.length > 0 ? [] : [`Start it: ${command(terminal, 'up', loaded.flags)}`];
	terminal.stdout.write(`${[from, ...steps, ...start].join('\n')}\n`);
	return EXIT.ok;
}

/** Reads the whole file. @throws BackupError */
async function checked(path: string, terminal: Terminal): Promise<Backup> {
	const bar = new ProgressBar(terminal, 'checking');
	const steps = watched(readBackup(path), bar);
	try {
		for (;;) {
			const step = await steps.next();
			if (step.done) return step.value;
		}
	} finally {
		bar.clear();
	}
}

async function* watched(
	steps: AsyncGenerator<BackupStep, Backup>,
	bar: ProgressBar,
): AsyncGenerator<BackupStep, Backup> {
	for (;;) {
		const step = await steps.next();
		if (step.done) return step.value;
		bar.update(step.value.bytes, step.value.bytesOfAll);
		yield step.value;
	}
}

/** Errors of files become errors of the command. */
async function foreseen<T>(act: () => Promise<T>): Promise<T> {
	try {
		return await act();
	} catch (cause) {
		if (!(cause instanceof BackupError || cause instanceof NewFileError)) throw cause;
		throw new CommandError(cause.message, { status: EXIT.error, cause });
	}
}

function describe({ label, keysCount, revision, bytes }: Backup): string {
	const { name, swarm, node, takenAt, isLinearizable, through } = label;
	const warning = isLinearizable ? '' : ', from its own state: what was acknowledged before may be missing';
	return [
		`swarm    ${name} (${swarm})`,
		`taken    ${takenAt} at ${node}${warning}`,
		`through  slot ${through}, revision ${revision}`,
		`keys     ${keysCount}`,
		`size     ${bytes} bytes`,
	].join('\n');
}
