/**
 * The lab over HTTP: faults in what other nodes send to this one, and in the nodes themselves. Each node has the faults of
 * what comes to it, so a link is cut both ways at both of its ends.
 */
import { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import type { SwarmMember } from '../../shared/feed.ts';
import { DELAY_MS_MAX, isNodeAct, LOSS_MAX, NODE_ACTS } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { DirectionView, Lab } from '../lab/lab.ts';
import type { NodeService } from '../replica/service.ts';
import { answerJson, HttpError, isPretty, onlyMethods, queryOf } from './answer.ts';
import { jsonOf, readBody } from './body.ts';
import { memberNamed } from './member-named.ts';

/** The answer of `GET /v1/lab`. */
export interface LabAnswer {
	readonly node: NodeId;
	/** What the other members send to this node. */
	readonly links: readonly DirectionView[];
}

/** The answer of a release. */
export interface ReleaseAnswer {
	/** So many messages arrived. */
	readonly released: number;
}

export interface LabRoutesOptions {
	/** null where the node was started without `--lab`. */
	readonly lab: Lab | null;
	readonly service: Pick<NodeService, 'view'>;
	readonly swarm: { readonly members: readonly SwarmMember[] };
}

const BODY_BYTES_MAX = 1024;
const RELEASED_MAX = 10_000;

const faultSchema = z
	.strictObject({
		cut: z.boolean(),
		delayMs: z.number().int().min(0).max(DELAY_MS_MAX),
		loss: z.number().min(0).max(LOSS_MAX),
		hold: z.boolean(),
	})
	.partial();

/** Mounted at `/v1`. */
export function labRoutes(options: LabRoutesOptions): Router {
	const { lab, swarm } = options;
	const routes = Router({ caseSensitive: true });
	if (lab === null) {
		routes.all(['/lab', '/lab/{*rest}'], () => {
			throw new HttpError(404, 'This node was started without a lab. Start the swarm with --lab.');
		});
		return routes;
	}
	routes.all('/lab', onlyMethods('GET'), (req, res) => view(req, res, lab, options));
	routes.all('/lab/links', onlyMethods('PUT', 'DELETE'), async (req, res) => {
		if (req.method === 'DELETE') lab.heal();
		else {
			const fault = await faultOf(req);
			for (const from of peersOf(options)) lab.set(from, fault);
		}
		view(req, res, lab, options);
	});
	routes.all('/lab/links/:from', onlyMethods('PUT'), async (req, res) => {
		const from = peerOf(req, options);
		lab.set(from, await faultOf(req));
		view(req, res, lab, options);
	});
	routes.all('/lab/links/:from/release', onlyMethods('POST'), (req, res) => {
		const written = queryOf(req).get('count') ?? '1';
		const count = /^\d{1,5}$/.test(written) ? Number(written) : 0;
		if (count < 1 || count > RELEASED_MAX) {
			throw new HttpError(400, `The count must be a whole number from 1 to ${RELEASED_MAX}.`);
		}
		const answer: ReleaseAnswer = { released: lab.release(peerOf(req, options), count) };
		answerJson(res, answer, isPretty(req));
	});
	routes.all('/lab/nodes/:name/:act', onlyMethods('POST'), async (req, res) => {
		const { name, act } = req.params;
		if (!isNodeAct(act)) throw new HttpError(404, `A lab can ${NODE_ACTS.join(', ')} a node, and nothing else.`);
		const why = await lab.act(act, memberNamed(name as string, swarm.members, 400).id);
		if (why !== null) throw new HttpError(409, why);
		view(req, res, lab, options);
	});
	return routes;
}

function view(req: Request, res: Response, lab: Lab, { service }: LabRoutesOptions): void {
	const answer: LabAnswer = { node: service.view().id, links: lab.view() };
	answerJson(res, answer, isPretty(req));
}

function peersOf({ service, swarm }: LabRoutesOptions): NodeId[] {
	const self = service.view().id;
	return swarm.members.map(({ id }) => id).filter((id) => id !== self);
}

function peerOf(req: Request, { service, swarm }: LabRoutesOptions): NodeId {
	const { id } = memberNamed(req.params.from as string, swarm.members, 400);
	if (id === service.view().id) throw new HttpError(400, `${id} is this node, which has no link to itself.`);
	return id;
}

async function faultOf(req: Request): Promise<z.infer<typeof faultSchema>> {
	const parsed = faultSchema.safeParse(jsonOf(await readBody(req, BODY_BYTES_MAX)));
	if (parsed.success) return parsed.data;
	throw new HttpError(
		400,
		`The body must be JSON such as {"cut":true}, {"delayMs":500}, {"loss":0.2} or {"hold":true}; delays are at most ${DELAY_MS_MAX} ms, and losses at most ${LOSS_MAX}.`,
	);
}
