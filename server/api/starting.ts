/**
 * Answers requests while a node reads its log: the node is alive, is not ready and tells its progress, and no request
 * is carried out. It does not use the store, which is not whole yet.
 */
import type { RequestListener } from 'node:http';
import express from 'express';
import { describeStart, type StartProgress } from '../replica/memory.ts';
import { answerJson, answerText } from './answer.ts';
import { LIVE_AT_START, probeRoutes } from './health.ts';
import { setNotTaken } from './unapplied.ts';

/** The answer of `GET /v1/swarm`, with status 503. */
export interface StartingStatus {
	readonly name: string;
	readonly id: string;
	/** The node that answers. */
	readonly node: string;
	/** Its progress, for people. */
	readonly starting: string;
}

/** Clients of Consul ask again after 500, and not after 503. */
const isOfApi = (path: string): boolean => path.startsWith('/v1/');

export function startingApi(
	swarm: Pick<StartingStatus, 'name' | 'id' | 'node'>,
	progress: () => StartProgress,
): RequestListener {
	const { name, id, node } = swarm;
	const app = express();
	app.set('etag', false);
	app.disable('x-powered-by');
	app.use(probeRoutes({ livez: LIVE_AT_START, readyz: { log: describeStart } }, progress));
	app.use((req, res) => {
		res.set({ 'Retry-After': '1', 'Cache-Control': 'no-store' });
		setNotTaken(req, res, 'noLeader');
		const starting = describeStart(progress());
		const status: StartingStatus = { name, id, node, starting };
		if (req.path === '/v1/swarm') answerJson(res, status, false, 503);
		else answerText(res, isOfApi(req.path) ? 500 : 503, `No cluster leader: this node starts (${starting}).`);
	});
	return app;
}
