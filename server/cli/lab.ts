/**
 * `lab`: faults in the links and the processes of a swarm that was started with `--lab`. The messages of A to B are
 * B's to lose, so each command asks the nodes at which the messages arrive.
 */
import * as z from 'zod';
import { ACTED, faultText, isFault, type LinkFault, NO_FAULT, type NodeAct } from '../../shared/lab.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { LabAnswer, ReleaseAnswer } from '../api/lab.ts';
import { urlOf } from '../config/addresses.ts';
import { loadConfig } from '../config/config.ts';
import type { ConfigFlags } from '../config/settings.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { type SwarmRequest, textOf } from '../swarm/ask.ts';
import { ask, askAny, endpointsOf, understood } from './client.ts';
import type { ConnectOptions } from './options.ts';
import { tableOf } from './table.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface LinkOptions extends ConfigFlags {
	/** Only what the first node sends to the second. */
	readonly oneWay?: true;
}

const ANSWER_MAX_MS = 5000;

const labSchema: z.ZodType<LabAnswer> = z.object({
	node: z.string(),
	links: z.array(
		z.object({
			from: z.string(),
			cut: z.boolean(),
			delayMs: z.number(),
			loss: z.number(),
			hold: z.boolean(),
			waitingCount: z.number(),
			waiting: z.array(z.object({ id: z.string(), kind: z.string() })),
		}),
	),
}) as z.ZodType<LabAnswer>;

const releaseSchema: z.ZodType<ReleaseAnswer> = z.object({ released: z.number() });

/** Changes what becomes of the messages between two nodes. */
export async function link(
	from: string,
	to: string,
	fault: Partial<LinkFault>,
	options: LinkOptions,
	terminal: Terminal,
): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const ways = options.oneWay
		? [[from, to]]
		: [
				[from, to],
				[to, from],
			];
	for (const [sender, receiver] of ways as [string, string][]) {
		const answer = await askNode(config, receiver, put(`/v1/lab/links/${sender}`, fault));
		const now = answer.links.find((each) => nameOf(each.from) === nameOf(sender)) ?? NO_FAULT;
		terminal.stdout.write(`The messages of ${sender} to ${receiver} ${faultText(now)}.\n`);
	}
	return EXIT.ok;
}

/** Delays everything between all nodes. */
export function slow(delayMs: number, options: ConnectOptions, terminal: Terminal): Promise<ExitStatus> {
	return everywhere(options, terminal, put('/v1/lab/links', { delayMs }), faultText({ ...NO_FAULT, delayMs }));
}

/** Ends every fault of a link. */
export function heal(options: ConnectOptions, terminal: Terminal): Promise<ExitStatus> {
	return everywhere(options, terminal, { method: 'DELETE', path: '/v1/lab/links' }, faultText(NO_FAULT));
}

/** Lets messages arrive that are held. */
export async function release(
	from: string,
	to: string,
	count: number,
	options: ConfigFlags,
	terminal: Terminal,
): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const path = `/v1/lab/links/${from}/release?count=${count}`;
	const answer = await askJson(addressOf(config, to), { method: 'POST', path }, releaseSchema);
	terminal.stdout.write(`${answer.released} of ${from}'s messages have arrived at ${to}.\n`);
	return EXIT.ok;
}

/** Does something to a node's process. Any node that answers asks the primary process for it. */
export async function act(
	what: NodeAct,
	node: string,
	options: ConnectOptions,
	terminal: Terminal,
): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	// The node itself comes last, because it could not answer after its own end.
	const others = config.nodes.filter(({ id }) => id !== nameOf(node));
	const self = config.nodes.filter(({ id }) => id === nameOf(node));
	const endpoints =
		options.endpoint === undefined ? [...others, ...self].map(urlOf) : endpointsOf(config, options.endpoint);
	const request = { method: 'POST', path: `/v1/lab/nodes/${node}/${what}` } as const;
	const answer = await askAny(endpoints, request, ANSWER_MAX_MS);
	if (answer.status !== 200) throw new CommandError(textOf(answer), { status: EXIT.error });
	terminal.stdout.write(`${node} is ${ACTED[what]}.\n`);
	return EXIT.ok;
}

