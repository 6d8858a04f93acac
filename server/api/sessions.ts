/**
 * `/v1/session`: sessions, for which clients hold keys. They are created, renewed and ended at any node, each by one
 * command, and read as keys are.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import { nameOf } from '../../shared/member-name.ts';
import type { Subject } from '../../shared/replica/waits.ts';
import type { OfSession } from '../../shared/store/command.ts';
import { isSessionId, SESSIONS_MAX, type Session, type SessionAttributes } from '../../shared/store/sessions.ts';
import type { Store } from '../../shared/store/store.ts';
import type { KnownSwarm } from '../swarm/swarm.ts';
import { answerJson, HttpError, isPretty, type Json, onlyMethods, printJson, queryOf } from './answer.ts';
import { readBody } from './body.ts';
import type { Guard } from './guard.ts';
import { nameOfRequest, submitNamed, submitWrite, type Written } from './idempotency.ts';
import { listBody, newlineOfItems } from './kv-bodies.ts';
import type { LongReads } from './long-reads.ts';
import { refuseOtherDatacenter } from './query.ts';
import { type ReadOptions, whenReadable } from './read.ts';
import { readSession } from './session-body.ts';
import { answerUnapplied, setNotTaken } from './unapplied.ts';

export interface SessionsOptions extends ReadOptions {
	readonly swarm: KnownSwarm;
	/** null where the swarm has no tokens. */
	readonly guard: Guard | null;
	readonly longReads: LongReads;
	/** The shortest time-out that a session may have, milliseconds. */
	readonly ttlMinMs: number;
}

type Answer = (req: Request, res: Response, options: SessionsOptions) => Promise<void>;

const BODY_BYTES_MAX = 65_536;
/** More sessions are printed in pieces, as long reads are. */
const ANSWERED_AT_ONCE_MAX = 100;
const NS_PER_MS = 1_000_000;
/** Requests that name a session have none, and one that is sent is not looked at. */
const NO_BODY = new Uint8Array(0);

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
	const body = await readBody(req, BODY_BYTES_MAX);
	const attributes = readSession(body, {
		node: nameOf(service.view().id),
		ttlMinMs,
		isNode: (name) => names.includes(name),
	});
	const created = await createFor(req, res, options, body, attributes);
	const isCreated = whetherWritten(res, created);
	if (isCreated === null) return;
	if (!isCreated) throw new HttpError(500, `There are ${SESSIONS_MAX} sessions already, and no more can be created`);
	answerJson(res, { ID: created.session }, isPretty(req));
}

async function renew(req: Request, res: Response, options: SessionsOptions): Promise<void> {
	const session = idOf(req);
	const isThere = isSessionId(session) && (await submit(req, res, options, { kind: 'renewSession', session }));
	if (isThere === null) return;
	const found = isThere ? options.service.store.session(session) : undefined;
	if (!found) throw new HttpError(404, `Session id '${session}' not found`);
	answerJson(res, [sessionJson(found)], isPretty(req));
}

async function destroy(req: Request, res: Response, options: SessionsOptions): Promise<void> {
	const session = idOf(req);
	if (isSessionId(session)) {
		const end: OfSession = { kind: 'endSession', session, renewed: null };
		if (options.guard !== null) await mayEnd(req, res, end, options.guard, options);
		const isEnded = await submit(req, res, options, end);
		if (isEnded === null) return;
	}
	answerJson(res, true, isPretty(req));
}

/** Looks at the keys that the session holds, when this node has all that was acknowledged. */
async function mayEnd(
	req: Request,
	res: Response,
	end: OfSession,
	guard: Guard,
	{ service, holdMs }: SessionsOptions,
): Promise<void> {
	if (!(await service.readBarrier(holdMs))) {
		setNotTaken(req, res, 'noLeader');
		throw new HttpError(500, 'No cluster leader');
	}
	guard.operations(req, [end], (session) => service.store.keysHeldBy(session));
}

/** Creates a session. A request with a name that is repeated has the session that its first copy has created. */
async function createFor(
	req: Request,
	res: Response,
	options: SessionsOptions,
	body: Uint8Array,
	attributes: SessionAttributes,
): Promise<Written & { readonly session: string }> {
	const commandOf = (session: string) => ({ kind: 'createSession', session, attributes }) as const;
	const name = nameOfRequest(req, body);
	if (name === null) {
		const session = randomUUID();
		return { ...(await submitWrite(options, req, res, body, commandOf(session))), session };
	}
	const idFor = (registered: number) => sessionOf(name.name, registered);
	const named = { ...name, isTransaction: false, timeoutMs: options.holdMs };
	const operations = (registered: number) => [commandOf(idFor(registered))];
	const written = await submitNamed(options.service, res, { ...named, operations }, () => undefined);
	return { ...written, session: written.outcome === 'chosen' ? idFor(written.registered) : '' };
}

/**
 * The id of the session that the request with this name creates: every copy of it makes the same, and no other request
 * does, because no two registrations have one revision.
 *
 * @source RFC 9562, 5.8 (UUID version 8)
 */
function sessionOf(name: string, registered: number): string {
	const bytes = createHash('sha256').update(`${name} ${registered}`).digest();
	bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
	bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
	const [a, b, c, d, e] = [0, 8, 12, 16, 20, 32].map((from, at, all) => bytes.toString('hex').slice(from, all[at + 1]));
	return `${a}-${b}-${c}-${d}-${e}`;
}

function idOf(req: Request): string {
	const { id } = req.params;
	if (!id) throw new HttpError(400, 'Missing session');
	return String(id);
}

/** @returns as `whetherWritten` */
async function submit(
	req: Request,
	res: Response,
	options: SessionsOptions,
	operation: OfSession,
): Promise<boolean | null> {
	return whetherWritten(res, await submitWrite(options, req, res, NO_BODY, operation));
}

/** @returns whether the condition held; null where the write was not applied, which is answered */
function whetherWritten(res: Response, written: Written): boolean | null {
	if (written.outcome === 'chosen') return written.ok;
	answerUnapplied(res, written);
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
	const readable = await whenReadable(options, req, res, queryOf(req), subject);
	if (!readable) return;
	const look = (): readonly Session[] => {
		readable.setHeaders(Math.max(1, index(store)));
		return read(store);
	};
	const found = look();
	const pretty = isPretty(req);
	if (found.length <= ANSWERED_AT_ONCE_MAX) return answerJson(res, found.map(sessionJson), pretty);
	return options.longReads.answer(req, res, () => {
		const again = readable.again();
		if (again !== null) return again;
		res.setHeader('Content-Type', 'application/json; charset=utf-8');
		return listBody(printed(look(), pretty), pretty);
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
