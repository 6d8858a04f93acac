/**
 * `node ID`: runs one node of the swarm in this process until it is told to stop. It is the only command that loads the
 * server. After a broken invariant or a failed disk the process ends.
 */
import { type Logger, pino } from 'pino';
import { isOnLoopback, listenUrlOf } from '../config/addresses.ts';
import { type LoadedConfig, loadConfig } from '../config/config.ts';
import { loadOtherSecret, loadSecret, loadTokens, secretsOf } from '../config/secrets.ts';
import type { SwarmConfig, TlsConfig } from '../config/swarm-file.ts';
import { tlsFilesOf } from '../config/tls.ts';
import { connectPrimary, type Primary } from '../launcher/launched.ts';
import { LastLines } from '../log/last-lines.ts';
import { jsonWithoutSecrets } from '../log/without-secrets.ts';
import { makeData, startOrReplace } from '../node/new-disk.ts';
import { type RunningNode, startNode } from '../node/node.ts';
import type { NodeOptions } from '../node/options.ts';
import { lookForGarbageLater } from '../process/garbage.ts';
import type { StartProgress } from '../replica/memory.ts';
import { JoinError } from '../storage/errors.ts';
import { swarmIdIn } from '../storage/identity.ts';
import { loadPem, type Pem } from '../tls/pem.ts';
import { withRemedy } from './commands.ts';
import { ownCredentials, useCertificates, useToken } from './credentials.ts';
import { mustBeOnLoopback } from './loopback.ts';
import { memoryIdentityOf } from './memory.ts';
import type { ServeOptions } from './options.ts';
import { describeLeftOut, type Output } from './output.ts';
import { runningSwarm } from './ports.ts';
import { reasonOf } from './reason.ts';
import { StartReport } from './start-report.ts';
import { CommandError, EXIT, type ExitStatus, type ServingTerminal, type Terminal } from './terminal.ts';

export interface NodeCommandOptions extends ServeOptions {
	/** The node is to begin with a new disk where it has no data, though it is not on loopback. */
	readonly join?: true;
	/** Whether the launcher started it: then it ends with the primary process, which also handles Ctrl-C for it. */
	readonly launched?: true;
	readonly memory?: true;
	/** Whether people may make faults in its links, and in its process where the launcher started it. */
	readonly lab?: true;
}

const PROGRESS_EVERY_MS = 200;
/** So much of the log is remembered, for `paxos-swarm debug`. */
const LAST_LOG_MAX = 1000;
const LAST_LOG_CHARS_MAX = 262_144;
/** A node that has not closed within this time is ended, because a crash loses nothing. */
const CLOSE_MAX_MS = 3000;

export async function node(id: string, options: NodeCommandOptions, terminal: Terminal): Promise<ExitStatus> {
	if (!options.launched) return serve(id, options, terminal, null);
	const primary = connectPrimary();
	try {
		return await serve(id, options, terminal, primary);
	} catch (error) {
		// The primary process prints the error, once for all nodes with the same one.
		await primary.tell({ kind: 'failed', why: reasonOf(error) });
		return EXIT.error;
	} finally {
		primary.leave();
	}
}

async function serve(
	id: string,
	options: NodeCommandOptions,
	terminal: Terminal,
	primary: Primary | null,
): Promise<ExitStatus> {
	if (options.memory) {
		throw new CommandError(
			'--memory goes with "up" only: a node that stopped has forgotten what it promised, so it must never rejoin.',
			{ status: EXIT.usage },
		);
	}
	const loaded = loadConfig(options, terminal.environment, terminal.workingDir);
	if (!loaded.config.nodes.some((candidate) => candidate.id === id)) {
		const ids = loaded.config.nodes.map((candidate) => candidate.id).join(', ');
		throw new CommandError(`There is no node "${id}"; swarm.json names ${ids}.`, { status: EXIT.usage });
	}
	if (options.lab) mustBeOnLoopback(loaded.config);
	lookForGarbageLater();
	const serving = terminal.serve();
	const end = watchForEnd(primary, serving.stopSignals);
	const report = new StartReport(serving.stdout, terminal.environment, () => performance.now());
	const onProgress = primary ? tellsProgress(primary) : (progress: StartProgress) => report.update(id, progress);
	const starting = start(id, loaded, options, terminal, serving, { primary, ...end, onProgress });
	const running = await Promise.race([starting, end.ended.then(() => null)]);
	// A node that still reads its log has nothing to close, so the process just ends.
	if (running === null) process.exit((await end.ended) ? EXIT.error : EXIT.ok);
	report.update(id, null);
	if (primary) await primary.tell({ kind: 'ready' });
	else report.say(`${id} ${running.isMember ? 'ready' : 'waits to be let in'}  ${running.url}`);

	const error = await end.ended;
	setTimeout(() => process.exit(error ? EXIT.error : EXIT.ok), CLOSE_MAX_MS).unref();
	await running.close();
	if (error) throw new CommandError(`${id} had to stop: ${error.message}`, { status: EXIT.error, cause: error });
	return EXIT.ok;
}

