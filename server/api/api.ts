/**
 * The HTTP API of a node: its routes, and the answers to errors. The front has decided which requests come here. The API
 * knows HTTP and the replica's service, and must never know the agent, the log or the mesh.
 */
import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import express, { type ErrorRequestHandler } from 'express';
import helmet from 'helmet';
import type { Tokens } from '../access/tokens.ts';
import { SESSION_TTL_MS_MIN } from '../config/schema.ts';
import type { Doors } from '../front/doors.ts';
import type { Lab } from '../lab/lab.ts';
import type { Handler, Metrics } from '../metrics/metrics.ts';
import type { LoopFigures } from '../process/loop-watch.ts';
import type { AnyService } from '../replica/service.ts';
import type { KnownSwarm } from '../swarm/swarm.ts';
import { type Fetch, fetchWith } from '../tls/fetch.ts';
import { answerNothing, answerText, HttpError } from './answer.ts';
import { BlockingReads } from './blocking.ts';
import { dashboardRoutes } from './dashboard.ts';
import { type DebugReport, debugRoutes } from './debug.ts';
import { Guard } from './guard.ts';
import { type HealthView, healthRoutes, readyChecks, readyFailing } from './health.ts';
import { HeldPlaces } from './held.ts';
import { takesNoKey } from './idempotency.ts';
import { pathOf } from './key-of-url.ts';
import { type Headers, isKv, isPlainWrite, kvHandler, setKvHeaders } from './kv.ts';
import { labRoutes } from './lab.ts';
import { leaderRoutes } from './leader.ts';
import { type LongReadLimits, LongReads } from './long-reads.ts';
import { membersRoutes } from './members.ts';
import { metricsRoutes } from './metrics.ts';
import { nodesRoutes } from './nodes.ts';
import { mayWait } from './query.ts';
import type { ReadOptions } from './read.ts';
import { sessionsRoutes } from './sessions.ts';
import { type SnapshotAnswerLimits, snapshotRoutes } from './snapshot.ts';
import { type CertificateView, statusRoutes } from './status.ts';
import { txnRoutes } from './txn.ts';
import { setOutcomeOfError } from './unapplied.ts';
import { watchRoutes } from './watch.ts';

export interface ApiOptions {
	/** Without keys there is no API for them. */
	readonly service: AnyService;
	readonly doors: Doors;
	/** null, which is the default, where the swarm has none: then everybody who reaches this node may use it. */
	readonly tokens?: Tokens | null;
	/** Its members are looked at for each request, because they change. */
	readonly swarm: KnownSwarm;
	readonly version: string;
	/** null where the node was started without `--lab`. */
	readonly lab?: Lab | null;
	/** The folder of the built page; null for none. */
	readonly dashboardDir: string | null;
	/** Whether the node is going to stop, and so is not ready any more, but still answers. */
	readonly isDraining: () => boolean;
	/** How far this node is behind its leader, milliseconds; Infinity where it never caught up: see `catch-up.ts`. */
	readonly lagMs: () => number;
	/** The longest steps of this process's event loop. */
	readonly loop: () => LoopFigures;
	/**
	 * The time limit of a proposal, milliseconds. It is longer than that of a write, because a duel takes many ballots.
	 */
	readonly proposeTimeoutMs?: number;
	readonly metrics: Metrics;
	/** The certificate of the node; null where it has none, which is the default. */
	readonly certificate?: CertificateView | null;
	/** By which nodes ask each other; that of Node.js by default. */
	readonly fetch?: Fetch;
	/** The answer of `/v1/debug`; without it there is none. */
	readonly debug?: () => DebugReport;
	/** The shortest time-out that a session may have, milliseconds; SESSION_TTL_MS_MIN by default. */
	readonly sessionTtlMinMs?: number;
	/** The bound on blocking reads that wait and watches, together. */
	readonly waitsMax: number;
	/** See `WatchOptions.beatMs`. */
	readonly watchBeatMs?: number;
	/** The bounds on answers that may be long; LONG_READ_LIMITS by default. */
	readonly longReadLimits?: LongReadLimits;
	/** The bounds on snapshots that are given out; SNAPSHOT_ANSWER_LIMITS by default. */
	readonly snapshotLimits?: SnapshotAnswerLimits | undefined;
	/** Is told of a handler's unexpected failure. The client only learns that there was one. */
	readonly onError?: (error: unknown) => void;
}

