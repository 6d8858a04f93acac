/**
 * `swarm.json`, the environment and the flags, made into one checked `SwarmConfig`.
 *
 * One schema gives the types, the defaults, the errors and `swarm.schema.json`. Every error is listed, each
 * with the path of the field that has to change. Nothing else in the server may read the environment or
 * `swarm.json`, and nothing here may touch a data folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { MEMBERS_MAX } from '../shared/paxos/quorum.ts';
import { isLoopback } from './doors.ts';
import { findJsonError } from './json-error.ts';
import { packageDir } from './package.ts';

export type SwarmConfig = Omit<z.output<typeof swarmSchema>, '$schema'>;
export type NodeConfig = SwarmConfig['nodes'][number];

export interface LoadedConfig {
	/** `dataDir` is absolute. */
	readonly config: SwarmConfig;
	/** The absolute path of the file that was read. */
	readonly file: string;
	/** The file is the one that comes with the package: nothing was asked for and none was found. */
	readonly fileIsDefault: boolean;
	/** What differs from the file, as the flags that say the same: for commands that are shown to people. */
	readonly flags: readonly string[];
}

/** What the command line was given; a value left out was not given. */
export interface ConfigFlags {
	readonly config?: string | undefined;
	readonly basePort?: string | undefined;
	readonly dataDir?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Something in `swarm.json`, the environment or the flags has to change; the message says what, all of it. */
export class ConfigError extends Error {
	override readonly name = 'ConfigError';
}

export const PORT_MAX = 65_535;
const TIMING_MS_MAX = 600_000;
/** In lower case only: on some file systems the data folders `n1` and `N1` are the same. */
const ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
const ID_RULE = 'must be 1 to 32 characters of a-z, 0-9 and -, beginning with a letter or digit';
const HOST_PATTERN = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;
const HOST_RULE = 'must be an IP address or a host name that the other nodes can reach';
const PORT_RULE = `must be a whole number from 1 to ${PORT_MAX}`;

const nodeSchema = z.strictObject(
	{
		id: z
			.string(must(ID_RULE))
			.regex(ID_PATTERN, must(ID_RULE))
			.meta({ description: 'The name of the node. Also of its data folder, so it never changes.' }),
		port: z
			.int(must(PORT_RULE))
			.min(1, must(PORT_RULE))
			.max(PORT_MAX, must(PORT_RULE))
			.meta({ description: 'The one port of its dashboard, HTTP API, feed and mesh.' }),
		host: z
			.string(must(HOST_RULE))
			.refine(isReachableHost, must(HOST_RULE))
			.meta({ description: 'The address that it listens at and that the others dial. Beyond loopback: set a secret.' })
			.default('127.0.0.1'),
	},
	must('must be an object such as {"id": "n1", "port": 7101}'),
);

const timingsSchema = z
	.strictObject(
		{
			electionMinMs: timing(300, 'A leader that was not heard for electionMinMs to electionMaxMs is silent.'),
			electionMaxMs: timing(500, 'The upper end of that; a time between the two is drawn afresh each time.'),
			heartbeatMs: timing(75, 'How often a leader says that it is there.'),
			pollMaxMs: timing(40, 'After its link to the leader closed, a node asks the others within this.'),
			retryMs: timing(250, 'What got no answer is asked again after one to two of these.'),
			backoffMinMs: timing(5, 'After a nack a proposer waits about this long, doubled for each nack in a row.'),
			backoffMaxMs: timing(500, 'The most that the back-off grows to.'),
			requestMs: timing(
				5000,
				'How long a client request may take before it is refused or of unknown outcome; at /v1/kv 3000 at most.',
			),
		},
		must('must be an object of milliseconds'),
	)
	.superRefine((timings, context) => {
		const order = (low: keyof typeof timings, high: keyof typeof timings): void => {
			if (timings[low] <= timings[high]) return;
			const message = `must not be above ${high} (${timings[high]}), not ${timings[low]}`;
			context.addIssue({ code: 'custom', path: [low], message });
		};
		order('electionMinMs', 'electionMaxMs');
		order('backoffMinMs', 'backoffMaxMs');
		if (timings.heartbeatMs * 2 > timings.electionMinMs) {
			const message = `must be at most half of electionMinMs (${timings.electionMinMs}), not ${timings.heartbeatMs}`;
			context.addIssue({ code: 'custom', path: ['heartbeatMs'], message });
		}
	});

const NODES_RULE = `must be a list of 1 to ${MEMBERS_MAX} nodes`;

export const swarmSchema = z
	.strictObject(
		{
			$schema: z
				.string(must('must be a string'))
				.optional()
				.meta({ description: 'For editors: the schema of this file.' }),
			name: z
				.string(must(ID_RULE))
				.regex(ID_PATTERN, must(ID_RULE))
				.meta({ description: 'The name of the swarm, for people.' }),
			nodes: z
				.array(nodeSchema, must(NODES_RULE))
				.min(1, must(NODES_RULE, countOf))
				.max(MEMBERS_MAX, must(NODES_RULE, countOf))
				// Also where a node has errors of its own: all of them are to be listed.
				.superRefine(refuseDuplicates, { when: ({ value }) => Array.isArray(value) })
				.meta({ description: 'The members that the swarm starts with; an odd number serves best.' }),
			timings: timingsSchema.prefault({}).meta({ description: 'In milliseconds.' }),
			dataDir: z
				.string(must('must be the path of a folder'))
				.min(1, must('must be the path of a folder'))
				.meta({ description: 'Where the nodes keep their logs, a folder for each. Relative to this file.' })
				.default('data'),
		},
		must('must be an object'),
	)
	.meta({ title: 'swarm.json', description: 'A paxos-swarm: its nodes, timings and data folder.' });

/** The JSON Schema of `swarm.json`, as committed in `server/swarm.schema.json`. */
export function swarmJsonSchema(): unknown {
	return z.toJSONSchema(swarmSchema, { io: 'input' });
}

/**
 * Flags over environment over file over defaults.
 *
 * @throws ConfigError
 */
export function loadConfig(flags: ConfigFlags, environment: Environment, workingDir: string): LoadedConfig {
	const asked = flags.config ?? given(environment, 'SWARM_CONFIG');
	const here = resolve(workingDir, asked ?? 'swarm.json');
	const fileIsDefault = asked === undefined && !existsSync(here);
	const file = fileIsDefault ? join(packageDir, 'swarm.json') : here;
	const parsed = parseSwarm(readText(file, asked ?? 'swarm.json'), asked ?? 'swarm.json');

	const shown: string[] = [];
	if (asked !== undefined) shown.push('--config', asked);
	let nodes = parsed.nodes;
	const basePort = setting(flags.basePort, '--base-port', environment, 'SWARM_BASE_PORT');
	if (basePort) {
		nodes = nodes.map((node, index) => ({ ...node, port: checkBasePort(basePort, nodes.length) + index }));
		shown.push('--base-port', basePort.value);
	}
	const dataDir = setting(flags.dataDir, '--data-dir', environment, 'SWARM_DATA_DIR');
	if (dataDir) shown.push('--data-dir', dataDir.value);
	const { $schema: _, ...config } = parsed;
	return {
		config: {
			...config,
			nodes,
			dataDir: dataDir
				? resolve(workingDir, dataDir.value)
				: resolve(fileIsDefault ? workingDir : dirname(file), parsed.dataDir),
		},
		file,
		fileIsDefault,
		flags: shown,
	};
}

/**
 * The text of a `swarm.json`, checked; relative paths stay relative.
 *
 * @param source the name of the file, for errors
 * @throws ConfigError
 */
export function parseSwarm(text: string, source: string): z.output<typeof swarmSchema> {
	let raw: unknown;
	try {
		raw = JSON.parse(text);
	} catch (cause) {
		const { line, column, expected } = findJsonError(text);
		throw new ConfigError(`${source}:${line}:${column}: not JSON: expected ${expected}`, { cause });
	}
	const result = swarmSchema.safeParse(raw);
	if (result.success) return result.data;
	throw new ConfigError(listed(source, result.error.issues.flatMap(describeIssue)));
}

/**
 * The secret that members prove to each other, or null where none is set.
 *
 * @throws ConfigError also where a node is to be reached beyond loopback without one, unless `insecure`
 */
export function loadSecret(config: SwarmConfig, environment: Environment, insecure: boolean): string | null {
	const text = given(environment, 'SWARM_SECRET');
	const file = given(environment, 'SWARM_SECRET_FILE');
	if (text !== undefined && file !== undefined) {
		throw new ConfigError('SWARM_SECRET and SWARM_SECRET_FILE are both set: unset one of them');
	}
	if (file !== undefined) {
		const secret = readText(file, 'SWARM_SECRET_FILE').trim();
		if (secret === '') throw new ConfigError(`SWARM_SECRET_FILE: ${file} is empty`);
		return secret;
	}
	if (text !== undefined) return text;
	const open = config.nodes.findIndex((node) => !isLoopback(node.host));
	if (open >= 0 && !insecure) {
		throw new ConfigError(
			`nodes[${open}].host: ${config.nodes[open]?.host} is beyond loopback, where anyone could join the swarm or write to it: ` +
				'set SWARM_SECRET or SWARM_SECRET_FILE to the same secret for every node, or say --insecure',
		);
	}
	return null;
}

/** `http://host:port`, where a node's dashboard, API, feed and mesh are. */
export function urlOf(node: { readonly host: string; readonly port: number }): string {
	return `http://${isIP(node.host) === 6 ? `[${node.host}]` : node.host}:${node.port}`;
}

/** An error that says what the field must be, and what it is instead. */
function must(rule: string, show: (input: unknown) => string = shortJson) {
	return {
		error: ({ input }: { readonly input?: unknown }) =>
			input === undefined ? `is missing: it ${rule}` : `${rule}, not ${show(input)}`,
	};
}

function timing(defaultMs: number, description: string) {
	const rule = must(`must be a whole number of milliseconds from 1 to ${TIMING_MS_MAX}`);
	return z.int(rule).min(1, rule).max(TIMING_MS_MAX, rule).meta({ description }).default(defaultMs);
}

/** An address or a name, but not one that stands for "every address of this machine". */
function isReachableHost(host: string): boolean {
	return (
		host !== '0.0.0.0' && host !== '::' && (isIP(host) !== 0 || (HOST_PATTERN.test(host) && !/^[\d.]+$/.test(host)))
	);
}

/** The nodes may have errors of their own here, whatever their type says. */
function refuseDuplicates(nodes: readonly unknown[], context: z.core.$RefinementCtx): void {
	const ids = new Map<unknown, number>();
	const addresses = new Map<string, number>();
	for (const [index, node] of nodes.entries()) {
		if (typeof node !== 'object' || node === null) continue;
		const { id, host, port } = node as Partial<NodeConfig>;
		const sameId = ids.get(id);
		if (id !== undefined && sameId !== undefined) {
			const message = `${shortJson(id)} is already the id of nodes[${sameId}]`;
			context.addIssue({ code: 'custom', path: [index, 'id'], message });
		} else ids.set(id, index);
		const address = `${String(host).toLowerCase().replace('localhost', '127.0.0.1')}:${port}`;
		const sameAddress = addresses.get(address);
		if (port !== undefined && sameAddress !== undefined) {
			const message = `${port} is already the port of nodes[${sameAddress}] at the same host`;
			context.addIssue({ code: 'custom', path: [index, 'port'], message });
		} else addresses.set(address, index);
	}
}

function readText(file: string, source: string): string {
	try {
		return readFileSync(file, 'utf8');
	} catch (cause) {
		throw new ConfigError(`${source}: cannot be read: ${(cause as Error).message}`, { cause });
	}
}

/** One error in one line; several below a headline. */
function listed(source: string, problems: readonly string[]): string {
	if (problems.length === 1) return `${source}: ${problems[0]}`;
	return `${source}: ${problems.length} errors\n${problems.map((problem) => `  ${problem}`).join('\n')}`;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
	if (issue.code !== 'unrecognized_keys') return [withPath(issue.path, issue.message)];
	const known = knownFields(issue.path);
	return issue.keys.map((key) => {
		const near = nearest(key, known);
		const hint = near ? `did you mean "${near}"?` : `known are ${known.join(', ')}`;
		return withPath([...issue.path, key], `unknown field; ${hint}`);
	});
}

function knownFields(path: readonly PropertyKey[]): string[] {
	if (path[0] === 'nodes') return Object.keys(nodeSchema.shape);
	if (path[0] === 'timings') return Object.keys(timingsSchema.shape);
	return Object.keys(swarmSchema.shape);
}

/** `nodes[2].port: message` */
function withPath(path: readonly PropertyKey[], message: string): string {
	const text = path.reduce<string>((before, step) => {
		if (typeof step === 'number') return `${before}[${step}]`;
		return before === '' ? String(step) : `${before}.${String(step)}`;
	}, '');
	return text === '' ? message : `${text}: ${message}`;
}

interface Setting {
	/** The flag or variable it came from. */
	readonly source: string;
	readonly value: string;
}

function setting(flag: string | undefined, flagName: string, environment: Environment, name: string): Setting | null {
	if (flag !== undefined) return { source: flagName, value: flag };
	const value = given(environment, name);
	return value === undefined ? null : { source: name, value };
}

/** An empty variable is one that is not set. */
function given(environment: Environment, name: string): string | undefined {
	return environment[name] === '' ? undefined : environment[name];
}

function checkBasePort({ source, value }: Setting, nodes: number): number {
	const highest = PORT_MAX - nodes + 1;
	const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
	if (port >= 1 && port <= highest) return port;
	throw new ConfigError(`${source}: must be a whole number from 1 to ${highest}, not ${shortJson(value)}`);
}

function countOf(input: unknown): string {
	return Array.isArray(input) ? String(input.length) : shortJson(input);
}

function shortJson(input: unknown): string {
	const text = JSON.stringify(input);
	return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** The known word that is at most half of its letters away: two letters swapped count as two. */
function nearest(word: string, known: readonly string[]): string | undefined {
	return known
		.map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
		.filter(({ candidate, distance }) => distance <= candidate.length / 2)
		.sort((a, b) => a.distance - b.distance)[0]?.candidate;
}

/** Insertions, deletions, substitutions. @source Wagner and Fischer, The String-to-String Correction Problem */
function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, column) => column);
	for (const [i, letter] of [...a].entries()) {
		const next = [i + 1];
		for (let j = 0; j < b.length; j++) {
			const substituted = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
			next.push(Math.min(substituted, (next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1));
		}
		row = next;
	}
	return row[b.length] ?? 0;
}
