/**
 * Sends one request to the first node that answers. After a failure a read goes to the next node; a write does so only
 * where it surely did not happen, so this client never makes a command happen twice. Nodes that do not say whether they
 * are alive are tried last: a write that one of them got may be given to no other, and its answer may never come.
 */

import { urlOf } from '../config/addresses.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { askBy, type SwarmAnswer, type SwarmRequest, type Tried, textOf } from '../swarm/ask.ts';
import { ownCredentials } from './credentials.ts';
import { CommandError, EXIT } from './terminal.ts';

/** A node holds a request for this long while there is no leader, beyond its own time limit. */
const LEADER_WAIT_MS = 3000;
const NETWORK_MS = 1000;
/** A node is tried last where another one has said that it is alive, and this one has not so long after. */
const SILENT_AFTER_MS = 500;
/** The nodes have so long to say that they are alive where none of them does. */
const ALIVE_WITHIN_MS = 2000;

/** A write was sent, and may have happened or may yet. */
export class UnknownWriteError extends CommandError {}

/** How long a client waits for an answer, milliseconds: the node's time limits, and some time for the network. */
export function clientTimeoutMs({ timings }: SwarmConfig): number {
	return timings.requestMs + LEADER_WAIT_MS + NETWORK_MS;
}

/** The base addresses to try, in order: those of all nodes, or only `endpoint` where it is given. */
export function endpointsOf({ nodes }: SwarmConfig, endpoint: string | undefined): string[] {
	return endpoint === undefined ? nodes.map(urlOf) : [endpoint.replace(/\/+$/, '')];
}

export function idsOf(nodes: readonly { readonly id: string }[]): string {
	return nodes.map(({ id }) => id).join(', ');
}

/**
 * The first answer with a status below 500, or that `isForGood`.
 *
 * @throws CommandError `unavailable` where no node answered; UnknownWriteError where one was sent a write and may have done it
 */
export async function askAny(
	endpoints: readonly string[],
	request: SwarmRequest,
	timeoutMs: number,
): Promise<SwarmAnswer> {
	const failures: string[] = [];
	for (const endpoint of await silentLast(endpoints)) {
		const tried = await ask(endpoint, request, timeoutMs);
		if (tried.kind === 'answered' && (tried.answer.status < 500 || request.isForGood?.(tried.answer)))
			return tried.answer;
		failures.push(`${endpoint}: ${tried.kind === 'answered' ? textOf(tried.answer) : tried.why}`);
		if (request.method !== 'GET' && !surelyNotDone(tried)) {
			const message = `The outcome is unknown: it may have happened, or may yet.\n${failures.join('\n')}`;
			throw new UnknownWriteError(message, { status: EXIT.unavailable });
		}
	}
	throw new CommandError(`No node could answer.\n${failures.join('\n')}`, { status: EXIT.unavailable });
}

/**
 * The endpoints in their order, with silent ones last. One that cannot be reached fails at once, and is not silent.
 * The first answer starts the clock, so that a program that is itself slow does not take all nodes for silent.
 */
export async function silentLast(endpoints: readonly string[]): Promise<readonly string[]> {
	if (endpoints.length < 2) return endpoints;
	const silent = new Set(endpoints);
	const given = new AbortController();
	const asks = endpoints.map(async (endpoint) => {
		const tried = await ask(endpoint, { method: 'GET', path: '/livez' }, ALIVE_WITHIN_MS, given.signal);
		if (given.signal.aborted || tried.kind === 'silent') return;
		silent.delete(endpoint);
		if (tried.kind === 'answered') setTimeout(() => given.abort(), SILENT_AFTER_MS).unref();
	});
	await Promise.all(asks);
	return [...endpoints.filter((each) => !silent.has(each)), ...silent];
}

/** One request to one node, by the credentials of this process. @throws ConfigError where the certificates cannot be used */
export function ask(endpoint: string, request: SwarmRequest, timeoutMs: number, signal?: AbortSignal): Promise<Tried> {
	return askBy(ownCredentials(), endpoint, request, timeoutMs, signal);
}

function surelyNotDone(tried: Tried): boolean {
	if (tried.kind !== 'answered') return tried.kind === 'notSent';
	return tried.answer.headers.get('x-swarm-outcome') === 'not-applied';
}

/**
 * What a node has answered. Another program at its address answers otherwise.
 *
 * @param read throws where it is not the answer of a node
 * @throws CommandError
 */
export function understood<T>(read: () => T): T {
	try {
		return read();
	} catch (cause) {
		const why = 'This is not the answer of a node. Does another program listen at that address?';
		throw new CommandError(why, { status: EXIT.error, cause });
	}
}