/** Shows the faults there are, and what waits. */
export async function faults(options: ConnectOptions, terminal: Terminal): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const rows: string[][] = [];
	let isAnswered = false;
	for (const endpoint of endpointsOf(config, options.endpoint)) {
		const tried = await ask(endpoint, { method: 'GET', path: '/v1/lab' }, ANSWER_MAX_MS);
		if (tried.kind !== 'answered') {
			rows.push([endpoint, '', tried.why, '']);
			continue;
		}
		isAnswered = true;
		if (tried.answer.status !== 200) throw new CommandError(textOf(tried.answer), { status: EXIT.error });
		const { body } = tried.answer;
		const { node, links } = understood(() => labSchema.parse(JSON.parse(body.toString())));
		for (const each of links) {
			if (isFault(each) || each.waitingCount > 0)
				rows.push([each.from, node, faultText(each), String(each.waitingCount)]);
		}
	}
	const table = tableOf([['from', 'to', 'messages', 'waiting'], ...rows]);
	terminal.stdout.write(rows.length === 0 ? 'There is no fault in any link.\n' : `${table}\n`);
	return isAnswered ? EXIT.ok : EXIT.unavailable;
}

function put(path: string, body: object): SwarmRequest {
	return { method: 'PUT', path, body: JSON.stringify(body), contentType: 'application/json' };
}

/**
 * Asks each node, and says of those that did it what becomes of their messages.
 *
 * @returns `unavailable` where one has not done it @throws CommandError where none has done it
 */
async function everywhere(
	options: ConnectOptions,
	terminal: Terminal,
	request: SwarmRequest,
	messages: string,
): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	let count = 0;
	const failures: string[] = [];
	let refusal: CommandError | null = null;
	for (const endpoint of endpointsOf(config, options.endpoint)) {
		const tried = await ask(endpoint, request, ANSWER_MAX_MS);
		if (tried.kind !== 'answered') failures.push(`${endpoint}: ${tried.why}`);
		else if (tried.answer.status === 200) count++;
		else {
			refusal ??= new CommandError(textOf(tried.answer), { status: EXIT.error });
			failures.push(`${endpoint}: ${textOf(tried.answer)}`);
		}
	}
	if (count === 0) throw refusal ?? new CommandError(failures.join('\n'), { status: EXIT.unavailable });
	terminal.stdout.write(`At ${nodes(count)} all messages ${messages}.\n`);
	for (const failure of failures) terminal.stderr.write(`${failure}\n`);
	return failures.length === 0 ? EXIT.ok : EXIT.unavailable;
}

async function askNode(config: SwarmConfig, node: string, request: SwarmRequest): Promise<LabAnswer> {
	return askJson(addressOf(config, node), request, labSchema);
}

function addressOf({ nodes: known }: SwarmConfig, node: string): string {
	const found = known.find(({ id }) => id === nameOf(node));
	if (found) return urlOf(found);
	const ids = known.map(({ id }) => id).join(', ');
	throw new CommandError(`There is no node ${JSON.stringify(node)}: swarm.json names ${ids}.`, { status: EXIT.usage });
}

async function askJson<T>(endpoint: string, request: SwarmRequest, schema: z.ZodType<T>): Promise<T> {
	const tried = await ask(endpoint, request, ANSWER_MAX_MS);
	if (tried.kind !== 'answered') {
		throw new CommandError(`${endpoint}: ${tried.why}`, { status: EXIT.unavailable });
	}
	if (tried.answer.status !== 200) throw new CommandError(textOf(tried.answer), { status: EXIT.error });
	const { body } = tried.answer;
	return understood(() => schema.parse(JSON.parse(body.toString())));
}

function nodes(count: number): string {
	return count === 1 ? 'one node' : `${count} nodes`;
}
