/**
 * The requests of watchers: `propose`, `resync` and `list`. Every event is checked, because it may hold anything. One
 * that is not valid is refused where it has an acknowledgement, and told as malformed; it never throws. A watcher that
 * sends too many of them is disconnected.
 */
import type { Socket } from 'socket.io';
import { hasUtf8Form } from '../../shared/bytes/text.ts';
import type { EntriesBelow, ProposeAnswer, ServerToWatcher, WatcherToServer } from '../../shared/feed.ts';
import { entriesBelow } from '../../shared/replica/view.ts';
import { KEY_BYTES_MAX } from '../../shared/store/key.ts';
import { propose, readProposeRequest } from '../replica/propose.ts';
import type { AnyService } from '../replica/service.ts';

export interface RequestOptions {
	readonly service: AnyService;
	readonly proposeTimeoutMs: number;
	/** The proposals of all watchers that are not answered yet. */
	readonly unanswered: Set<Promise<void>>;
	/** Whether the node is about to stop, and takes no more proposals. */
	isClosing(): boolean;
	resync(): void;
	malformed(from: string, why: string): void;
}

/** The bound on one watcher's proposals without an answer. */
export const PROPOSALS_IN_FLIGHT_MAX = 32;
/** The bound on one watcher's malformed requests in all. */
export const MALFORMED_MAX = 16;
/** The bound on requests in a row from a watcher that does not read. */
const UNREAD_MAX = 256;
/** The bound on lists for a watcher that does not read. Each may have some 450 KB. */
export const LISTS_UNREAD_MAX = 4;
const WHY_CHARS_MAX = 500;

/** Serves one watcher until it is gone. */
export function serveRequests(socket: Socket<WatcherToServer, ServerToWatcher>, options: RequestOptions): void {
	const { service } = options;
	let malformed = 0;
	let inFlight = 0;
	let unread = 0;

	socket.onAny((event: unknown, ...args: unknown[]) => {
		unread = socket.conn.transport.writable ? 0 : unread + 1;
		if (unread > UNREAD_MAX) return disconnect('it sends and does not read');
		switch (event) {
			case 'propose':
				return onPropose(args);
			case 'resync':
				return args.length === 0 ? options.resync() : refuse('resync takes no argument', args);
			case 'list':
				return onList(args);
			default:
				return refuse(`unknown event ${JSON.stringify(event)?.slice(0, WHY_CHARS_MAX)}`, args);
		}
	});
	// A watcher may also send an event called `error`, with anything in it.
	socket.on('error', (error: unknown) => {
		if (error instanceof Error) complain(`a packet that does not parse: ${error.message}`);
	});

	function onPropose(args: unknown[]): void {
		const [request, answer] = args;
		if (!isAnswer(answer) || args.length !== 2) return refuse('propose takes a request and an acknowledgement', args);
		const read = readProposeRequest(request);
		if (typeof read === 'string') {
			// It is told, but does not count as malformed, because people may type keys that are too long.
			const why = read.slice(0, WHY_CHARS_MAX);
			options.malformed(socket.handshake.address, `propose: ${why}`);
			return answer(refused(why));
		}
		if (inFlight >= PROPOSALS_IN_FLIGHT_MAX) {
			return answer(refused(`${PROPOSALS_IN_FLIGHT_MAX} proposals of this connection still wait for their answers`));
		}
		if (options.isClosing()) return answer(refused('this node is about to stop'));
		if (service.store === null) return answer(refused('this node keeps no keys: its own program proposes'));
		inFlight++;
		const answered = propose(service, read, options.proposeTimeoutMs).then((outcome) => {
			inFlight--;
			options.unanswered.delete(answered);
			answer(outcome);
		});
		options.unanswered.add(answered);
	}

	function onList(args: unknown[]): void {
		const [prefix, answer] = args;
		if (!isAnswer<EntriesBelow | null>(answer) || args.length !== 2) {
			return refuse('list takes a prefix and an acknowledgement', args);
		}
		if (typeof prefix !== 'string' || prefix.length > KEY_BYTES_MAX || !hasUtf8Form(prefix)) {
			complain('list: no key can begin like that');
			return answer(null);
		}
		answer(service.store && unread < LISTS_UNREAD_MAX ? entriesBelow(service.store, prefix) : null);
	}

	function refuse(why: string, args: unknown[]): void {
		const last = args.at(-1);
		if (isAnswer(last)) last(refused(why));
		complain(why);
	}

	function complain(why: string): void {
		options.malformed(socket.handshake.address, why);
		malformed++;
		if (malformed >= MALFORMED_MAX) disconnect(`${malformed} malformed requests`);
	}

	function disconnect(why: string): void {
		if (!socket.connected) return;
		options.malformed(socket.handshake.address, `disconnected: ${why}`);
		socket.disconnect(true);
	}
}

/** Whether it is an acknowledgement. JSON has no functions, so a function can be nothing else. */
function isAnswer<Answer = ProposeAnswer>(argument: unknown): argument is (answer: Answer) => void {
	return typeof argument === 'function';
}

function refused(why: string): ProposeAnswer {
	return { outcome: 'refused', why, attempts: [] };
}
