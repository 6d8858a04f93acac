/**
 * Answers that may be long. A node makes them in pieces, each when the reader has taken the one before, so that neither
 * the time of a step nor the memory grows with the length of the answer.
 *
 * All long reads of a node share one budget of time. While writes are applied it is a fraction of the processor's
 * time, so that writers keep most of their pace; else readers have all of it, in slices. Reads above a bound wait in
 * line, and those above the bound of the line are refused. A reader that takes no piece for long, or that keeps its
 * answer waiting for long in all, is cut off.
 *
 * It must never know the contents of the answers.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError, isGone } from './answer.ts';

/** An answer that is being made. */
export interface LongAnswer {
	/** The next piece of the body, of `PIECE_BYTES` or not much more. */
	next(): string | Uint8Array;
	/** Whether the last piece was made. */
	readonly isDone: boolean;
	/** Whether the state that it shows is not kept any more, so that it cannot be finished. */
	readonly isLost: boolean;
	/** Called once, after the last piece or when the reader is gone. */
	close(): void;
}

/**
 * Sets status and headers, and begins an answer that shows the present state. It is called when the read has its turn.
 *
 * @returns null where it has sent the whole answer itself; a promise where the present state must not be shown before it
 * resolves. Then the read waits for another turn
 * @throws HttpError for the client
 */
export type Begin = () => LongAnswer | Promise<void> | null;

export interface LongReadLimits {
	/** The number of answers that are made or taken at once. */
	readonly readersMax: number;
	/** The number of further reads that wait in line, and how long a read waits there, milliseconds. */
	readonly lineMax: number;
	readonly lineMs: number;
	/** How long an answer may wait for its reader at a time, and in all, milliseconds. */
	readonly stalledMs: number;
	readonly stalledTotalMs: number;
	/** The length of one slice of time, milliseconds. Between two slices the event loop handles what else is ready. */
	readonly sliceMs: number;
	/** The readers' share of the time while writes are applied, from 0 to 1. */
	readonly shareOfWrites: number;
}

export const LONG_READ_LIMITS: LongReadLimits = {
	readersMax: 128,
	lineMax: 1024,
	lineMs: 30_000,
	stalledMs: 10_000,
	stalledTotalMs: 120_000,
	sliceMs: 1,
	shareOfWrites: 0.25,
};

export interface LongReadOptions {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** The store's revision, which grows while writes are applied. */
	revision(): number;
	readonly limits?: LongReadLimits;
}

/** Longer answers are made in pieces of about this size, without a Content-Length unless it is known before. */
export const PIECE_BYTES = 65_536;
/** Readers have the smaller share for this long after a write. */
const WRITES_MS = 100;
/** The interval at which stalled readers are looked for. */
const WATCH_EVERY_MS = 500;

/**
 * `ahead`: it may not wait in line yet, such as while earlier requests on its connection are not answered. `line`: it waits for its beginning. `ready`: its
 * next piece may be made. `taking`: its reader has to take a piece first.
 */
type Phase = 'ahead' | 'line' | 'ready' | 'taking' | 'ended';

interface Reading {
	readonly res: ServerResponse;
	readonly begin: Begin;
	readonly settle: (error: unknown) => void;
	phase: Phase;
	/** The time at which it entered its phase. */
	sinceMs: number;
	stalledTotalMs: number;
	answer: LongAnswer | null;
	/** Whether its last piece was made. */
	isMade: boolean;
}

export class LongReads {
	readonly #nowMs: () => number;
	readonly #revision: () => number;
	readonly #limits: LongReadLimits;
	/** Reads that wait for their beginning, in the order in which they came. */
	#line: Reading[] = [];
	/** Reads whose next piece may be made. The one whose last piece is the oldest comes first. */
	#ready: Reading[] = [];
	readonly #begun = new Set<Reading>();
	/** The time that readers may use now. It grows with time, up to a slice. */
	#budgetMs: number;
	#budgetAtMs: number;
	/** By how much the budget grows with each millisecond. */
	#share = 1;
	#revisionSeen: number;
	#writtenAtMs = Number.NEGATIVE_INFINITY;
	#isTurnAsked = false;
	#watch: NodeJS.Timeout | undefined;

