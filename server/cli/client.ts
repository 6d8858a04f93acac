/**
 * One request to the first node that answers. A read is tried at the next node after any failure; a write only where
 * it surely did not happen, so a command is never carried out twice because of this client. Nodes that say nothing
 * are asked last: what was handed to one of them can be neither waited for nor asked of another.
 */
import { type SwarmConfig, urlOf } from '../config.ts';
import { CommandError, EXIT } from './terminal.ts';

export interface SwarmRequest {
	readonly method: 'GET' | 'PUT' | 'DELETE' | 'POST';
	/** With its query; below the node's address. */
	readonly path: string;
	readonly body?: Buffer | string;
	readonly contentType?: string;
}

export interface SwarmAnswer {
	readonly status: number;
	readonly headers: Headers;
	readonly body: Buffer;
}

/** A node holds a request for this long while there is no leader, beyond its own time limit. */
const LEADER_WAIT_MS = 3000;
const NETWORK_MS = 1000;
/** A node that has not said by then that it is alive is asked last. */
const ALIVE_WITHIN_MS = 500;

/** Failures before a connection stood: nothing was sent. */
const NOT_CONNECTED: readonly unknown[] = [
	'ECONNREFUSED',
	'EHOSTUNREACH',
	'ENETUNREACH',
	'ENOTFOUND',
	'EAI_AGAIN',
	'EADDRNOTAVAIL',
	'UND_ERR_CONNECT_TIMEOUT',
];

/** How long a node may take to answer a request of a client, and the network with it. */
export function clientTimeoutMs({ timings }: SwarmConfig): number {
	return timings.requestMs + LEADER_WAIT_MS + NETWORK_MS;
}

/** Base addresses to try, in order: every node of the swarm, or the one given. */
export function endpointsOf({ nodes }: SwarmConfig, endpoint: string | undefined): string[] {
	return endpoint === undefined ? nodes.map(urlOf) : [endpoint.replace(/\/+$/, '')];
}

/**
 * The first answer with a status below 500.
 *
 * @throws CommandError `unavailable`: no node could, or the outcome of a write is unknown
 */
export async function askAny(
	endpoints: readonly string[],
	request: SwarmRequest,
	timeoutMs: number,
): Promise<SwarmAnswer> {
	const failures: string[] = [];
	for (const endpoint of await silentLast(endpoints)) {
		const tried = await ask(endpoint, request, timeoutMs);
		if (tried.kind === 'answered' && tried.answer.status < 500) return tried.answer;
		failures.push(`${endpoint}: ${tried.kind === 'answered' ? textOf(tried.answer) : tried.why}`);
		if (request.method !== 'GET' && !surelyNotDone(tried)) {
			const message = `The outcome is unknown: it may have happened, or may yet.\n${failures.join('\n')}`;
			throw new CommandError(message, { status: EXIT.unavailable });
		}
	}
	throw new CommandError(`No node could answer.\n${failures.join('\n')}`, { status: EXIT.unavailable });
}

/** In their order, but for those that do not say whether they are alive. One that cannot be reached says so at once. */
async function silentLast(endpoints: readonly string[]): Promise<readonly string[]> {
	if (endpoints.length < 2) return endpoints;
	const said = await Promise.all(
		endpoints.map(async (endpoint) => {
			const tried = await ask(endpoint, { method: 'GET', path: '/livez' }, ALIVE_WITHIN_MS);
			return { endpoint, isSilent: tried.kind === 'silent' };
		}),
	);
	return [...said.filter(({ isSilent }) => !isSilent), ...said.filter(({ isSilent }) => isSilent)].map(
		({ endpoint }) => endpoint,
	);
}

/** One request to one node. Never rejects. */
export async function ask(
	endpoint: string,
	{ method, path, body, contentType }: SwarmRequest,
	timeoutMs: number,
): Promise<Tried> {
	try {
		const response = await fetch(endpoint + path, {
			method,
			redirect: 'error',
			signal: AbortSignal.timeout(timeoutMs),
			...(body === undefined ? {} : { body }),
			...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }),
		});
		const bytes = Buffer.from(await response.arrayBuffer());
		return { kind: 'answered', answer: { status: response.status, headers: response.headers, body: bytes } };
	} catch (error) {
		return describeFailure(error, timeoutMs);
	}
}

export type Tried =
	| { readonly kind: 'answered'; readonly answer: SwarmAnswer }
	/** No connection: nothing happened. */
	| { readonly kind: 'notSent'; readonly why: string }
	/** Nothing came in time: it may have happened, or may yet. */
	| { readonly kind: 'silent'; readonly why: string }
	| { readonly kind: 'unknown'; readonly why: string };

function surelyNotDone(tried: Tried): boolean {
	if (tried.kind !== 'answered') return tried.kind === 'notSent';
	return tried.answer.headers.get('x-swarm-outcome') === 'not-applied';
}

/** The body of a refusal, as one line for people. */
export function textOf({ status, body }: SwarmAnswer): string {
	return body.toString().trim() || `HTTP status ${status}`;
}

function describeFailure(error: unknown, timeoutMs: number): Tried {
	if (!(error instanceof Error)) return { kind: 'unknown', why: String(error) };
	if (error.name === 'TimeoutError') return { kind: 'silent', why: `no answer within ${timeoutMs} ms` };
	const { cause } = error;
	const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
	if (NOT_CONNECTED.includes(code)) return { kind: 'notSent', why: `no connection (${code})` };
	return { kind: 'unknown', why: cause instanceof Error ? cause.message : error.message };
}
