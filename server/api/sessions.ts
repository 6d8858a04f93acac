/**
 * `/v1/session`: sessions, for which clients hold keys. They are created, renewed and ended at any node, each by one
 * command, and read as keys are.
 */
import { randomUUID } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import { nameOf } from '../../shared/member-name.ts';
import type { Subject } from '../../shared/replica/waits.ts';
import type { OfSession } from '../../shared/store/command.ts';
import { isSessionId, SESSIONS_MAX, type Session } from '../../shared/store/sessions.ts';
import type { Store } from '../../shared/store/store.ts';
import type { KnownSwarm } from '../swarm.ts';
import { answerJson, HttpError, isPretty, type Json, onlyMethods, printJson, queryOf } from './answer.ts';
import { readBody } from './body.ts';
import { listBody, newlineOfItems } from './kv-bodies.ts';
import type { LongReads } from './long-reads.ts';
import { refuseOtherDatacenter } from './query.ts';
import { type ReadOptions, whenReadable } from './read.ts';
import { readSession } from './session-body.ts';
import { answerUnapplied } from './unapplied.ts';

export interface SessionsOptions extends ReadOptions {
	readonly swarm: KnownSwarm;
	readonly longReads: LongReads;
	/** The shortest time-out that a session may have, milliseconds. */
	readonly ttlMinMs: number;
}

type Answer = (req: Request, res: Response, options: SessionsOptions) => Promise<void>;

const BODY_BYTES_MAX = 65_536;
/** More sessions are printed in pieces, as long reads are. */
const ANSWERED_AT_ONCE_MAX = 100;
const NS_PER_MS = 1_000_000;

const WRITES: Readonly<Record<string, Answer>> = {
	'/session/create': create,
	'/session/renew{/:id}': renew,
	'/session/destroy{/:id}': destroy,
};
const READS: Readonly<Record<string, Answer>> = {
	'/session/list': (req, res, options) =>
		answerSessions(req, res, options, {
			subject: { kind: 'sessions', name: '' },
			index: (store) => store.changeOfSessions,
			read: (store) => store.sessions(),
		}),
	'/session/info{/:id}': (req, res, options) => {
		const id = idOf(req);
		return answerSessions(req, res, options, {
			subject: { kind: 'session', name: id },
			index: (store) => store.changeOfSession(id),
			read: (store) => [store.session(id)].filter((each) => each !== undefined),
		});
	},
	'/session/node{/:node}': (req, res, options) => {
		const { node } = req.params;
		if (typeof node !== 'string' || node === '') throw new HttpError(400, 'Missing node name');
		return answerSessions(req, res, options, {
			subject: { kind: 'sessionsOf', name: node },
			index: (store) => store.changeOfSessionsOf(node),
			read: (store) => store.sessions().filter((each) => each.node === node),
		});
	},
};

/** Mounted at `/v1`. */
export function sessionsRoutes(options: SessionsOptions): Router {
	const routes = Router({ caseSensitive: true });
	const add = (paths: Readonly<Record<string, Answer>>, ...methods: readonly string[]): void => {
		for (const [path, answer] of Object.entries(paths)) {
			routes.all(path, onlyMethods(...methods), (req, res) => {
				refuseOtherDatacenter(queryOf(req), options.swarm.name);
				return answer(req, res, options);
			});
		}
	};
	add(WRITES, 'PUT');
	add(READS, 'GET', 'HEAD');
	return routes;
}

async function create(req: Request, res: Response, options: SessionsOptions): Promise<void> {
	const { service, swarm, ttlMinMs } = options;
	const names = swarm.members.map(({ id }) => nameOf(id));
	const attributes = readSession(await readBody(req, BODY_BYTES_MAX), {
		node: nameOf(service.view().id),
		ttlMinMs,
		isNode: (name) => names.includes(name),
	});
	const session = randomUUID();
	const isCreated = await submit(res, options, { kind: 'createSession', session, attributes });
	if (isCreated === null) return;
	if (!isCreated) throw new HttpError(500, `There are ${SESSIONS_MAX} sessions already, and no more can be created`);
	answerJson(res, { ID: session }, isPretty(req));
}

async function renew(req: Request, res: Response, options: SessionsOptions): Promise<void> {
	const session = idOf(req);
	const isThere = isSessionId(session) && (await submit(res, options, { kind: 'renewSession', session }));
	if (isThere === null) return;
	const found = isThere ? options.service.store.session(session) : undefined;
	if (!found) throw new HttpError(404, `Session id '${session}' not found`);
	answerJson(res, [sessionJson(found)], isPretty(req));
}

async function destroy(req: Request, res: Response, options: SessionsOptions): Promise<void> {
	const session = idOf(req);
	if (isSessionId(session)) {
		const isEnded = await submit(res, options, { kind: 'endSession', session, renewed: null });
		if (isEnded === null) return;
	}
	answerJson(res, true, isPretty(req));
}

function idOf(req: Request): string {
	const { id } = req.params;
	if (!id) throw new HttpError(400, 'Missing session');
	return String(id);
}

/** @returns whether its condition held; null where it was not applied, which is answered */
async function submit(
	res: Response,
	{ service, holdMs }: SessionsOptions,
	operation: OfSession,
): Promise<boolean | null> {
	const submitted = await service.submit(operation, { route: 'leader', contest: 0, timeoutMs: holdMs });
	if (submitted.outcome === 'chosen') return submitted.ok;
	answerUnapplied(res, submitted);
	return null;
}

/** A read of some of the sessions. */
interface SessionsRead {
	readonly subject: Subject;
	/** The revision of their last change; 0 for none. */
	index(store: Store): number;
	read(store: Store): readonly Session[];
}

async function answerSessions(
	req: Request,
	res: Response,
	options: SessionsOptions,
	{ subject, index, read }: SessionsRead,
): Promise<void> {
	const { store } = options.service;
	const setHeaders = await whenReadable(options, req, res, queryOf(req), subject);
	if (!setHeaders) return;
	setHeaders(Math.max(1, index(store)));
	const found = read(store);
	const pretty = isPretty(req);
	if (found.length <= ANSWERED_AT_ONCE_MAX) return answerJson(res, found.map(sessionJson), pretty);
	return options.longReads.answer(req, res, () => {
		res.setHeader('Content-Type', 'application/json; charset=utf-8');
		return listBody(printed(found, pretty), pretty);
	});
}

function* printed(sessions: readonly Session[], pretty: boolean): Iterable<string> {
	for (const session of sessions) yield printJson(sessionJson(session), newlineOfItems(pretty));
}

/** A session as the API tells it. It never changes, so it was last modified when it was created. */
function sessionJson({ id, name, node, lockDelayMs, behavior, ttlMs, createRevision }: Session): Json {
	return {
		ID: id,
		Name: name,
		Node: node,
		LockDelay: lockDelayMs * NS_PER_MS,
		Behavior: behavior,
		TTL: ttlMs === 0 ? '' : ttlMs % 1000 === 0 ? `${ttlMs / 1000}s` : `${ttlMs}ms`,
		NodeChecks: [],
		ServiceChecks: [],
		CreateIndex: createRevision,
		ModifyIndex: createRevision,
	};
}