/** Tells the primary process the progress, but no more often than people can read it. */
function tellsProgress(primary: Primary): (progress: StartProgress) => void {
	let toldMs = Number.NEGATIVE_INFINITY;
	return (progress) => {
		if (performance.now() - toldMs < PROGRESS_EVERY_MS) return;
		toldMs = performance.now();
		void primary.tell({ kind: 'progress', progress });
	};
}

interface End {
	/** Resolves with the error that broke the node, or with null where it was told to stop or is no member any more. */
	readonly ended: Promise<Error | null>;
	onFatal(error: Error): void;
	onRemoved(): void;
}

function watchForEnd(primary: Primary | null, stopSignals: readonly NodeJS.Signals[]): End {
	let end = (_: Error | null): void => undefined;
	const ended = new Promise<Error | null>((resolve) => {
		end = resolve;
		const stop = (): void => resolve(null);
		process.on('SIGTERM', stop);
		if (primary) {
			// A terminal sends these signals to all its processes, and the primary process decides for its children.
			process.on('SIGINT', () => undefined);
			process.on('SIGHUP', () => undefined);
			void primary.gone.then(stop);
			return;
		}
		process.on('SIGINT', stop);
		for (const signal of stopSignals) process.on(signal, stop);
	});
	const onRemoved = async (): Promise<void> => {
		await primary?.tell({ kind: 'removed' });
		end(null);
	};
	return { ended, onFatal: end, onRemoved };
}

async function start(
	id: string,
	loaded: LoadedConfig,
	options: NodeCommandOptions,
	terminal: Terminal,
	{ stderr }: ServingTerminal,
	{
		primary,
		...heard
	}: { readonly primary: Primary | null } & Pick<Required<NodeOptions>, 'onFatal' | 'onRemoved' | 'onProgress'>,
): Promise<RunningNode> {
	const { config } = loaded;
	const secret = loadSecret(config, terminal.environment, options.insecure === true);
	const otherSecret = loadOtherSecret(config, secret, terminal.environment, options.insecure === true);
	const tokens = loadTokens(config, terminal.environment, options.insecure === true);
	useToken(tokens?.own ?? null);
	if (config.tls) useCertificates(ownCertificates(config.tls, config.name, id));
	const memory = primary ? memoryIdentityOf(terminal.environment) : null;
	const lastLog = new LastLines(LAST_LOG_MAX, LAST_LOG_CHARS_MAX);
	const secrets = secretsOf(config, terminal.environment);
	const log = await createLog(id, options.logLevel ?? 'info', stderr, secrets, lastLog);
	process.on('uncaughtException', (error) => {
		log.fatal(error, `${id} stops: ${error.message}`);
		process.exit(EXIT.error);
	});
	try {
		return await withRemedy(loaded, terminal, async () => {
			const lab = options.lab ? { lab: { primary } } : {};
			const nodeOptions = {
				...lab,
				config,
				name: id,
				memory,
				asksToJoin: isOnLoopback(config),
				secret,
				otherSecret,
				tokens,
				secrets,
				log,
				lastLog,
				...heard,
			};
			if (memory !== null) return startNode(nodeOptions);
			const say = (line: string): unknown => stderr.write(`${line}\n`);
			const credentials = ownCredentials();
			await makeData(config, id, options.join ? credentials : null, say);
			return startOrReplace(config, id, () => startNode(nodeOptions), credentials, say);
		});
	} catch (cause) {
		if (cause instanceof JoinError) throw new CommandError(cause.message, { status: EXIT.unavailable, cause });
		if (!(cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE')) throw cause;
		throw new CommandError(await describeTaken(id, config), { status: EXIT.error, cause });
	}
}

/** A node asks others by its own certificate, which has to be read before that of a client would be. */
function ownCertificates(tls: TlsConfig, swarm: string, id: string): () => Pem {
	const pem = loadPem(tlsFilesOf(tls, id), { swarm, node: id }, Date.now());
	return () => pem;
}

async function describeTaken(id: string, { name, nodes, dataDir }: SwarmConfig): Promise<string> {
	const self = nodes.find((candidate) => candidate.id === id);
	const running = self ? await runningSwarm(self, name) : null;
	if (self && running !== null) {
		if (running === swarmIdIn(dataDir)) return `${id} runs already: ${listenUrlOf(self)}`;
		return `Another swarm, with other data, runs at ${listenUrlOf(self)}: choose other ports with --base-port.`;
	}
	return `Port ${self?.port} (${id}) is taken by another program: choose others for all nodes with --base-port.`;
}

/** A log of lines for people on a terminal, and of JSON elsewhere. No line has a secret in it. */
async function createLog(
	id: string,
	level: string,
	output: Output,
	secrets: readonly string[],
	last: LastLines,
): Promise<Logger> {
	const forPeople = output.isTTY
		? (await import('pino-pretty')).prettyFactory({ ignore: 'pid,hostname,node' })
		: (line: string) => line;
	const write = (written: string): void => {
		const line = jsonWithoutSecrets(written, secrets);
		last.add(line.trimEnd());
		output.write(forPeople(line));
	};
	const log = pino({ level, base: { node: id } }, { write });
	output.onCaughtUp = (leftOut) => log.warn(describeLeftOut(leftOut));
	return log;
}