	constructor({ nowMs, revision, limits = LONG_READ_LIMITS }: LongReadOptions) {
		this.#nowMs = nowMs;
		this.#revision = revision;
		this.#limits = limits;
		this.#budgetMs = limits.sliceMs;
		this.#budgetAtMs = nowMs();
		this.#revisionSeen = revision();
	}

	/** Resolves when the answer was sent or its reader is gone. Rejects with the error that is to be answered instead. */
	answer(req: IncomingMessage, res: ServerResponse, begin: Begin): Promise<void> {
		return new Promise((resolve, reject) => {
			// Its reader may have gone while a leader confirmed the read, and is not told of again.
			if (isGone(req, res)) return resolve();
			const settle = (error: unknown): void => (error === null ? resolve() : reject(error));
			const sinceMs = this.#nowMs();
			const state = { phase: 'ahead', sinceMs, stalledTotalMs: 0, answer: null, isMade: false } as const;
			const reading: Reading = { res, begin, settle, ...state };
			res.once('close', () => this.#end(reading, null));
			res.on('drain', () => this.#taken(reading));
			if (res.socket !== null) return this.#lineUp(reading);
			res.once('socket', () => this.#lineUp(reading));
			// A response that never gets its turn on the connection is never closed, so the request has to tell.
			req.once('close', () => {
				if (reading.phase === 'ahead') this.#end(reading, null);
			});
		});
	}

	#lineUp(reading: Reading): void {
		if (reading.phase !== 'ahead') return;
		if (this.#line.length >= this.#limits.lineMax) return this.#end(reading, tooMany(this.#limits));
		this.#enter(reading, 'line');
		this.#line.push(reading);
		this.#watch ??= setInterval(() => this.#endSlow(), WATCH_EVERY_MS).unref();
		if (!this.#isTurnAsked) this.#turn();
	}

	#turn(): void {
		this.#refill();
		if (this.#runSlice()) this.#askTurn();
	}

	/** Asks for the next slice, in a later turn of the event loop. */
	#askTurn(): void {
		if (this.#isTurnAsked) return;
		this.#isTurnAsked = true;
		this.#refill();
		const turn = (): void => {
			this.#isTurnAsked = false;
			this.#turn();
		};
		if (this.#budgetMs > 0) setImmediate(turn);
		else setTimeout(turn, Math.ceil(-this.#budgetMs / this.#share));
	}

	#refill(): void {
		const nowMs = this.#nowMs();
		const revision = this.#revision();
		if (revision !== this.#revisionSeen) this.#writtenAtMs = nowMs;
		this.#revisionSeen = revision;
		const { sliceMs, shareOfWrites } = this.#limits;
		this.#share = nowMs - this.#writtenAtMs < WRITES_MS ? shareOfWrites : 1;
		this.#budgetMs = Math.min(sliceMs, this.#budgetMs + (nowMs - this.#budgetAtMs) * this.#share);
		this.#budgetAtMs = nowMs;
	}

	/** Makes pieces for one slice. @returns whether there was work for it */
	#runSlice(): boolean {
		const startMs = this.#nowMs();
		let nowMs = startMs;
		let hasWork = this.#hasWork;
		while (this.#hasWork && this.#budgetMs > 0 && nowMs - startMs < this.#limits.sliceMs) {
			hasWork = true;
			const reading = this.#next();
			try {
				this.#makePiece(reading);
			} catch (error) {
				this.#end(reading, error);
			}
			this.#budgetMs -= this.#nowMs() - nowMs;
			nowMs = this.#nowMs();
		}
		return hasWork;
	}

	get #hasWork(): boolean {
		return this.#ready.length > 0 || this.#mayBegin;
	}

	get #mayBegin(): boolean {
		return this.#line.length > 0 && this.#begun.size < this.#limits.readersMax;
	}

	/** Reads in line come first, because the first piece is often the whole answer. */
	#next(): Reading {
		return (this.#mayBegin ? this.#line.shift() : this.#ready.shift()) as Reading;
	}

	#makePiece(reading: Reading): void {
		if (reading.phase === 'line') {
			this.#enter(reading, 'ahead');
			const begun = reading.begin();
			if (begun instanceof Promise) {
				begun.then(
					() => this.#lineUp(reading),
					(error) => this.#end(reading, error),
				);
				return;
			}
			this.#enter(reading, 'ready');
			reading.answer = begun;
			if (begun !== null) this.#begun.add(reading);
		}
		const { res, answer } = reading;
		if (!answer) return this.#end(reading, null);
		const piece = answer.next();
		if (answer.isLost) return this.#cut(reading);
		// The answer to HEAD has no body, so no further piece is made.
		if (answer.isDone || res.req.method === 'HEAD') return this.#endWith(reading, piece, answer);
		const isTaken = res.write(piece);
		this.#enter(reading, isTaken ? 'ready' : 'taking');
		if (isTaken) this.#ready.push(reading);
	}

	/** Sends the last piece. Where it is the only one, the answer gets a Content-Length. */
	#endWith(reading: Reading, piece: string | Uint8Array, answer: LongAnswer): void {
		const { res } = reading;
		if (!res.headersSent && answer.isDone) res.setHeader('Content-Length', Buffer.byteLength(piece));
		reading.isMade = true;
		answer.close();
		this.#enter(reading, 'taking');
		res.end(piece);
	}

	/** The reader has taken all pieces so far. */
	#taken(reading: Reading): void {
		if (reading.phase !== 'taking' || reading.isMade) return;
		this.#enter(reading, 'ready');
		this.#ready.push(reading);
		this.#askTurn();
	}

	#enter(reading: Reading, phase: Phase): void {
		const nowMs = this.#nowMs();
		if (reading.phase === 'taking') reading.stalledTotalMs += nowMs - reading.sinceMs;
		reading.phase = phase;
		reading.sinceMs = nowMs;
	}

