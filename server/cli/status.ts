/** `status`: a table of all nodes, each as it describes itself. */
import * as z from 'zod';
import type { StartingStatus } from '../api/starting.ts';
import type { SwarmStatus } from '../api/status.ts';
import { loadConfig, type SwarmConfig, urlOf } from '../config.ts';
import { ballotForPeople } from './ballot.ts';
import { ask, endpointsOf, type SwarmAnswer, textOf } from './client.ts';
import type { ConnectOptions } from './options.ts';
import { EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface StatusOptions extends ConnectOptions {
	readonly json?: true;
}

/** A node that takes longer is shown without an answer. */
const ANSWER_MAX_MS = 2000;

/** The part of a node's answer that the table shows. `--json` prints all of it. */
const statusSchema = z.looseObject({
	node: z.string(),
	leader: z.string().nullable(),
	chosenThrough: z.number(),
	appliedThrough: z.number(),
	revision: z.number(),
	keys: z.number(),
	members: z.array(
		z.looseObject({
			id: z.string(),
			role: z.string(),
			ballot: z.string(),
			linked: z.boolean(),
			heardMs: z.number().nullable(),
		}),
	),
}) satisfies z.ZodType<Pick<SwarmStatus, 'node' | 'leader' | 'revision'>>;

const startingSchema = z.object({ starting: z.string() }) satisfies z.ZodType<Pick<StartingStatus, 'starting'>>;

type NodeStatus = z.output<typeof statusSchema>;

interface Row {
	/** The id that the node tells; while it does not answer, that in swarm.json. */
	readonly id: string;
	readonly url: string;
	readonly status: NodeStatus | null;
	/** Why there is no status; '' where there is one. */
	readonly why: string;
}

export async function status(options: StatusOptions, terminal: Terminal): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const rows = await Promise.all(endpointsOf(config, options.endpoint).map((url) => rowOf(url, config)));
	const leaders = [...new Set(rows.flatMap(({ status }) => status?.leader ?? []))];
	terminal.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : `${table(rows)}\n${describe(leaders)}\n`);
	return leaders.length > 0 ? EXIT.ok : EXIT.unavailable;
}

async function rowOf(url: string, { nodes }: SwarmConfig): Promise<Row> {
	const id = nodes.find((node) => urlOf(node) === url)?.id ?? '?';
	const tried = await ask(url, { method: 'GET', path: '/v1/swarm' }, ANSWER_MAX_MS);
	if (tried.kind !== 'answered') return { id, url, status: null, why: tried.why };
	if (tried.answer.status !== 200)
		return { id, url, status: null, why: startingOf(tried.answer) ?? textOf(tried.answer) };
	try {
		const status = statusSchema.parse(JSON.parse(tried.answer.body.toString()));
		return { id: status.node, url, status, why: '' };
	} catch {
		return { id, url, status: null, why: 'it answers, but is no node of a swarm' };
	}
}

/** The progress of a node that still reads its log; null for any other answer. */
function startingOf({ body }: SwarmAnswer): string | null {
	try {
		return `it starts: ${startingSchema.parse(JSON.parse(body.toString())).starting}`;
	} catch {
		return null;
	}
}

/** Nodes that have no connection to each other may name different leaders. */
function describe(leaders: readonly string[]): string {
	if (leaders.length === 0) return 'There is no leader.';
	return leaders.length === 1 ? `The leader is ${leaders[0]}.` : `Nodes hear different leaders: ${leaders.join(', ')}.`;
}

function table(rows: readonly Row[]): string {
	const lines = [
		['NODE', 'ADDRESS', 'ROLE', 'BALLOT', 'CHOSEN', 'APPLIED', 'REVISION', 'KEYS', 'LINKS'],
		...rows.map((row) => cells(row, rows)),
	];
	const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => widthOf(line, column)))) ?? [];
	return lines
		.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
		.map((line) => line.trimEnd())
		.join('\n');
}

function cells({ id, url, status, why }: Row, rows: readonly Row[]): string[] {
	if (!status) return [id, url, `no answer: ${why}${lastHeard(id, rows)}`];
	const self = status.members.find((member) => member.id === status.node);
	const others = status.members.filter((member) => member.id !== status.node);
	const linked = others.filter((member) => member.linked);
	return [
		id,
		url,
		self?.role ?? '-',
		ballotForPeople(self?.ballot ?? ''),
		String(status.chosenThrough),
		String(status.appliedThrough),
		String(status.revision),
		String(status.keys),
		`${linked.length} of ${others.length}`,
	];
}

/** When the nodes that answer last heard one that does not. */
function lastHeard(id: string, rows: readonly Row[]): string {
	const heard = rows.flatMap(({ status }) => {
		const heardMs = status?.members.find((member) => member.id === id)?.heardMs;
		return status && typeof heardMs === 'number' ? [{ by: status.node, heardMs }] : [];
	});
	const [latest] = heard.sort((a, b) => a.heardMs - b.heardMs);
	return latest ? `; ${latest.by} heard it ${(latest.heardMs / 1000).toFixed(1)} s ago` : '';
}

/** The last cell of a line does not count, because no column follows it. */
function widthOf(line: readonly string[], column: number): number {
	return column === line.length - 1 ? 0 : (line[column]?.length ?? 0);
}
