/** Lets people choose another leader: any node takes the request, and passes it on to the leader where it does not lead. */
import { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import { fromUtf8 } from '../../shared/bytes/text.ts';
import type { BallotText } from '../../shared/fact.ts';
import type { Member } from '../../shared/feed.ts';
import { ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import type { ReplicaService } from '../replica/service.ts';
import { answer, answerJson, HttpError, isPretty, onlyMethods } from './answer.ts';
import { readBody } from './body.ts';

/** The answer of `POST /v1/leader/transfer`. */
export interface TransferAnswer {
	/** The node that led before. */
	readonly from: NodeId;
	/** The node that leads now. */
	readonly leader: NodeId;
	/** The ballot under which it leads. */
	readonly ballot: BallotText;
}

export interface LeaderOptions {
	readonly service: ReplicaService;
	readonly swarm: { readonly members: readonly Member[] };
	/** A node has so long to become the leader, milliseconds. */
	readonly transferMs: number;
}

const BODY_BYTES_MAX = 4096;
/** A request that another node has passed on goes no further, because who leads may change all the time. */
const PASSED_ON = 'X-Swarm-Passed-On';
/** A node that passes a request on waits for its answer so much longer than the leader does. */
const NETWORK_MS = 1000;

const bodySchema = z.strictObject({ to: z.string().optional() });

/** Mounted at `/v1`. */
export function leaderRoutes(options: LeaderOptions): Router {
	const routes = Router({ caseSensitive: true });
	routes.all('/leader/transfer', onlyMethods('POST'), (req, res) => transfer(req, res, options));
	return routes;
}

async function transfer(req: Request, res: Response, options: LeaderOptions): Promise<void> {
	const { service, swarm, transferMs } = options;
	const to = readTo(await readBody(req, BODY_BYTES_MAX));
	const ids = swarm.members.map(({ id }) => id);
	if (to !== null && !ids.includes(to)) {
		throw new HttpError(400, `There is no node ${JSON.stringify(to)}: the members are ${ids.join(', ')}.`);
	}
	const { id, leader } = service.view();
	if (leader.node === '') return refuse(res, 503, 'No cluster leader.');
	if (leader.node === to) throw new HttpError(409, `${to} leads already.`);
	if (ids.length === 1) throw new HttpError(409, `${id} is the only node, so no other one can lead.`);
	if (leader.node !== id) {
		if (req.get(PASSED_ON) !== undefined) return refuse(res, 503, `${id} does not lead: ${leader.node} does.`);
		const member = swarm.members.find((candidate) => candidate.id === leader.node);
		return passOn(res, { to, member: member as Member, timeoutMs: transferMs + NETWORK_MS, pretty: isPretty(req) });
	}
	if (to !== null && !service.view().linked.includes(to)) {
		throw new HttpError(409, `${to} cannot lead now: the leader ${id} has no link to it.`);
	}
	const now = await service.handOver(to, transferMs);
	if (now.node === '') {
		res.setHeader('X-Swarm-Outcome', 'unknown');
		throw new HttpError(504, `${notInTime(to, service)} Perhaps it does so in a moment; nothing more is done for it.`);
	}
	if (to !== null && now.node !== to) throw new HttpError(409, `${now.node} leads now, and not ${to}.`);
	const done: TransferAnswer = { from: id, leader: now.node, ballot: ballotToText(now) };
	answerJson(res, done, isPretty(req));
}

/** @returns the node that is to lead; null where none is named @throws HttpError */
function readTo(body: Uint8Array): NodeId | null {
	if (body.length === 0) return null;
	let json: unknown;
	try {
		json = JSON.parse(fromUtf8(body) ?? '');
	} catch {
		json = undefined;
	}
	const parsed = bodySchema.safeParse(json);
	if (!parsed.success) throw new HttpError(400, 'The body must be JSON such as {"to":"n2"}, or empty.');
	return parsed.data.to ?? null;
}

/** Why nobody leads instead, as far as this node knows. */
function notInTime(to: NodeId | null, service: ReplicaService): string {
	if (to === null) return 'No other node has become the leader in time.';
	const reached = service.peers().find(({ id }) => id === to)?.chosenThrough ?? 0;
	const behind = service.view().chosenThrough - reached;
	return `${to} has not become the leader in time${behind > 0 ? `: it is ${behind} slots behind` : ''}.`;
}

interface PassOn {
	readonly to: NodeId | null;
	/** The leader. */
	readonly member: Member;
	readonly timeoutMs: number;
	readonly pretty: boolean;
}

/** Asks the leader, and answers as it does. */
async function passOn(res: Response, { to, member, timeoutMs, pretty }: PassOn): Promise<void> {
	try {
		const passed = await fetch(`${member.url}/v1/leader/transfer${pretty ? '?pretty' : ''}`, {
			method: 'POST',
			redirect: 'error',
			headers: { [PASSED_ON]: 'yes', 'Content-Type': 'application/json' },
			body: JSON.stringify(to === null ? {} : { to }),
			signal: AbortSignal.timeout(timeoutMs),
		});
		const text = await passed.text();
		const outcome = passed.headers.get('X-Swarm-Outcome');
		if (outcome !== null) res.setHeader('X-Swarm-Outcome', outcome);
		const type = passed.headers.get('Content-Type')?.startsWith('application/json') ? 'application/json' : 'text/plain';
		answer(res, passed.status, type, text);
	} catch (error) {
		if (!(error instanceof Error)) throw error;
		res.setHeader('X-Swarm-Outcome', 'unknown');
		const { cause } = error;
		const why = cause instanceof Error ? cause.message : error.message;
		answer(res, 502, 'text/plain', `${member.id} leads, and cannot be asked at ${member.url}: ${why}`);
	}
}

/** Nothing was begun, so that another node may be asked. */
function refuse(res: Response, status: number, text: string): void {
	res.setHeader('X-Swarm-Outcome', 'not-applied');
	answer(res, status, 'text/plain', text);
}
