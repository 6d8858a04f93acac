/** `up`: runs all nodes of swarm.json, each in a process of its own, until Ctrl-C. It starts all of them or none. */
import { relative } from 'node:path';
import { quorumSize } from '../../shared/paxos/quorum.ts';
import { urlOf } from '../config/addresses.ts';
import { type LoadedConfig, loadConfig } from '../config/config.ts';
import { loadSecret, loadTokens } from '../config/secrets.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { tlsFilesOf } from '../config/tls.ts';
import { type LaunchLab, launch } from '../launcher/launcher.ts';
import { formatFirst } from '../node/new-disk.ts';
import { removeNode } from '../storage/folder.ts';
import { swarmIdIn } from '../storage/identity.ts';
import { loadPem } from '../tls/pem.ts';
import { command, withRemedy } from './commands.ts';
import { useCertificates } from './credentials.ts';
import { mustBeOnLoopback } from './loopback.ts';
import { makeMemoryIdentity, withMemoryIdentity } from './memory.ts';
import type { ServeOptions } from './options.ts';
import { type BlockedPort, lookAtPorts } from './ports.ts';
import { StartReport } from './start-report.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface UpOptions extends ServeOptions {
	readonly memory?: true;
	readonly lab?: true;
}

/** Where ports are taken, others are suggested that are higher by this. */
const OTHER_PORTS = 100;

/** @param program the path of this program, which the children run too */
export async function up(options: UpOptions, terminal: Terminal, program: string): Promise<ExitStatus> {
	if (options.memory && options.dataDir !== undefined) {
		throw new CommandError('--memory keeps nothing on disk: leave --data-dir out.', { status: EXIT.usage });
	}
	const { stdout, stderr, stopSignals } = terminal.serve();
	const report = new StartReport(stdout, terminal.environment, () => performance.now());
	const say = (line: string): void => report.say(line);
	const loaded = loadConfig(options, terminal.environment, terminal.workingDir);
	const { config } = loaded;
	if (options.lab) mustBeOnLoopback(config);
	loadSecret(config, terminal.environment, options.insecure === true);
	loadTokens(config, terminal.environment, options.insecure === true);
	useCertificatesOf(config);
	if (loaded.fileIsDefault)
		say(`There is no swarm.json here: nodes ${namesOf(config.nodes)}, as in the package's own.`);

	const ports = await lookAtPorts(config, options.memory ? null : swarmIdIn(config.dataDir));
	const blocked = ports.flatMap((port) => ('why' in port ? [port] : []));
	if (blocked.length > 0)
		throw new CommandError(describeBlocked(blocked, loaded, options, terminal), { status: EXIT.error });
	const running = ports.flatMap(({ kind, node }) => (kind === 'running' ? [node] : []));
	const free = ports.flatMap(({ kind, node }) => (kind === 'free' ? [node] : []));
	if (free.length === 0) {
		say(`The swarm "${config.name}" already runs.\n${dashboardLine(config)}`);
		return EXIT.ok;
	}
	for (const node of running) say(`${node.id} runs already  ${urlOf(node)}`);
	const identity = options.memory ? makeMemoryIdentity() : null;
	if (!identity) await withRemedy(loaded, terminal, () => formatFirst(config));

	const fine = await launch({
		nodes: free.map((node) => ({
			id: node.id,
			url: urlOf(node),
			args: [program, 'node', node.id, ...childFlags(loaded, options)],
			whenDown: whenDown(node.id, loaded, options, terminal),
		})),
		lab: options.lab ? labOf(config, options) : null,
		environment: identity ? withMemoryIdentity(terminal.environment, identity) : terminal.environment,
		signals: process,
		stopSignals,
		say,
		complain: (line) => {
			report.clear();
			stderr.write(`${line}\n`);
		},
		onProgress: (id, progress) => report.update(id, progress),
		whenLeft: (left, removed) => whenLeft(running.length + left, removed, config),
		onReady: () => say(introduction(loaded, options, terminal)),
	});
	return fine ? EXIT.ok : EXIT.error;
}

