/** The swarm as this node knows it, without asking the others, and proposals in JSON. */
import { type Request, type Response, Router } from 'express';
import type { BallotText } from '../../shared/fact.ts';
import type { ProposeAnswer } from '../../shared/feed.ts';
import { ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { LoopFigures } from '../process/loop-watch.ts';
import { propose, readProposeRequest } from '../replica/propose.ts';
import type { AnyService } from '../replica/service.ts';
import type { KnownSwarm } from '../swarm/swarm.ts';
import { answerJson, isPretty, onlyMethods } from './answer.ts';
import { jsonOf, readBody } from './body.ts';
import type { Guard } from './guard.ts';
import { type MemberStatus, memberStatuses } from './member-status.ts';

/** The answer of `GET /v1/swarm`. */
export interface SwarmStatus {
	readonly name: string;
	readonly id: string;
	/** The node that answers. */
	readonly node: NodeId;
	/** Whether it is a member, as far as it knows. A node that is none waits to be let in. */
	readonly isMember: boolean;
	/** Whether a change of members is chosen and not yet in force. */
	readonly isChanging: boolean;
	readonly version: string;
	/** The leader that this node hears; null for none. */
	readonly leader: NodeId | null;
	readonly ballot: BallotText;
	readonly chosenThrough: number;
	readonly appliedThrough: number;
	/** The log of this node keeps no slot up to here: its snapshot stands for them. 0 for none. */
	readonly trimmedThrough: number;
	readonly revision: number;
	readonly keys: number;
	/** Why the disk keeps this node from being ready; null where it does not. */
	readonly diskFault: string | null;
	/** In what the state of this node is not that of others, though no majority can say who is wrong; null for nothing. */
	readonly stateFault: string | null;
	/** When the certificate of this node expires, such as `2027-11-27T21:00:00.000Z`; null where it has none. */
	readonly certificateExpires: string | null;
	/** The longest steps of the answering node's event loop. */
	readonly loop: LoopFigures;
	readonly members: readonly MemberStatus[];
}

/** The certificate by which a node is known. */
export interface CertificateView {
	readonly identity: { readonly expiresMs: number };
	/** Why nobody new is let in by it; null for nothing. */
	fault(): string | null;
}

export interface StatusOptions {
	readonly service: AnyService;
	readonly swarm: KnownSwarm;
	/** null where the swarm has no tokens. */
	readonly guard: Guard | null;
	readonly version: string;
	readonly proposeTimeoutMs: number;
	readonly loop: () => LoopFigures;
	readonly certificate: CertificateView | null;
}

/** The bound on the body of a proposal. JSON may write one byte of a value as six, such as `\u0001`. */
const PROPOSE_BYTES_MAX = 6 * VALUE_BYTES_MAX + 65_536;

/** The bound on the lists, objects and commas in it. A proposal has six at most. */
const PROPOSE_ITEMS_MAX = 64;

/** Mounted at `/v1`. */
export function statusRoutes(options: StatusOptions): Router {
	const { service } = options;
	const routes = Router({ caseSensitive: true });

	routes.all('/swarm', onlyMethods('GET', 'HEAD'), (req, res) => {
		const isStranger = options.guard !== null && !options.guard.mayRead(req);
		answerJson(res, isStranger ? nameOfSwarm(options) : swarmStatus(options), isPretty(req));
	});
	// Proposals in JSON are those of keys.
	if (service.store === null) return routes;
	routes.all('/swarm/propose', onlyMethods('POST'), async (req, res) => {
		const request = readProposeRequest(jsonOf(await readBody(req, PROPOSE_BYTES_MAX), PROPOSE_ITEMS_MAX));
		if (typeof request === 'string') return answerPropose(req, res, 400, refused(request));
		const answer = await propose(service, request, options.proposeTimeoutMs);
		answerPropose(req, res, answer.outcome === 'chosen' || answer.outcome === 'kept' ? 200 : 500, answer);
	});
	return routes;
}

/** What nodes ask each other before they know each other. */
function nameOfSwarm({ service, swarm }: StatusOptions): Pick<SwarmStatus, 'name' | 'id' | 'node'> {
	return { name: swarm.name, id: swarm.id, node: service.view().id };
}

function swarmStatus({ service, swarm, version, loop, certificate }: StatusOptions): SwarmStatus {
	const view = service.view();
	return {
		name: swarm.name,
		id: swarm.id,
		node: view.id,
		isMember: swarm.members.some(({ id }) => id === view.id),
		isChanging: swarm.sets.length > 1,
		version,
		leader: view.leader.node === '' ? null : view.leader.node,
		ballot: ballotToText(view.leader),
		chosenThrough: view.chosenThrough,
		appliedThrough: view.appliedThrough,
		trimmedThrough: view.trimmedThrough,
		revision: service.revision,
		keys: service.store?.keysCount ?? 0,
		diskFault: view.diskFault,
		stateFault: view.stateFault,
		certificateExpires: certificate && new Date(certificate.identity.expiresMs).toISOString(),
		loop: loop(),
		members: memberStatuses(service, swarm),
	};
}

function answerPropose(req: Request, res: Response, status: number, answer: ProposeAnswer): void {
	if (answer.outcome === 'unknown') res.set('X-Swarm-Outcome', 'unknown');
	if (answer.outcome === 'refused') res.set('X-Swarm-Outcome', 'not-applied');
	answerJson(res, answer, isPretty(req), status);
}

function refused(why: string): ProposeAnswer {
	return { outcome: 'refused', why, attempts: [] };
}
