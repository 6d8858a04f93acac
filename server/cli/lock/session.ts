/** `session list`, `info`, `create`, `renew` and `destroy`. */
import * as z from 'zod';
import { durationText } from '../../api/duration.ts';
import { understood } from '../client.ts';
import { askSwarm, connectionOf, formatOf, type KvOptions, refuseError } from '../kv/connection.ts';
import { shownText } from '../kv/value.ts';
import { tableOf } from '../table.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';

export interface ReadOptions extends KvOptions {
	readonly stale?: true;
}

export interface CreateOptions extends KvOptions {
	/** Milliseconds, as the other one. */
	readonly ttl?: number;
	readonly lockDelay?: number;
	readonly behavior?: 'release' | 'delete';
	readonly name?: string;
}

const sessionsSchema = z.array(
	z.object({
		ID: z.string(),
		Name: z.string(),
		Node: z.string(),
		LockDelay: z.number(),
		Behavior: z.string(),
		TTL: z.string(),
		CreateIndex: z.number(),
	}),
);

const NS_PER_MS = 1_000_000;

export async function list(options: ReadOptions, terminal: Terminal): Promise<ExitStatus> {
	printSessions(await sessions('GET', '/v1/session/list', options, terminal), options, terminal);
	return EXIT.ok;
}

export async function info(id: string, options: ReadOptions, terminal: Terminal): Promise<ExitStatus> {
	const body = await sessions('GET', pathOf('info', id), options, terminal);
	if (sessionsIn(body).length === 0) throw noSession(id);
	printSessions(body, options, terminal);
	return EXIT.ok;
}

export async function create(options: CreateOptions, terminal: Terminal): Promise<ExitStatus> {
	const { ttl, lockDelay, behavior, name } = options;
	const body = JSON.stringify({
		Name: name,
		TTL: ttl === undefined ? undefined : `${ttl}ms`,
		LockDelay: lockDelay === undefined ? undefined : `${lockDelay}ms`,
		Behavior: behavior,
	});
	const answer = await askSwarm(connectionOf(options, terminal), {
		method: 'PUT',
		path: '/v1/session/create',
		body,
		contentType: 'application/json',
		isForGood: (refusal) => refusal.body.toString().startsWith('Invalid Session TTL'),
	});
	refuseError(answer);
	const { ID } = understood(() => z.object({ ID: z.string() }).parse(JSON.parse(answer.body.toString())));
	const format = formatOf(options);
	if (format === 'simple') terminal.stdout.write(`${ID}\n`);
	if (format === 'json') terminal.stdout.write(`${JSON.stringify({ ID })}\n`);
	if (format === 'table') terminal.stdout.write(`${tableOf([['ID'], [ID]])}\n`);
	return EXIT.ok;
}

export async function renew(id: string, options: KvOptions, terminal: Terminal): Promise<ExitStatus> {
	printSessions(await sessions('PUT', pathOf('renew', id), options, terminal, id), options, terminal);
	return EXIT.ok;
}

export async function destroy(id: string, options: KvOptions, terminal: Terminal): Promise<ExitStatus> {
	const answer = await askSwarm(connectionOf(options, terminal), { method: 'PUT', path: pathOf('destroy', id) });
	refuseError(answer);
	understood(() => z.literal(true).parse(JSON.parse(answer.body.toString())));
	const format = formatOf(options);
	if (format === 'json') terminal.stdout.write(`${JSON.stringify({ id, done: true })}\n`);
	if (format === 'table')
		terminal.stdout.write(
			`${tableOf([
				['ID', 'DONE'],
				[id, 'yes'],
			])}\n`,
		);
	return EXIT.ok;
}

function pathOf(what: string, id: string): string {
	// In a URL dots are resolved before it is sent.
	if (id === '' || id === '.' || id === '..') throw noSession(id);
	return `/v1/session/${what}/${encodeURIComponent(id)}`;
}

/** The sessions in the answer, as JSON. @param id the one without which the answer is 404 */
async function sessions(
	method: 'GET' | 'PUT',
	path: string,
	options: ReadOptions,
	terminal: Terminal,
	id = '',
): Promise<string> {
	const connection = connectionOf(options, terminal);
	const answer = await askSwarm(connection, { method, path: `${path}?pretty${options.stale ? '&stale' : ''}` });
	// Another program at that address has no such page either.
	if (answer.status === 404 && answer.body.toString().startsWith('Session id')) throw noSession(id);
	refuseError(answer);
	return answer.body.toString();
}

/** A line for each session: its id and its name. The table has all that can be said of it. */
function printSessions(json: string, options: KvOptions, terminal: Terminal): void {
	const format = formatOf(options);
	const all = sessionsIn(json);
	if (format === 'json') terminal.stdout.write(`${json.trimEnd()}\n`);
	if (format === 'simple')
		for (const { ID, Name } of all) terminal.stdout.write(`${`${ID} ${shownText(Name)}`.trimEnd()}\n`);
	if (format !== 'table') return;
	const rows = all.map(({ ID, TTL, LockDelay, Behavior, CreateIndex, Node, Name }) => [
		ID,
		TTL || 'none',
		durationText(Math.round(LockDelay / NS_PER_MS)),
		Behavior,
		String(CreateIndex),
		Node,
		shownText(Name),
	]);
	const table = tableOf([['ID', 'TTL', 'LOCK DELAY', 'BEHAVIOR', 'CREATED', 'NODE', 'NAME'], ...rows]);
	terminal.stdout.write(`${table}\n`);
}

function sessionsIn(json: string): z.output<typeof sessionsSchema> {
	return understood(() => sessionsSchema.parse(JSON.parse(json)));
}

function noSession(id: string): CommandError {
	return new CommandError(`There is no session "${id}".`, { status: EXIT.missing });
}
