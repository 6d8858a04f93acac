/**
 * Answers that may be long: a node makes them piece by piece, each when its reader has taken the one before, so that
 * neither the time of one step nor the memory grows with what was asked for.
 *
 * All long reads of a node share one budget of time. While writes are applied it is a fraction of the processor's
 * time, so that writers keep most of their pace; else readers have all of it, in slices. What has no room waits in
 * line, and what the line has no room for is refused. A reader that takes nothing, or takes it for too long, is cut.
 *
 * It must never know what the answers say.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './answer.ts';

/** An answer that is being made. */
export interface LongAnswer {
	/** The next piece of the body, of `PIECE_BYTES` or not much more. */
	next(): string | Uint8Array;
	/** The last piece was made. */
	readonly isDone: boolean;
	/** What it showed is not there any more: it cannot be finished. */
	readonly isLost: boolean;
	/** Nobody reads on. Called once, at the end too. */
	close(): void;
}

/**
 * Sets status and headers, and begins the answer as the state is in this moment. Returns null where it has answered
 * itself, with few bytes. It may throw an HttpError that the client is to read.
 */
export type Begin = () => LongAnswer | null;

export interface LongReadLimits {
	/** Answers that are being made or taken at once. */
	readonly readersMax: number;
	/** Further ones, which wait until there is room, and for how long they do. */
	readonly lineMax: number;
	readonly lineMs: number;
	/** For how long a reader may take nothing, and for how long its answer may wait for it in all. */
	readonly stalledMs: number;
	readonly stalledTotalMs: number;
	/** One slice of time. The next one begins after everything else that is ready had its turn. */
	readonly sliceMs: number;
	/** The readers' part of the time while writes are applied. */
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
	/** The store's: it grows while writes are applied. */
	revision(): number;
	readonly limits?: LongReadLimits;
}

/** A longer answer has no Content-Length, and is made in pieces of this size. */
export const PIECE_BYTES = 65_536;
/** Writes are going on for so long after the last one. */
const WRITES_MS = 100;
/** How often stalled readers are looked for. */
const WATCH_EVERY_MS = 500;

/**
 * `ahead`: it was sent before earlier requests on its connection were answered, and waits for that. `line`: it has not
 * begun. `ready`: it may make its next piece. `taking`: its reader has to take a piece first.
 */
type Phase = 'ahead' | 'line' | 'ready' | 'taking' | 'ended';

interface Reading {
	readonly res: ServerResponse;
	readonly begin: Begin;
	readonly settle: (error: unknown) => void;
	phase: Phase;
	/** Since when it is in its phase. */
	sinceMs: number;
	stalledTotalMs: number;
	answer: LongAnswer | null;
	/** Its last piece is made. */
	isMade: boolean;
}

export class LongReads {
	readonly #nowMs: () => number;
	readonly #revision: () => number;
	readonly #limits: LongReadLimits;
	/** In the order in which they came. */
	#line: Reading[] = [];
	/** The one that made a piece least recently comes first. */
	#ready: Reading[] = [];
	readonly #begun = new Set<Reading>();
	/** The time that readers may use now; it grows with time, up to a slice. */
	#budgetMs: number;
	#budgetAtMs: number;
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

	/** Resolves when the answer has left or its reader is gone. Rejects with what is to be answered instead. */
	answer(req: IncomingMessage, res: ServerResponse, begin: Begin): Promise<void> {
		return new Promise((resolve, reject) => {
			const settle = (error: unknown): void => (error === null ? resolve() : reject(error));
			const sinceMs = this.#nowMs();
			const phase = res.socket === null ? 'ahead' : 'line';
			const reading: Reading = { res, begin, settle, phase, sinceMs, stalledTotalMs: 0, answer: null, isMade: false };
			res.once('close', () => this.#end(reading, null));
			res.on('drain', () => this.#taken(reading));
			if (res.socket !== null) return this.#lineUp(reading);
			res.once('socket', () => this.#lineUp(reading));
			// Where its turn to be answered never comes, no response is closed.
			req.once('close', () => {
				if (reading.phase === 'ahead') this.#end(reading, null);
			});
		});
	}

	#lineUp(reading: Reading): void {
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

	/** One turn of the event loop brings one slice: there is another turn after each that was used. */
	#askTurn(): void {
		if (this.#isTurnAsked) return;
		this.#isTurnAsked = true;
		const turn = (): void => {
			this.#isTurnAsked = false;
			this.#turn();
		};
		if (this.#budgetMs > 0) setImmediate(turn);
		else setTimeout(turn, Math.ceil(-this.#budgetMs / this.#limits.shareOfWrites));
	}

	#refill(): void {
		const nowMs = this.#nowMs();
		const revision = this.#revision();
		if (revision !== this.#revisionSeen) this.#writtenAtMs = nowMs;
		this.#revisionSeen = revision;
		const { sliceMs, shareOfWrites } = this.#limits;
		const share = nowMs - this.#writtenAtMs < WRITES_MS ? shareOfWrites : 1;
		this.#budgetMs = Math.min(sliceMs, this.#budgetMs + (nowMs - this.#budgetAtMs) * share);
		this.#budgetAtMs = nowMs;
	}

	/** Returns whether there was anything to do, or is. */
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

	/** Those in line come first: their first piece is often all of their answer. */
	#next(): Reading {
		return (this.#mayBegin ? this.#line.shift() : this.#ready.shift()) as Reading;
	}

	#makePiece(reading: Reading): void {
		if (reading.phase === 'line') {
			this.#enter(reading, 'ready');
			reading.answer = reading.begin();
			if (reading.answer) this.#begun.add(reading);
		}
		const { res, answer } = reading;
		if (!answer) return this.#end(reading, null);
		const piece = answer.next();
		if (answer.isLost) return this.#cut(reading);
		// HEAD has no body: its length is told where it is known, and nothing else has to be made.
		if (answer.isDone || res.req.method === 'HEAD') return this.#endWith(reading, piece, answer);
		const isTaken = res.write(piece);
		this.#enter(reading, isTaken ? 'ready' : 'taking');
		if (isTaken) this.#ready.push(reading);
	}

	/** The last piece. Where it is the only one, its length is told. */
	#endWith(reading: Reading, piece: string | Uint8Array, answer: LongAnswer): void {
		const { res } = reading;
		if (!res.headersSent && answer.isDone) res.setHeader('Content-Length', Buffer.byteLength(piece));
		reading.isMade = true;
		answer.close();
		this.#enter(reading, 'taking');
		res.end(piece);
	}

	/** The reader has taken all that was made. */
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

	/** All that can be told of an answer that has begun is that it ends. */
	#cut(reading: Reading): void {
		reading.res.destroy();
		this.#end(reading, null);
	}

	/** @param error to be answered instead; null for none */
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
