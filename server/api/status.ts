/** The swarm as this node knows it, without asking the others, and proposals in JSON. */
import { type Request, type Response, Router } from 'express';
import { fromUtf8 } from '../../shared/bytes/text.ts';
import type { BallotText } from '../../shared/fact.ts';
import type { Member, ProposeAnswer } from '../../shared/feed.ts';
import { ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import type { Role } from '../../shared/paxos/fact.ts';
import type { PeerView } from '../../shared/replica/view.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { LoopFigures } from '../loop-watch.ts';
import { propose, readProposeRequest } from '../replica/propose.ts';
import type { ReplicaService } from '../replica/service.ts';
import { answerJson, isPretty, onlyMethods } from './answer.ts';
import { readBody } from './body.ts';

/** The answer of `GET /v1/swarm`. */
export interface SwarmStatus {
	readonly name: string;
	readonly id: string;
	/** The node that answers. */
	readonly node: NodeId;
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
	/** In what the state of this node is not that of others, though no majority can say who is wrong; null for nothing. */
	readonly stateFault: string | null;
	/** The longest steps of the answering node's event loop. */
	readonly loop: LoopFigures;
	readonly members: readonly MemberStatus[];
}

/** One member, as the answering node last heard it. */
export interface MemberStatus extends Member {
	readonly linked: boolean;
	/** Its role when it was last heard; 'unknown' where that was too long ago to be still true. */
	readonly role: Role | 'unknown';
	/** The ballot that it promised, accepted or led under when it was last heard; '' for none. */
	readonly ballot: BallotText;
	readonly chosenThrough: number;
	/** Whole milliseconds since it was last heard; 0 for the answering node itself, null for never. */
	readonly heardMs: number | null;
	/** Milliseconds that its clock was ahead of the answering node's when it last told its time; null for never. */
	readonly clockAheadMs: number | null;
}

export interface StatusOptions {
	readonly service: ReplicaService;
	readonly swarm: { readonly name: string; readonly id: string; readonly members: readonly Member[] };
	readonly version: string;
	readonly proposeTimeoutMs: number;
	readonly loop: () => LoopFigures;
}

/** The role of a node that was not heard for this long is unknown. The mesh's pings come twice a second. */
const ROLE_AGE_MS_MAX = 2000;
/** The bound on the body of a proposal. JSON may write one byte of a value as six, such as `\u0001`. */
const PROPOSE_BYTES_MAX = 6 * VALUE_BYTES_MAX + 65_536;

/** Mounted at `/v1`. */
export function statusRoutes(options: StatusOptions): Router {
	const { service, swarm } = options;
	const routes = Router({ caseSensitive: true });

	routes.all('/status/leader', onlyMethods('GET', 'HEAD'), (req, res) => {
		const { leader } = service.view();
		const member = swarm.members.find(({ id }) => id === leader.node);
		answerJson(res, member ? addressOf(member) : '', isPretty(req));
	});
	routes.all('/status/peers', onlyMethods('GET', 'HEAD'), (req, res) => {
		answerJson(res, swarm.members.map(addressOf), isPretty(req));
	});
	routes.all('/swarm', onlyMethods('GET', 'HEAD'), (req, res) => {
		answerJson(res, swarmStatus(options), isPretty(req));
	});
	routes.all('/swarm/propose', onlyMethods('POST'), async (req, res) => {
		const request = readProposeRequest(parsed(await readBody(req, PROPOSE_BYTES_MAX)));
		if (typeof request === 'string') return answerPropose(req, res, 400, refused(request));
		const answer = await propose(service, request, options.proposeTimeoutMs);
		answerPropose(req, res, answer.outcome === 'chosen' || answer.outcome === 'kept' ? 200 : 500, answer);
	});
	return routes;
}

/** Host and port, as Consul writes them. */
function addressOf({ url }: Member): string {
	return url.replace(/^https?:\/\//, '');
}

function swarmStatus({ service, swarm, version, loop }: StatusOptions): SwarmStatus {
	const { store } = service;
	const view = service.view();
	const peers = new Map(service.peers().map((peer) => [peer.id, peer]));
	const members = swarm.members.map(({ id, url }): MemberStatus => {
		if (id === view.id) {
			const { role, chosenThrough } = view;
			const ballot = ballotToText(view.promised);
			return { id, url, linked: true, role, ballot, chosenThrough, heardMs: 0, clockAheadMs: 0 };
		}
		const peer = peers.get(id);
		if (!peer) {
			const nothing = { role: 'unknown', ballot: '', chosenThrough: 0, heardMs: null, clockAheadMs: null } as const;
			return { id, url, linked: false, ...nothing };
		}
		const { linked, chosenThrough, heardMs, clockAheadMs } = peer;
		const role = roleNow(peer, view.leader.node);
		const ballot = ballotToText(peer.ballot);
		return {
			id,
			url,
			linked,
			role,
			ballot,
			chosenThrough,
			heardMs: Number.isFinite(heardMs) ? Math.round(heardMs) : null,
			clockAheadMs,
		};
	});
	return {
		name: swarm.name,
		id: swarm.id,
		node: view.id,
		version,
		leader: view.leader.node === '' ? null : view.leader.node,
		ballot: ballotToText(view.leader),
		chosenThrough: view.chosenThrough,
		appliedThrough: view.appliedThrough,
		trimmedThrough: view.trimmedThrough,
		revision: store.revision,
		keys: store.keysCount,
		stateFault: view.stateFault,
		loop: loop(),
		members,
	};
}

/** The role of a peer when it was last heard, where that can still be true. */
function roleNow({ id, role, heardMs }: PeerView, leader: NodeId): MemberStatus['role'] {
	const wasDeposed = role === 'leader' && id !== leader;
	return wasDeposed || heardMs > ROLE_AGE_MS_MAX ? 'unknown' : role;
}

function answerPropose(req: Request, res: Response, status: number, answer: ProposeAnswer): void {
	if (answer.outcome === 'unknown') res.set('X-Swarm-Outcome', 'unknown');
	if (answer.outcome === 'refused') res.set('X-Swarm-Outcome', 'not-applied');
	answerJson(res, answer, isPretty(req), status);
}

function refused(why: string): ProposeAnswer {
	return { outcome: 'refused', why, attempts: [] };
}

/** The body as JSON; undefined where it is none, which is no valid request either. */
function parsed(body: Uint8Array): unknown {
	try {
		return JSON.parse(fromUtf8(body) ?? '');
	} catch {
		return undefined;
	}
}
