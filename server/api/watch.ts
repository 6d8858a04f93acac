/**
 * `GET /v1/watch/PREFIX`: every change below a prefix as server-sent events, from this node's own state. The replica
 * knows what is to be told; here is what belongs to HTTP: where a watch begins, its connection, and a sign of life.
 *
 * A watcher that reads slowly is sent no more than its connection holds, and goes on with what the history has when it
 * has taken that.
 */
import { type Request, type Response, Router } from 'express';
import type { Change } from '../../shared/replica/history.ts';
import type { Watch, WatchEnd, Watcher } from '../../shared/replica/watches.ts';
import type { ReplicaService } from '../replica/service.ts';
import { HttpError, onlyMethods, queryOf } from './answer.ts';
import type { Guard } from './guard.ts';
import type { HeldPlaces } from './held.ts';
import { keyOf } from './key-of-url.ts';
import { indexOf, refuseOtherDatacenter } from './query.ts';
import { ChangeEvents, endText, positionText } from './watch-events.ts';

export interface WatchOptions {
	readonly service: ReplicaService;
	readonly held: HeldPlaces;
	readonly datacenter: string;
	/** null where the swarm has no tokens. */
	readonly guard: Guard | null;
	/** The interval of the signs of life, milliseconds. A watcher that takes nothing for two of them is cut. */
	readonly beatMs?: number | undefined;
}

const BEAT_MS = 15_000;

/** Mounted at `/v1`. */
export function watchRoutes({ service, held, datacenter, guard, beatMs = BEAT_MS }: WatchOptions): Router {
	const streams = new Set<Stream>();
	const events = new ChangeEvents();
	let beat: NodeJS.Timeout | undefined;
	const routes = Router({ caseSensitive: true });
	routes.use('/watch', onlyMethods('GET'), (req, res) => {
		refuseOtherDatacenter(queryOf(req), datacenter);
		const prefix = keyOf(req.originalUrl, '/v1/watch', true);
		guard?.keys(req, { need: 'read', name: prefix, isPrefix: true });
		const after = beginningOf(req);
		held.take();
		const stream = new Stream(res, events);
		const watch = service.openWatch(prefix, after, stream);
		if (watch === null) {
			held.free();
			throw new HttpError(503, 'This node is going to stop.');
		}
		stream.begin(watch);
		streams.add(stream);
		beat ??= setInterval(() => {
			for (const each of streams) each.beat();
		}, beatMs).unref();
		whenLeft(req, res, () => {
			watch.close();
			held.free();
			streams.delete(stream);
			if (streams.size > 0) return;
			clearInterval(beat);
			beat = undefined;
		});
	});
	return routes;
}

/** The index that the watch begins behind; null to begin with the present state. */
function beginningOf(req: Request): number | null {
	// A page's EventSource comes back to the same URL, and says in this header how far it is.
	const last = req.get('Last-Event-ID');
	if (last) return indexOf(last, 'Last-Event-ID');
	const index = queryOf(req).get('index');
	return index ? indexOf(index, 'index') : null;
}

/** Calls `left` once, when the client is gone. One that has ended its side is mostly gone too, and its answer ends. */
function whenLeft(req: Request, res: Response, left: () => void): void {
	const { socket } = req;
	const end = (): void => {
		req.off('close', gone);
		res.off('close', end);
		socket.off('end', ends);
		left();
	};
	const ends = (): void => {
		end();
		res.end();
	};
	/** A response that never gets its turn on its connection is never closed, so the request has to tell. */
	const gone = (): void => {
		if (res.socket === null) end();
	};
	// Its side may have ended while the watch waited for the answer to an earlier request.
	if (socket.readableEnded) return ends();
	req.once('close', gone);
	res.once('close', end);
	socket.setMaxListeners(0);
	socket.once('end', ends);
}

/** One watcher's answer. */
class Stream implements Watcher {
	readonly #res: Response;
	readonly #events: ChangeEvents;
	#watch: Watch | undefined;
	#isFull = false;
	/** Whether it took nothing between the last two beats. */
	#isStalled = false;

	constructor(res: Response, events: ChangeEvents) {
		this.#res = res;
		this.#events = events;
	}

	begin(watch: Watch): void {
		this.#watch = watch;
		this.#res.writeHead(200, {
			'Content-Type': 'text/event-stream; charset=utf-8',
			'Cache-Control': 'no-store',
			// Asks nginx to pass the events on as they come.
			'X-Accel-Buffering': 'no',
			'X-Consul-Index': watch.position,
		});
		this.#res.on('drain', () => {
			this.#isFull = false;
			this.#isStalled = false;
			watch.resume();
		});
		this.#write(positionText(watch.position));
	}

	take(changes: readonly Change[]): void {
		this.#write(this.#events.of(changes));
	}

	ended(why: WatchEnd): void {
		this.#res.end(endText(why, this.#watch?.position ?? 0));
	}

	beat(): void {
		if (!this.#isFull && !this.#res.writableEnded) this.#write(positionText(this.#watch?.position ?? 0));
		else if (this.#isStalled) this.#res.destroy();
		else this.#isStalled = true;
	}

	#write(bytes: Buffer | string): void {
		if (this.#res.write(bytes)) return;
		this.#isFull = true;
		this.#watch?.pause();
	}
}
