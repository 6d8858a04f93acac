/**
 * Blocking reads while they wait. The replica knows what changes; here is what belongs to HTTP: a client that goes away
 * ends its wait, and each takes a place, because its connection is kept for it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Subject } from '../../shared/replica/waits.ts';
import { Turns } from '../process/turns.ts';
import type { ReplicaService } from '../replica/service.ts';
import type { HeldPlaces } from './held.ts';
import type { Blocking } from './query.ts';

/** `now`: there was nothing to wait for. `waited`: the read is to be answered now. `gone`: nobody can be answered. */
export type WaitEnd = 'now' | 'waited' | 'gone';

/** So many reads that have waited are answered in one turn of the event loop. One write may end the waits of thousands. */
const ANSWERED_AT_ONCE_MAX = 128;

export class BlockingReads {
	readonly #service: Pick<ReplicaService, 'whenChanged'>;
	readonly #held: HeldPlaces;
	readonly #turns = new Turns(ANSWERED_AT_ONCE_MAX);

	constructor(service: Pick<ReplicaService, 'whenChanged'>, held: HeldPlaces) {
		this.#service = service;
		this.#held = held;
	}

	/** @throws HttpError 503 where there is no place for one more read that waits */
	wait(req: IncomingMessage, res: ServerResponse, subject: Subject, { after, waitMs }: Blocking): Promise<WaitEnd> {
		const { socket } = req;
		if (socket.destroyed) return Promise.resolve('gone');
		if (socket.readableEnded) return Promise.resolve('now');
		return new Promise((resolve, reject) => {
			const giveUp = this.#service.whenChanged(subject, after, waitMs, () => end('waited'));
			if (giveUp === null) return resolve('now');
			try {
				this.#held.take();
			} catch (error) {
				giveUp();
				return reject(error);
			}
			// A response that never gets its turn on its connection is never closed, so the request has to tell.
			req.once('close', gone);
			res.once('close', gone);
			// Each request that was sent ahead on the connection may wait, and listens.
			socket.setMaxListeners(0);
			socket.once('end', leaving);

			const end = (how: WaitEnd): void => {
				this.#held.free();
				req.off('close', gone);
				res.off('close', gone);
				socket.off('end', leaving);
				if (how === 'waited') this.#turns.run(() => resolve(how));
				else resolve(how);
			};

			function gone(): void {
				giveUp?.();
				end('gone');
			}

			/** A client that has ended its side is mostly gone. One that still reads takes the present state. */
			function leaving(): void {
				giveUp?.();
				end('waited');
			}
		});
	}
}
