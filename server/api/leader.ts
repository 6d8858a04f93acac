/** Lets people choose another leader: any node takes the request, and passes it on to the leader where it does not lead. */
import { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import type { BallotText } from '../../shared/fact.ts';
import type { SwarmMember } from '../../shared/feed.ts';
import { ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import type { NodeService } from '../replica/service.ts';
import type { Fetch } from '../tls/fetch.ts';
import { answerJson, HttpError, isPretty, onlyMethods } from './answer.ts';
import { jsonOf, readBody } from './body.ts';
import { memberNamed } from './member-named.ts';
import { isForLeader } from './pass-on.ts';

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
	readonly service: NodeService;
	readonly swarm: { readonly members: readonly SwarmMember[] };
	/** A node has so long to become the leader, milliseconds. */
	readonly transferMs: number;
	/** By which nodes ask each other. */
	readonly fetch: Fetch;
}

const BODY_BYTES_MAX = 4096;

const bodySchema = z.strictObject({ to: z.string().optional() });

/** Mounted at `/v1`. */
export function leaderRoutes(options: LeaderOptions): Router {
	const routes = Router({ caseSensitive: true });
	routes.all('/leader/transfer', onlyMethods('POST'), (req, res) => transfer(req, res, options));
	return routes;
}

async function transfer(req: Request, res: Response, options: LeaderOptions): Promise<void> {
	const { service, swarm, transferMs, fetch } = options;
	const body = await readBody(req, BODY_BYTES_MAX);
	const named = readTo(body);
	const to = named === null ? null : memberNamed(named, swarm.members, 400);
	if (!(await isForLeader(req, res, { service, swarm, body, timeoutMs: transferMs, fetch }))) return;
	const { id, linked } = service.view();
	if (to?.id === id) throw new HttpError(409, `${id} leads already.`);
	if (swarm.members.length === 1) throw new HttpError(409, `${id} is the only node, so no other one can lead.`);
	if (to && !to.isVoter) throw new HttpError(409, `${to.id} cannot lead before it votes: it still learns.`);
	if (to && !linked.includes(to.id)) {
		throw new HttpError(409, `${to.id} cannot lead now: the leader ${id} has no link to it.`);
	}
	const now = await service.handOver(to?.id ?? null, transferMs);
	if (now.node === '') {
		res.setHeader('X-Swarm-Outcome', 'unknown');
		throw new HttpError(
			504,
			`${notInTime(to?.id ?? null, service)} Perhaps it does so in a moment; nothing more is done for it.`,
		);
	}
	if (to && now.node !== to.id) throw new HttpError(409, `${now.node} leads now, and not ${to.id}.`);
	const done: TransferAnswer = { from: id, leader: now.node, ballot: ballotToText(now) };
	answerJson(res, done, isPretty(req));
}

/** @returns the name of the node that is to lead; null where none is named @throws HttpError */
function readTo(body: Uint8Array): string | null {
	if (body.length === 0) return null;
	const parsed = bodySchema.safeParse(jsonOf(body));
	if (!parsed.success) throw new HttpError(400, 'The body must be JSON such as {"to":"n2"}, or empty.');
	return parsed.data.to ?? null;
}

/** Why nobody leads instead, as far as this node knows. */
function notInTime(to: NodeId | null, service: NodeService): string {
	if (to === null) return 'No other node has become the leader in time.';
	const reached = service.peers().find(({ id }) => id === to)?.chosenThrough ?? 0;
	const behind = service.view().chosenThrough - reached;
	return `${to} has not become the leader in time${behind > 0 ? `: it is ${behind} slots behind` : ''}.`;
}