	#endSlow(): void {
		const nowMs = this.#nowMs();
		const { lineMs, stalledMs, stalledTotalMs } = this.#limits;
		for (const reading of this.#line.filter(({ sinceMs }) => nowMs - sinceMs > lineMs)) {
			this.#end(reading, tooMany(this.#limits));
		}
		for (const reading of [...this.#begun]) {
			const waitedMs = reading.phase === 'taking' ? nowMs - reading.sinceMs : 0;
			const isSlow = waitedMs > stalledMs || reading.stalledTotalMs + waitedMs > stalledTotalMs;
			if (isSlow || (!reading.isMade && reading.answer?.isLost)) this.#cut(reading);
		}
	}

	/** Ends an answer that has begun by cutting its connection, because it is too late for another status. */
	#cut(reading: Reading): void {
		reading.res.destroy();
		this.#end(reading, null);
	}

	/** @param error the error that is to be answered instead; null for none */
	#end(reading: Reading, error: unknown): void {
		const { phase, answer, isMade } = reading;
		if (phase === 'ended') return;
		reading.phase = 'ended';
		if (phase === 'line') this.#line = this.#line.filter((other) => other !== reading);
		if (phase === 'ready') this.#ready = this.#ready.filter((other) => other !== reading);
		this.#begun.delete(reading);
		if (!isMade) answer?.close();
		reading.settle(error);
		if (this.#line.length > 0) this.#askTurn();
		if (this.#line.length > 0 || this.#begun.size > 0) return;
		clearInterval(this.#watch);
		this.#watch = undefined;
	}
}

function tooMany({ readersMax, lineMax }: LongReadLimits): HttpError {
	const text = `This node makes ${readersMax} long answers at once, and lets ${lineMax} others wait for some time.`;
	return new HttpError(503, `${text} Ask for less at a time with &limit=N&after=KEY, or try again later.`);
}
