/**
 * The members, as this node knows them, and changes of them: a node comes in, takes the place of a member that has lost
 * its disk, or leaves. Any node takes the request, and passes it on to the leader where it does not lead.
 */
import { setTimeout } from 'node:timers/promises';
import { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import type { MembersView } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { MembersAnswer, MembersRefusal, MembersRequest } from '../../shared/replica/membership.ts';
import { isMemberId, isOrigin } from '../config/names.ts';
import type { NodeService } from '../replica/service.ts';
import { type KnownSwarm, viewOf } from '../swarm/swarm.ts';
import type { Fetch } from '../tls/fetch.ts';
import { answerJson, HttpError, isPretty, onlyMethods } from './answer.ts';
import { idOfNodeAt } from './ask-node.ts';
import { jsonOf, readBody } from './body.ts';
import { memberNamed } from './member-named.ts';
import { type MemberStatus, memberStatuses } from './member-status.ts';
import { isForLeader, refuse } from './pass-on.ts';

/** The answer of `GET /v1/members`. */
export interface MembersStatus {
	readonly name: string;
	readonly id: string;
	/** The node that answers. */
	readonly node: NodeId;
	/** The leader that this node hears; null for none. */
	readonly leader: NodeId | null;
	/** This node knows the slots up to here to be chosen. */
	readonly chosenThrough: Slot;
	/** Whether a change of members is chosen and not yet in force. */
	readonly isChanging: boolean;
	/** The members that the swarm began with: by id, the URL at which each is reached. */
	readonly first: Readonly<Record<NodeId, string>>;
	/** The members in force, and behind them those of a change that is not yet in force. */
	readonly sets: readonly MembersView[];
	/** The members of all of `sets`. */
	readonly members: readonly MemberStatus[];
}

/** The answer to a change of members. */
export interface MembersChanged {
	/** The member that comes in as a learner, or leaves. */
	readonly id: NodeId;
	/** Of one that comes in: the member that leaves as soon as this one votes; null for none. */
	readonly replaces: NodeId | null;
	/** The members from slot `set.from` on. */
	readonly set: MembersView;
}

export interface MembersOptions {
	readonly service: NodeService;
	readonly swarm: KnownSwarm;
	/** A node has so long to say who it is, and then the change to be chosen, milliseconds. */
	readonly changeMs: number;
	/** By which nodes ask each other. */
	readonly fetch: Fetch;
	/** Whether the nodes speak TLS. */
	readonly isSecure: boolean;
}

const BODY_BYTES_MAX = 4096;
/** What passes by itself is waited for, with looks at this interval, milliseconds. */
const PASSES_EVERY_MS = 100;
const PASSES: readonly MembersRefusal[] = ['underWay', 'notSettled', 'outdated'];

const ADD_RULE = 'The body must be JSON such as {"id":"n4","url":"http://10.1.2.3:7101"}.';
const REPLACE_RULE = 'The body must be JSON such as {"url":"http://10.1.2.3:7101"}, or empty.';

const id = z.string().refine(isMemberId);
const url = z
	.string()
	.refine(isOrigin)
	.transform((text) => new URL(text).origin);
/** The node that comes in says its full id by itself, and is not asked. */
const asks = id.optional();
const addSchema = z.strictObject({ id, url, asks });
const replaceSchema = z.strictObject({ url: url.optional(), asks });

/** What to do next. */
const NEXT: Readonly<Partial<Record<MembersRefusal, string>>> = {
	noVoter: 'add another one first',
	tooMany: 'remove one first',
	noQuorumLeft: 'start the others first, or remove one of those instead',
	usedBefore: 'start it with an empty data folder, so that it comes up under a new id',
};

/** Mounted at `/v1`. */
export function membersRoutes(options: MembersOptions): Router {
	const routes = Router({ caseSensitive: true });
	routes.all('/members', onlyMethods('GET', 'HEAD', 'POST'), (req, res) =>
		req.method === 'POST' ? add(req, res, options) : answerJson(res, membersStatus(options), isPretty(req)),
	);
	routes.all('/members/:id', onlyMethods('DELETE'), (req, res) => remove(req, res, options));
	routes.all('/members/:id/replace', onlyMethods('POST'), (req, res) => replace(req, res, options));
	return routes;
}

function membersStatus({ service, swarm }: MembersOptions): MembersStatus {
	const { id: node, leader, chosenThrough } = service.view();
	return {
		name: swarm.name,
		id: swarm.id,
		node,
		leader: leader.node === '' ? null : leader.node,
		chosenThrough,
		isChanging: swarm.sets.length > 1,
		first: swarm.first,
		sets: swarm.sets,
		members: memberStatuses(service, swarm),
	};
}

async function add(req: Request, res: Response, options: MembersOptions): Promise<void> {
	const { swarm } = options;
	const body = await readBody(req, BODY_BYTES_MAX);
	const { id: named, url, asks } = checked(addSchema, jsonOf(body), ADD_RULE);
	if (!(await leads(req, res, body, options))) return;
	const member = swarm.members.find(({ id }) => nameOf(id) === nameOf(named));
	if (member) {
		const name = nameOf(named);
		const text = `${name} is a member already; where it has lost its disk, replace it: paxos-swarm member replace ${name}`;
		res.setHeader('X-Swarm-Refused', 'inUse' satisfies MembersRefusal);
		throw new HttpError(409, text);
	}
	const id = await idOf(named, asks, url, options);
	await comesIn(req, res, { kind: 'add', id, url, replaces: null }, options);
}

async function replace(req: Request, res: Response, options: MembersOptions): Promise<void> {
	const { swarm } = options;
	const body = await readBody(req, BODY_BYTES_MAX);
	const given = checked(replaceSchema, body.length === 0 ? {} : jsonOf(body), REPLACE_RULE);
	if (!(await leads(req, res, body, options))) return;
	const replaced = memberNamed(req.params.id as string, swarm.members, 404);
	const url = given.url ?? replaced.url;
	const name = nameOf(replaced.id);
	const id = await idOf(name, given.asks, url, options);
	if (id === replaced.id && replaced.isVoter) {
		res.setHeader('X-Swarm-Refused', 'inUse' satisfies MembersRefusal);
		throw new HttpError(409, `${id} at ${url} is the member itself: only a node with a new disk takes its place.`);
	}
	// A learner in the place of another one comes in the place of the member that both replace.
	const replaces = replaced.replaces ?? replaced.id;
	const set = swarm.sets.at(-1) as MembersView;
	const isIn = set.members.some((member) => member.id === id && member.replaces === replaces);
	// The change was asked for before, such as by the node itself.
	if (isIn) return answerJson(res, { id, replaces, set } satisfies MembersChanged, isPretty(req));
	await comesIn(req, res, { kind: 'add', id, url, replaces }, options);
}

async function remove(req: Request, res: Response, options: MembersOptions): Promise<void> {
	const { swarm } = options;
	if (!(await leads(req, res, await readBody(req, BODY_BYTES_MAX), options))) return;
	const { id } = memberNamed(req.params.id as string, swarm.members, 404);
	const heir = swarm.sets.at(-1)?.members.find(({ replaces }) => replaces === id);
	if (heir) throw new HttpError(409, `${heir.id} is about to take the place of ${id}: remove ${heir.id} first.`);
	await change(req, res, { kind: 'remove', id }, options);
}

function leads(req: Request, res: Response, body: Uint8Array, options: MembersOptions): Promise<boolean> {
	const { service, swarm, changeMs, fetch } = options;
	return isForLeader(req, res, { service, swarm, body, timeoutMs: 2 * changeMs, fetch });
}

/** @returns the id of the node of that name which waits at `url` @throws HttpError */
async function idOf(
	named: string,
	asks: NodeId | undefined,
	url: string,
	{ swarm, changeMs, fetch, isSecure }: MembersOptions,
): Promise<NodeId> {
	if (isSecure && url.startsWith('http:')) {
		throw new HttpError(
			409,
			`The nodes of this swarm speak TLS: the address of ${nameOf(named)} has to begin with https://.`,
		);
	}
	const question = { url, name: nameOf(named), swarmId: swarm.id, timeoutMs: changeMs, fetch };
	const id = asks ?? (await idOfNodeAt(question));
	if (id === named || nameOf(id) === named) return id;
	throw new HttpError(409, `The node at ${url} is ${id}, and not ${named}.`);
}

async function comesIn(
	req: Request,
	res: Response,
	request: MembersRequest & { kind: 'add' },
	options: MembersOptions,
): Promise<void> {
	const { swarm, service } = options;
	const { id, url } = request;
	const known = swarm.urlOf(request);
	if (known !== url) {
		const text = `${nameOf(id)} is at ${known} in the swarm.json of ${service.view().id}, and not at ${url}: change it there.`;
		throw new HttpError(409, text);
	}
	await change(req, res, request, options);
}

async function change(req: Request, res: Response, request: MembersRequest, options: MembersOptions): Promise<void> {
	const answer = await onceNothingPasses(request, options);
	if (answer.kind === 'unknown') {
		res.setHeader('X-Swarm-Outcome', 'unknown');
		throw new HttpError(
			504,
			'The change was not chosen in time, and may yet be: look at the members before you ask again.',
		);
	}
	if (answer.kind === 'chosen') {
		const { id } = request;
		const set = viewOf(answer.set, options.swarm);
		const changed: MembersChanged = { id, replaces: request.kind === 'add' ? request.replaces : null, set };
		return answerJson(res, changed, isPretty(req));
	}
	const { why, detail } = answer;
	const next = NEXT[why];
	const text = next === undefined ? `${detail}.` : `${detail}: ${next}.`;
	res.setHeader('X-Swarm-Refused', why);
	if (why === 'notLeader') return refuse(res, 503, text);
	throw new HttpError(why === 'noSuchMember' ? 404 : 409, text);
}

/** Another change that is under way is in force soon, and a new leader has soon learned what it must. */
async function onceNothingPasses(
	request: MembersRequest,
	{ service, changeMs }: MembersOptions,
): Promise<MembersAnswer> {
	const endMs = performance.now() + changeMs;
	for (;;) {
		const leftMs = endMs - performance.now();
		const answer = await service.changeMembers(request, Math.max(0, leftMs));
		const passes = answer.kind === 'refused' && PASSES.includes(answer.why);
		if (!passes || leftMs < PASSES_EVERY_MS) return answer;
		await setTimeout(PASSES_EVERY_MS);
	}
}

/** @throws HttpError 400 */
function checked<T>(schema: z.ZodType<T>, json: unknown, rule: string): T {
	const parsed = schema.safeParse(json);
	if (!parsed.success) throw new HttpError(400, rule);
	return parsed.data;
}
