/**
 * `status`: a table of all nodes, each as it describes itself. They are those that `swarm.json` names, and the members
 * that these know beside them.
 */
import * as z from 'zod';
import { CLOCK_SKEW_TOLD_MS } from '../../shared/paxos/bounds.ts';
import { skewText } from '../../shared/skew.ts';
import type { StartingStatus } from '../api/starting.ts';
import type { SwarmStatus } from '../api/status.ts';
import { urlOf } from '../config/addresses.ts';
import { loadConfig } from '../config/config.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { type SwarmAnswer, textOf } from '../swarm/ask.ts';
import { dayOf } from '../tls/pem.ts';
import { ballotForPeople } from './ballot.ts';
import { ask, endpointsOf } from './client.ts';
import type { ConnectOptions } from './options.ts';
import { tableOf } from './table.ts';
import { EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface StatusOptions extends ConnectOptions {
	readonly json?: true;
}

/** A node that takes longer is shown without an answer. */
const ANSWER_MAX_MS = 2000;
const CERTIFICATE_SOON_MS = 30 * 86_400_000;

/** The part of a node's answer that the table shows. `--json` prints all of it. */
const statusSchema = z.looseObject({
	node: z.string(),
	leader: z.string().nullable(),
	isChanging: z.boolean(),
	chosenThrough: z.number(),
	appliedThrough: z.number(),
	revision: z.number(),
	/** Nodes of earlier versions say nothing of it. */
	certificateExpires: z.string().nullable().default(null),
	keys: z.number(),
	diskFault: z.string().nullish(),
	stateFault: z.string().nullish(),
	loop: z.looseObject({ longestMs: z.number(), over250Ms: z.number() }).optional(),
	members: z.array(
		z.looseObject({
			id: z.string(),
			url: z.string(),
			isVoter: z.boolean(),
			replaces: z.string().nullable(),
			role: z.string(),
			ballot: z.string(),
			linked: z.boolean(),
			behind: z.number().nullable(),
			heardMs: z.number().nullable(),
			clockAheadMs: z.number().nullish(),
		}),
	),
}) satisfies z.ZodType<Pick<SwarmStatus, 'node' | 'leader' | 'revision'>>;

const startingSchema = z.object({ starting: z.string() }) satisfies z.ZodType<Pick<StartingStatus, 'starting'>>;

type NodeStatus = z.output<typeof statusSchema>;
type MemberStatus = NodeStatus['members'][number];

interface Row {
	/** The id that the node tells; while it does not answer, that of the member there, or else that in swarm.json. */
	readonly id: string;
	readonly url: string;
	readonly status: NodeStatus | null;
	/** Why there is no status; '' where there is one. */
	readonly why: string;
}

export async function status(options: StatusOptions, terminal: Terminal): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const endpoints = endpointsOf(config, options.endpoint);
	const first = await Promise.all(endpoints.map((url) => rowOf(url, idAt(url, config))));
	const members = membersKnown(first);
	const asked = new Set(first.flatMap(({ id, url }) => [id, url]));
	const others =
		options.endpoint === undefined ? members.filter(({ id, url }) => !asked.has(id) && !asked.has(url)) : [];
	const found = [...first, ...(await Promise.all(others.map(({ id, url }) => rowOf(url, id))))];
	const rows = found.map((row) => (row.status ? row : { ...row, id: memberAt(row, members)?.id ?? row.id }));
	const leaders = [...new Set(rows.flatMap(({ status }) => status?.leader ?? []))];
	terminal.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : `${describe(rows, leaders)}\n`);
	return leaders.length > 0 ? EXIT.ok : EXIT.unavailable;
}

function idAt(url: string, { nodes }: SwarmConfig): string {
	return nodes.find((node) => urlOf(node) === url)?.id ?? '?';
}

async function rowOf(url: string, id: string): Promise<Row> {
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

/** The members as the node knows them that knows most; none where no node answers. */
function membersKnown(rows: readonly Row[]): readonly MemberStatus[] {
	const statuses = rows.flatMap(({ status }) => status ?? []);
	const [best] = statuses.sort((a, b) => b.chosenThrough - a.chosenThrough);
	return best?.members ?? [];
}

function memberAt({ id, url }: Row, members: readonly MemberStatus[]): MemberStatus | undefined {
	return members.find((member) => member.id === id) ?? members.find((member) => member.url === url);
}

function describe(rows: readonly Row[], leaders: readonly string[]): string {
	const members = membersKnown(rows);
	const isChanging = rows.some(({ status }) => status?.isChanging);
	return [
		tableOf([
			['NODE', 'ADDRESS', 'ROLE', 'VOTES', 'BALLOT', 'CHOSEN', 'BEHIND', 'APPLIED', 'REVISION', 'KEYS', 'LINKS'],
			...rows.map((row) => cells(row, rows, members)),
		]),
		describeLeaders(leaders),
		...(isChanging ? ['A change of members is under way.'] : []),
		...rows.flatMap(({ id, status }) => certificateLines(id, status?.certificateExpires ?? null)),
		...rows.flatMap(({ status }) => (status ? troublesOf(status) : [])),
	].join('\n');
}

/** Nodes that have no connection to each other may name different leaders. */
function describeLeaders(leaders: readonly string[]): string {
	if (leaders.length === 0) return 'There is no leader.';
	return leaders.length === 1 ? `The leader is ${leaders[0]}.` : `Nodes hear different leaders: ${leaders.join(', ')}.`;
}

/** Certificates are shown once it is time to renew them. */
function certificateLines(id: string, expires: string | null): string[] {
	if (expires === null || Date.parse(expires) - Date.now() > CERTIFICATE_SOON_MS) return [];
	return [`The certificate of ${id} expires on ${dayOf(Date.parse(expires))}.`];
}

/** What is wrong at a node beside its links, a line for each. */
function troublesOf({ node, diskFault, stateFault, loop, members }: NodeStatus): string[] {
	const stalls = loop?.over250Ms ?? 0;
	const skewed = members.filter(({ clockAheadMs }) => Math.abs(clockAheadMs ?? 0) > CLOCK_SKEW_TOLD_MS);
	return [
		...[diskFault, stateFault].flatMap((fault) => fault ?? []),
		...skewed.map(({ id, clockAheadMs }) => skewText(id, clockAheadMs ?? 0)),
		...(stalls > 0
			? [`its event loop stood still for more than 250 ms ${stalls} times, ${loop?.longestMs} ms at most`]
			: []),
	].map((text) => `${node}: ${text}.`);
}

function cells({ id, url, status, why }: Row, rows: readonly Row[], members: readonly MemberStatus[]): string[] {
	const member = members.find((candidate) => candidate.id === id);
	if (!status) {
		const what = member || members.length === 0 ? 'no answer' : 'no member, and no answer';
		return [id, url, `${what}: ${why}${lastHeard(id, rows)}`];
	}
	const self = status.members.find((candidate) => candidate.id === status.node);
	const others = status.members.filter((candidate) => candidate.id !== status.node);
	const linked = others.filter((candidate) => candidate.linked);
	return [
		id,
		url,
		self?.role ?? '-',
		votesOf(member),
		ballotForPeople(self?.ballot ?? ''),
		String(status.chosenThrough),
		String(self?.behind ?? '-'),
		String(status.appliedThrough),
		String(status.revision),
		String(status.keys),
		`${linked.length} of ${others.length}`,
	];
}

function votesOf(member: MemberStatus | undefined): string {
	if (!member) return 'no member';
	return member.isVoter ? 'yes' : 'learns';
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
