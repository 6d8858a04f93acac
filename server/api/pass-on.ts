/** Requests that only the leader carries out: any node takes them, and passes them on to the leader. */
import type { Request, Response } from 'express';
import type { Member } from '../../shared/feed.ts';
import { tokenFault } from '../access/tokens.ts';
import type { NodeService } from '../replica/service.ts';
import { isNotConnected } from '../swarm/ask.ts';
import type { Fetch } from '../tls/fetch.ts';
import { answer, isPretty } from './answer.ts';
import { tokenOf } from './guard.ts';

export interface PassOnOptions {
	readonly service: NodeService;
	readonly swarm: { readonly members: readonly Member[] };
	/** The body of the request, which was read before. */
	readonly body: Uint8Array;
	/** The leader answers within this time, milliseconds. */
	readonly timeoutMs: number;
	readonly fetch: Fetch;
}

/** A request that another node has passed on goes no further, because who leads may change all the time. */
const PASSED_ON = 'X-Swarm-Passed-On';
/** A node that passes a request on waits for its answer so much longer than the leader does. */
const NETWORK_MS = 1000;
/** The headers of the leader's answer that say what became of the request. */
const TOLD = ['X-Swarm-Outcome', 'X-Swarm-Refused'];

/**
 * Where this node does not lead, it asks the leader, and answers as the leader does.
 *
 * @returns whether this node leads; where it does not, the request is answered
 */
export async function isForLeader(req: Request, res: Response, options: PassOnOptions): Promise<boolean> {
	const { service, swarm } = options;
	const { id, leader } = service.view();
	if (leader.node === id) return true;
	const member = swarm.members.find((candidate) => candidate.id === leader.node);
	if (leader.node === '') refuse(res, 503, 'No cluster leader.');
	else if (req.get(PASSED_ON) !== undefined) refuse(res, 503, `${id} does not lead: ${leader.node} does.`);
	else if (!member) refuse(res, 503, `${leader.node} leads, and ${id} has yet to learn where it is.`);
	else await passOn(req, res, member, options);
	return false;
}

/** Nothing was begun, so that another node may be asked. */
export function refuse(res: Response, status: number, text: string): void {
	res.setHeader('X-Swarm-Outcome', 'not-applied');
	answer(res, status, 'text/plain', text);
}

async function passOn(req: Request, res: Response, leader: Member, options: PassOnOptions): Promise<void> {
	const { body, timeoutMs, fetch } = options;
	const token = tokenOf(req);
	// In a swarm without tokens a request may show any text as its token, and some texts fit into no header.
	const isToken = token !== null && tokenFault(token) === null;
	try {
		const passed = await fetch(`${leader.url}${req.baseUrl}${req.path}${isPretty(req) ? '?pretty' : ''}`, {
			method: req.method,
			headers: { [PASSED_ON]: 'yes', 'Content-Type': 'application/json', ...(isToken && { 'X-Consul-Token': token }) },
			body,
			signal: AbortSignal.timeout(timeoutMs + NETWORK_MS),
		});
		const text = await passed.text();
		for (const name of TOLD) {
			const told = passed.headers.get(name);
			if (told !== null) res.setHeader(name, told);
		}
		const type = passed.headers.get('Content-Type')?.startsWith('application/json') ? 'application/json' : 'text/plain';
		answer(res, passed.status, type, text);
	} catch (error) {
		if (!(error instanceof Error)) throw error;
		const { cause } = error;
		const why = cause instanceof Error ? cause.message : error.message;
		if (cause instanceof Error && 'code' in cause && isNotConnected(cause.code)) {
			return refuse(res, 503, `${leader.id} leads, and cannot be asked at ${leader.url}: ${why}`);
		}
		res.setHeader('X-Swarm-Outcome', 'unknown');
		answer(res, 502, 'text/plain', `${leader.id} leads, was asked at ${leader.url}, and has not answered: ${why}`);
	}
}