/** Looks at the certificates of all nodes, and asks those that run already by that of the first one. @throws ConfigError */
function useCertificatesOf({ name, nodes, tls }: SwarmConfig): void {
	if (!tls) return;
	const [first = {}] = nodes.map(({ id }) => loadPem(tlsFilesOf(tls, id), { swarm: name, node: id }, Date.now()));
	useCertificates(() => first);
}

function labOf(config: SwarmConfig, { memory }: UpOptions): LaunchLab {
	return {
		neverAgain: memory
			? 'With --memory a node that is down has forgotten what it promised, so it must never rejoin.'
			: null,
		wipe: (id) => {
			if (!memory) removeNode(config.dataDir, id);
		},
	};
}

function describeBlocked(
	blocked: readonly BlockedPort[],
	{ config, flags }: LoadedConfig,
	options: UpOptions,
	terminal: Terminal,
): string {
	const lines = blocked.map(({ node, why }) => `${node.id}: ${why}`);
	if (!blocked.every(({ kind }) => kind === 'taken')) return [...lines, 'Nothing was started.'].join('\n');
	const at = flags.indexOf('--base-port');
	const others = at < 0 ? flags : flags.toSpliced(at, 2);
	const basePort = String((config.nodes[0]?.port ?? 0) + OTHER_PORTS);
	const memory = options.memory ? ['--memory'] : [];
	const again = command(terminal, 'up', ['--base-port', basePort, ...others, ...memory, ...flagsOfNodes(options)]);
	return [...lines, `Nothing was started. With other ports: ${again}`].join('\n');
}

function childFlags({ flags }: LoadedConfig, options: UpOptions): string[] {
	return ['--launched', ...flags, ...flagsOfNodes({ ...options, logLevel: options.logLevel ?? 'warn' })];
}

/** The flags of a node beside those of the configuration. */
function flagsOfNodes({ insecure, lab, logLevel }: UpOptions): string[] {
	return [
		...(insecure ? ['--insecure'] : []),
		...(lab ? ['--lab'] : []),
		...(logLevel === undefined ? [] : ['--log-level', logLevel]),
	];
}

function whenDown(id: string, { flags }: LoadedConfig, options: UpOptions, terminal: Terminal): string {
	if (options.memory) return 'It stays away: with --memory it has forgotten what it promised, so it must never rejoin.';
	return `Start it again: ${command(terminal, 'node', [id, ...flags, ...flagsOfNodes(options)])}`;
}

/** @param removed so many of `nodes` are no members any more */
function whenLeft(left: number, removed: number, { nodes }: SwarmConfig): string {
	const needed = quorumSize(nodes.slice(removed).map(({ id }) => id));
	if (left >= needed) return 'The others go on.';
	return `Of those started here ${left} are left, and ${needed} are needed: unless others run, nothing can be decided.`;
}

function introduction({ config, flags }: LoadedConfig, options: UpOptions, terminal: Terminal): string {
	const near = relative(terminal.workingDir, config.dataDir);
	const dataDir = near === '' || near.startsWith('..') ? config.dataDir : near;
	const data = options.memory
		? 'Data       in memory: gone when it stops'
		: `Data       ${dataDir}\nReset      stop it, then: ${command(terminal, 'init', ['--force', ...flags])}`;
	const lab = options.lab ? `\nLab        ${command(terminal, 'help', ['lab'])}` : '';
	return `${data}\n${dashboardLine(config)}${lab}\nCtrl-C stops it.`;
}

function dashboardLine({ nodes }: SwarmConfig): string {
	return `Dashboard  ${nodes.map(urlOf)[0]}`;
}

function namesOf(nodes: readonly { readonly id: string }[]): string {
	return nodes.map(({ id }) => id).join(', ');
}
