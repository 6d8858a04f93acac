/**
 * Gives out a snapshot of the whole state, from which a new swarm can be made. It is the file of this node's own snapshot,
 * written first where it is older than the request, and read from the disk part by part. So neither a slow reader nor a
 * large state costs memory, and the log is trimmed meanwhile as ever.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Request, type Response, Router } from 'express';
import { type BackupLabel, encodeLabel } from '../backup/file.ts';
import type { OpenSnapshot, ReplicaService } from '../replica/service.ts';
import { answerText, HttpError, isGone, isSet, onlyMethods, queryOf } from './answer.ts';

export interface SnapshotOptions {
	readonly service: ReplicaService;
	readonly swarm: { readonly name: string; readonly id: string };
	/** The leader has so long to confirm that this node has everything, milliseconds. */
	readonly holdMs: number;
	readonly limits?: SnapshotAnswerLimits | undefined;
}

export interface SnapshotAnswerLimits {
	/** So many snapshots are given out at once. Each may keep the file of an older one on the disk. */
	readonly readersMax: number;
	/** The part that is read at once, bytes. */
	readonly partBytes: number;
	/** A reader that takes nothing for so long is cut off, milliseconds. */
	readonly stalledMs: number;
	/** While the node writes its snapshot, the client is told at this interval that it lives, milliseconds. */
	readonly aliveEveryMs: number;
}

export const SNAPSHOT_ANSWER_LIMITS: SnapshotAnswerLimits = {
	readersMax: 2,
	partBytes: 256 * 1024,
	stalledMs: 30_000,
	aliveEveryMs: 1000,
};

/** After a part was read, so many times as long goes to other work, up to a bound in milliseconds. */
const PAUSE_FACTOR = 2;
const PAUSE_MS_MAX = 50;

/** Mounted at `/v1`. */
export function snapshotRoutes(options: SnapshotOptions): Router {
	const limits = options.limits ?? SNAPSHOT_ANSWER_LIMITS;
	let readers = 0;
	const routes = Router({ caseSensitive: true });
	routes.all('/snapshot', onlyMethods('GET'), async (req, res) => {
		if (readers >= limits.readersMax) {
			throw new HttpError(503, `This node gives out ${readers} snapshots already. Ask another node, or later.`);
		}
		readers++;
		try {
			await answerSnapshot(req, res, options, limits);
		} finally {
			readers--;
		}
	});
	return routes;
}

async function answerSnapshot(
	req: Request,
	res: Response,
	{ service, swarm, holdMs }: SnapshotOptions,
	limits: SnapshotAnswerLimits,
): Promise<void> {
	const isStale = isSet(queryOf(req), 'stale');
	if (!isStale && !(await service.readBarrier(holdMs))) {
		const text = 'No leader has confirmed in time that this node has everything. With ?stale it gives what it has.';
		return answerText(res, 503, text);
	}
	const snapshot = await opened(service, res, limits.aliveEveryMs);
	if (typeof snapshot === 'string') {
		throw new HttpError(503, `${service.view().id} gives out no snapshot now: ${snapshot}.`);
	}
	try {
		const { through, bytes, sum } = snapshot.note;
		const label: BackupLabel = {
			name: swarm.name,
			swarm: swarm.id,
			node: service.view().id,
			takenAt: new Date().toISOString(),
			isLinearizable: !isStale,
			through,
			bytes,
			sum,
		};
		if (!isGone(req, res)) await send(res, encodeLabel(label), snapshot, limits);
	} finally {
		snapshot.close();
	}
}

async function opened(service: ReplicaService, res: Response, aliveEveryMs: number): Promise<OpenSnapshot | string> {
	const timer = setInterval(() => {
		if (res.req.httpVersionMinor > 0) res.writeProcessing();
	}, aliveEveryMs);
	try {
		return await service.openSnapshot();
	} finally {
		clearInterval(timer);
	}
}

/** Ends early where the reader is gone. Where the file cannot be read on, the connection is cut. */
async function send(
	res: Response,
	label: Uint8Array,
	snapshot: OpenSnapshot,
	{ partBytes, stalledMs }: SnapshotAnswerLimits,
): Promise<void> {
	const { bytes } = snapshot.note;
	res.setHeader('Content-Type', 'application/octet-stream');
	res.setHeader('Content-Length', label.length + bytes);
	res.setHeader('Cache-Control', 'no-store');
	res.write(label);
	for (let offset = 0; offset < bytes; ) {
		const startedMs = performance.now();
		const part = await snapshot.read({ offset, bytes: Math.min(partBytes, bytes - offset) });
		if (part.length === 0) throw new Error(`its snapshot through slot ${snapshot.note.through} ends at byte ${offset}`);
		if (isGone(res.req, res)) return;
		offset += part.length;
		const isTaken = res.write(part);
		await pause(Math.min(PAUSE_MS_MAX, PAUSE_FACTOR * (performance.now() - startedMs)));
		if (!isTaken) await taken(res, stalledMs);
		if (isGone(res.req, res)) return;
	}
	res.end();
}

/** Resolves when the reader has taken what was written, or is gone. It is cut off where it takes nothing. */
function taken(res: Response, stalledMs: number): Promise<void> {
	return new Promise((resolve) => {
		const { req } = res;
		if (isGone(req, res) || !res.writableNeedDrain) return resolve();
		const end = (): void => {
			clearTimeout(timer);
			res.off('drain', end);
			res.off('close', end);
			req.off('close', gone);
			resolve();
		};
		const gone = (): void => {
			if (isGone(req, res)) end();
		};
		const timer = setTimeout(() => {
			res.destroy();
			end();
		}, stalledMs);
		res.on('drain', end);
		res.on('close', end);
		req.on('close', gone);
	});
}