/** The time limit, milliseconds, of a read that waits for a leader and of a write that waits for its outcome. */
const HOLD_MS = 3000;
const PROPOSE_TIMEOUT_MS = 10_000;

export function createApi(options: ApiOptions): RequestListener {
	const { service, doors, swarm, version, loop, metrics, proposeTimeoutMs = PROPOSE_TIMEOUT_MS } = options;
	const { certificate = null } = options;
	const { sessionTtlMinMs = SESSION_TTL_MS_MIN, fetch = fetchWith(() => null) } = options;
	const app = express();
	app.set('etag', false);
	app.set('case sensitive routing', true);
	app.disable('x-powered-by');
	const holdMs = Math.min(HOLD_MS, proposeTimeoutMs);
	const guard = options.tokens ? new Guard(options.tokens) : null;
	if (guard !== null) {
		app.use((req, _res, next) => {
			guard.path(req);
			next();
		});
	}
	let kv: ReturnType<typeof kvHandler> | null = null;
	if (service.store !== null) {
		const held = new HeldPlaces(options.waitsMax);
		const reads: ReadOptions = { service, blocking: new BlockingReads(service, held), holdMs };
		const longReads = new LongReads({
			nowMs: () => performance.now(),
			revision: () => service.revision,
			...(options.longReadLimits && { limits: options.longReadLimits }),
		});
		app.use('/v1', sessionsRoutes({ ...reads, swarm, guard, longReads, ttlMinMs: sessionTtlMinMs }));
		app.use('/v1', txnRoutes({ service, datacenter: swarm.name, guard, holdMs }));
		app.use('/v1', takesNoKey);
		app.use('/v1', nodesRoutes({ ...reads, swarm, version, sessionTtlMinMs }));
		app.use('/v1', snapshotRoutes({ service, swarm, holdMs, limits: options.snapshotLimits }));
		app.use('/v1', watchRoutes({ service, held, datacenter: swarm.name, guard, beatMs: options.watchBeatMs }));
		kv = kvHandler({ ...reads, datacenter: swarm.name, guard, longReads });
	} else app.use('/v1', takesNoKey);
	app.use('/v1', statusRoutes({ service, swarm, guard, version, loop, certificate, proposeTimeoutMs }));
	app.use('/v1', leaderRoutes({ service, swarm, transferMs: holdMs, fetch }));
	app.use('/v1', labRoutes({ lab: options.lab ?? null, service, swarm }));
	app.use('/v1', membersRoutes({ service, swarm, changeMs: holdMs, fetch, isSecure: certificate !== null }));
	if (options.debug) app.use('/v1', debugRoutes(options.debug));
	app.use('/v1', (_req, res) => answerText(res, 404, 'Not supported by this swarm.'));
	const ready = readyChecks(certificate !== null);
	app.use(healthRoutes(ready, () => healthOf(options)));
	app.use(
		metricsRoutes(metrics, service, () => ({
			version,
			loop: loop(),
			failing: readyFailing(ready, healthOf(options)),
			certificateExpiresMs: certificate?.identity.expiresMs ?? null,
		})),
	);
	app.use(dashboardRoutes(options.dashboardDir));
	app.use((_req, res) => answerText(res, 404, 'Not found.'));
	app.use(((error, _req, res, _next) => answerError(res, error, options.onError)) satisfies ErrorRequestHandler);

	let sources = doors.connectSources;
	let pageHeaders = securityHeaders(sources);
	return (req, res) => {
		const ofKv = kv !== null && isKv(req.url as string);
		if (kv !== null && ofKv && isPlainWrite(req)) return answerKv(kv, req, res);
		if (ofKv) setKvHeaders(res);
		else {
			if (sources !== doors.connectSources) {
				sources = doors.connectSources;
				pageHeaders = securityHeaders(sources);
			}
			for (const [name, value] of pageHeaders) res.setHeader(name, value);
		}
		if (isPreflight(req, res)) return;
		if (kv !== null && ofKv) return answerKv(kv, req, res);
		const handler = handlerOf(req.url as string);
		if (handler !== null) {
			const begunMs = performance.now();
			res.once('close', () => served(handler, req, begunMs));
		}
		app(req, res);
	};

	function answerKv(kv: ReturnType<typeof kvHandler>, req: IncomingMessage, res: ServerResponse): void {
		const begunMs = performance.now();
		kv(req, res).then(
			() => served('kv', req, begunMs),
			(error) => {
				if (!res.headersSent) setKvHeaders(res);
				answerError(res, error, options.onError);
				served('kv', req, begunMs);
			},
		);
	}

	function served(handler: Handler, req: IncomingMessage, begunMs: number): void {
		if (!mayWait(req)) metrics.served(handler, req.method as string, begunMs);
	}
}

