/**
 * `member`: lists the members of a running swarm, and changes them. A change is the swarm's own: it goes on there also
 * where this program ends.
 */
import { setTimeout } from 'node:timers/promises';
import * as z from 'zod';
import type { MembersChanged } from '../api/members.ts';
import { loadConfig } from '../config/config.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { type SwarmRequest, textOf } from '../swarm/ask.ts';
import { askAny, clientTimeoutMs, endpointsOf, understood } from './client.ts';
import { stoppable } from './interrupt.ts';
import { type KnownMembers, MembersSource, setSchema } from './members.ts';
import type { ConnectOptions } from './options.ts';
import { ProgressBar } from './progress-bar.ts';
import { tableOf } from './table.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface ListOptions extends ConnectOptions {
	readonly json?: true;
}

export interface ChangeOptions extends ListOptions {
	/** false with `--no-wait` */
	readonly wait: boolean;
}

const changedSchema = z.object({
	id: z.string(),
	replaces: z.string().nullable(),
	set: setSchema,
}) satisfies z.ZodType<MembersChanged>;

type Changed = z.output<typeof changedSchema>;
type Post = Omit<SwarmRequest, 'contentType'>;

const LOOK_EVERY_MS = 250;

export async function list(options: ListOptions, terminal: Terminal): Promise<ExitStatus> {
	const known = await new MembersSource(configOf(options, terminal), options.endpoint).ask();
	terminal.stdout.write(options.json ? `${JSON.stringify(known, null, 2)}\n` : `${describe(known)}\n`);
	return EXIT.ok;
}

export function add(id: string, url: string, options: ChangeOptions, terminal: Terminal): Promise<ExitStatus> {
	return change({ method: 'POST', path: '/v1/members', body: JSON.stringify({ id, url }) }, options, terminal);
}

/** @param url where the node with the new disk waits; undefined for the address of the member */
export function replace(
	id: string,
	url: string | undefined,
	options: ChangeOptions,
	terminal: Terminal,
): Promise<ExitStatus> {
	const body = JSON.stringify(url === undefined ? {} : { url });
	return change({ method: 'POST', path: `/v1/members/${id}/replace`, body }, options, terminal);
}

export function remove(id: string, options: ChangeOptions, terminal: Terminal): Promise<ExitStatus> {
	return change({ method: 'DELETE', path: `/v1/members/${id}` }, options, terminal);
}

async function change(request: Post, options: ChangeOptions, terminal: Terminal): Promise<ExitStatus> {
	const config = configOf(options, terminal);
	const asked = { ...request, ...(request.body === undefined ? {} : { contentType: 'application/json' }) };
	const given = await askAny(endpointsOf(config, options.endpoint), asked, clientTimeoutMs(config));
	if (given.status !== 200) throw new CommandError(textOf(given), { status: EXIT.error });
	const changed = understood(() => changedSchema.parse(JSON.parse(given.body.toString())));
	const source = new MembersSource(config, options.endpoint);
	const ended = options.wait ? await stoppable((signal) => whenDone(changed, { source, terminal, signal })) : changed;
	terminal.stdout.write(options.json ? `${JSON.stringify(ended)}\n` : `${outcomeOf(ended)}\n`);
	return EXIT.ok;
}

function configOf(options: ConnectOptions, terminal: Terminal): SwarmConfig {
	return loadConfig(options, terminal.environment, terminal.workingDir).config;
}

interface Waiting {
	readonly source: MembersSource;
	readonly terminal: Terminal;
	readonly signal: AbortSignal;
}

/**
 * Waits until the member that came in votes, or the one that left is out.
 *
 * @returns the change with the members that are in force then
 * @throws CommandError where the member was removed meanwhile, or no node answers any more
 */
async function whenDone(changed: Changed, { source, terminal, signal }: Waiting): Promise<Changed> {
	const bar = new ProgressBar(terminal, `${changed.id} learns`);
	if (comesIn(changed) && !bar.draws) terminal.stderr.write(`${outcomeOf(changed)}\n`);
	try {
		for (;;) {
			const known = await source.ask();
			const ended = endOf(changed, known);
			if (ended) return ended;
			show(bar, changed, known);
			await setTimeout(LOOK_EVERY_MS, undefined, { signal });
		}
	} catch (error) {
		bar.clear();
		if (!signal.aborted) throw error;
		terminal.stderr.write(`The swarm goes on with it: paxos-swarm member list tells when it is done.\n`);
		throw error;
	} finally {
		bar.clear();
	}
}

/** @returns null while the change goes on @throws CommandError where the member was removed meanwhile */
function endOf(changed: Changed, { sets, isChanging }: KnownMembers): Changed | null {
	const last = sets.at(-1) as KnownMembers['sets'][number];
	// A node that has yet to learn of the change says nothing of it.
	if (last.chosenAt < changed.set.chosenAt) return null;
	const member = last.members.find(({ id }) => id === changed.id);
	if (comesIn(changed) && !member) {
		throw new CommandError(`${changed.id} was removed before it voted.`, { status: EXIT.error });
	}
	return isChanging || member?.isVoter === false ? null : { ...changed, set: last };
}

function show(bar: ProgressBar, { id }: Changed, { members, chosenThrough }: KnownMembers): void {
	const member = members.find((candidate) => candidate.id === id);
	if (!member || member.isVoter) return;
	if (!member.linked) bar.what = `the leader has no link to ${id}`;
	else bar.what = `${id} learns`;
	bar.update(chosenThrough - (member.behind ?? chosenThrough), chosenThrough);
}

/** Whether it is in the set that the change brought: then it came in, and did not leave. */
function comesIn({ id, set }: Changed): boolean {
	return set.members.some((member) => member.id === id);
}

function outcomeOf(changed: Changed): string {
	const { id, replaces, set } = changed;
	const from = `from slot ${set.from} on`;
	if (!comesIn(changed)) return `${id} is no member any more, ${from}.`;
	const place = replaces === null ? '' : ` in the place of ${replaces}`;
	const votes = set.members.some((member) => member.id === id && member.isVoter);
	return votes ? `${id} votes${place}, ${from}.` : `${id} learns, ${from}, and votes${place} once it has caught up.`;
}

function describe({ members, sets, leader, node }: KnownMembers): string {
	const rows = members.map(({ id, url, role, isVoter, replaces, linked, behind, heardMs }) => [
		id,
		url,
		role,
		isVoter ? 'yes' : replaces === null ? 'learns' : `learns, replaces ${replaces}`,
		behind === null ? '-' : String(behind),
		id === node ? '-' : heardMs === null ? 'never' : `${(heardMs / 1000).toFixed(1)} s ago${linked ? '' : ', no link'}`,
	]);
	const [, next] = sets;
	const change = next ? [`A change of members is under way: it is in force from slot ${next.from} on.`] : [];
	return [
		tableOf([['MEMBER', 'ADDRESS', 'ROLE', 'VOTES', 'BEHIND', `HEARD BY ${node}`], ...rows]),
		leader === null ? 'There is no leader.' : `The leader is ${leader}.`,
		...change,
	].join('\n');
}
