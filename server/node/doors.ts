/**
 * The doors of a running node: the HTTP API, the feed of the page and the WebSockets of clients; which of them takes a
 * request; and how clients are let go before the node stops.
 */
import type { RequestListener } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { CLIENT_PATH } from '../../shared/client/protocol.ts';
import { answerText } from '../api/answer.ts';
import { type ApiOptions, createApi } from '../api/api.ts';
import { watchCatchUp } from '../api/catch-up.ts';
import { runtimeFigures } from '../api/debug.ts';
import { ClientSockets } from '../client/sockets.ts';
import { FEED_PATH, Feed } from '../feed/feed.ts';
import { DRAIN_TIMINGS } from '../front/drain.ts';
import type { Front, UpgradeDoor } from '../front/front.ts';
import type { ConnectionLimits } from '../front/limits.ts';
import type { LastLines } from '../log/last-lines.ts';
import type { Reports } from '../log/reports.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { dashboardDir, packageVersion } from '../process/package.ts';
import { traceRequests } from '../tracing/requests.ts';
import { hostTracer } from '../tracing/tracer.ts';
import type { NodeOptions } from './options.ts';
import type { NodeReplica } from './replica.ts';

export interface NodeDoorsOptions
	extends Pick<NodeOptions, 'config' | 'tokens' | 'lastLog' | 'http'>,
		Pick<ApiOptions, 'doors' | 'swarm' | 'lab' | 'loop' | 'metrics' | 'certificate' | 'fetch' | 'isDraining'> {
	/** The node's id. */
	readonly id: string;
	readonly replica: NodeReplica;
	readonly mesh: Mesh;
	readonly descriptors: number;
	readonly limits: ConnectionLimits;
	/** What operators were told, for `/v1/debug`. */
	readonly lastFacts: LastLines;
	readonly reports: Reports;
}

export interface NodeDoors {
	/** Asks another node to lead, and lets the clients go without losing their answers. */
	drain(): Promise<void>;
	close(): Promise<void>;
}

/** Opens the doors on the front of the node. */
export function openNodeDoors(front: Pick<Front, 'open' | 'drain'>, options: NodeDoorsOptions): NodeDoors {
	const { id, replica, mesh, config, tokens = null, http = true, reports } = options;
	const catchUp = watchCatchUp(replica);
	const api = createApi({
		...options,
		service: replica,
		version: packageVersion,
		dashboardDir,
		proposeTimeoutMs: config.timings.requestMs,
		sessionTtlMinMs: config.timings.sessionTtlMinMs,
		lagMs: catchUp.lagMs,
		waitsMax: options.limits.waitsMax,
		debug: () => ({
			node: id,
			version: packageVersion,
			runtime: runtimeFigures(),
			config,
			descriptors: options.descriptors,
			limits: options.limits,
			facts: options.lastFacts.lines,
			log: options.lastLog?.lines ?? null,
		}),
		onError: (error) => reports.failed(error, 'a request failed'),
	});
	const feed = new Feed({
		service: replica,
		tokens,
		proposeTimeoutMs: config.timings.requestMs,
		places: options.limits,
		malformed: (from, why) => reports.refused('feed', from, why),
	});
	const clients = replica.clients && new ClientSockets(replica.clients, tokens);

	const upgrades = new Map<string, UpgradeDoor>([
		['/mesh', { name: 'mesh', handleUpgrade: mesh.handleUpgrade.bind(mesh) }],
	]);
	if (http) upgrades.set(FEED_PATH, { name: 'feed', handleUpgrade: feed.handleUpgrade.bind(feed) });
	if (http && clients) {
		upgrades.set(CLIENT_PATH, { name: 'client', handleUpgrade: clients.handleUpgrade.bind(clients) });
	}
	const listener: RequestListener = (request, response) =>
		request.url?.startsWith(FEED_PATH) ? feed.handleRequest(request, response) : api(request, response);
	const tracer = hostTracer();
	const traced = tracer === null ? listener : traceRequests(tracer, id, listener);
	front.open({
		request: http ? traced : (_request, response) => answerText(response, 404, 'Not found.'),
		upgrade: (path) => upgrades.get(path) ?? null,
	});

	return {
		drain: async () => {
			// Another node leads long before the clients are let go, and this one passes on what it is asked.
			replica.leave();
			await setTimeout(DRAIN_TIMINGS.unreadyMs);
			const { answersMs } = DRAIN_TIMINGS;
			const frontDrained = front.drain();
			// Their answers already say that they are the last ones on their connections, so nobody asks again here.
			replica.endWaits();
			const feedDrained = feed.drain(answersMs).then(() => feed.close());
			await Promise.all([frontDrained, feedDrained, clients?.drain(answersMs).then(() => clients.close())]);
		},
		close: async () => {
			catchUp.stop();
			await clients?.close();
			await feed.close();
		},
	};
}