/** How requests of other paths than `/v1/kv` are counted; null for a stream, which has no duration of its own. */
function handlerOf(url: string): Handler | null {
	const path = pathOf(url);
	if (path === '/v1/txn') return 'txn';
	if (path.startsWith('/v1/session/')) return 'session';
	return path.startsWith('/v1/watch/') ? null : 'other';
}

function healthOf({ service, certificate = null, isDraining, lagMs }: ApiOptions): HealthView {
	const { leader, chosenThrough, appliedThrough, diskFault, stateFault } = service.view();
	return {
		leader: leader.node,
		chosenThrough,
		appliedThrough,
		lagMs: lagMs(),
		diskFault,
		stateFault,
		certificateFault: certificate?.fault() ?? null,
		isDraining: isDraining(),
		storeFault: () => (service.store?.get('') === undefined ? null : 'it holds a key without a name'),
	};
}

/** Lets the pages of all members use this node. @returns whether the request was a preflight, which is answered here */
function isPreflight(req: IncomingMessage, res: ServerResponse): boolean {
	res.setHeader('Vary', 'Origin');
	const { origin } = req.headers;
	if (origin === undefined) return false;
	res.setHeader('Access-Control-Allow-Origin', origin);
	res.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
	if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return false;
	res.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, PUT, POST, DELETE');
	res.setHeader(
		'Access-Control-Allow-Headers',
		'Content-Type, Authorization, X-Consul-Token, Idempotency-Key, Last-Event-ID',
	);
	res.setHeader('Access-Control-Max-Age', '600');
	answerNothing(res, 204);
	return true;
}

const EXPOSED_HEADERS = [
	'X-Consul-Index',
	'X-Consul-KnownLeader',
	'X-Consul-LastContact',
	'X-Consul-Effective-Consistency',
	'X-Swarm-Outcome',
	'X-Swarm-Refused',
].join(', ');

/**
 * The page may run its own files only, and connect to the members only. Headers that browsers heed over HTTPS only are
 * left out. The headers are the same for every request until the members change, so they are kept.
 */
function securityHeaders(connectSources: readonly string[]): Headers {
	const secure = helmet({
		contentSecurityPolicy: {
			useDefaults: false,
			directives: {
				defaultSrc: ["'none'"],
				scriptSrc: ["'self'"],
				workerSrc: ["'self'"],
				styleSrc: ["'self'"],
				imgSrc: ["'self'", 'data:'],
				fontSrc: ["'self'"],
				manifestSrc: ["'self'"],
				connectSrc: ["'self'", ...connectSources],
				baseUri: ["'none'"],
				formAction: ["'none'"],
				frameAncestors: ["'none'"],
			},
		},
		xFrameOptions: { action: 'deny' },
		crossOriginOpenerPolicy: false,
		originAgentCluster: false,
		strictTransportSecurity: false,
	});
	const response = new ServerResponse(new IncomingMessage(new Socket()));
	secure(response.req, response, () => undefined);
	return Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]);
}

/** Answers with an error. Where the answer has begun, its connection is cut instead. */
function answerError(res: ServerResponse, error: unknown, onError: ApiOptions['onError']): void {
	if (res.headersSent) {
		onError?.(error);
		return void res.destroy();
	}
	if (error instanceof HttpError) {
		if (error.endsConnection) {
			res.setHeader('Connection', 'close');
			res.once('finish', () => res.req.destroy());
		}
		if (error.status >= 500) setOutcomeOfError(res.req, res, true);
		return answerText(res, error.status, error.message);
	}
	const status = clientErrorOf(error);
	if (status !== null) return answerText(res, status, 'The request cannot be understood.');
	onError?.(error);
	setOutcomeOfError(res.req, res, false);
	answerText(res, 500, 'Something went wrong at this node; it is in its log.');
}

/** The status of an error that Express or its file server blames on the client; null for any other. */
function clientErrorOf(error: unknown): number | null {
	if (typeof error !== 'object' || error === null || !('status' in error)) return null;
	const { status } = error;
	return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}
