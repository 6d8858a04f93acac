/** The messages of the run so far, as they flew, so that a moment of the past shows those that were on their way. */
import type { FactBatch } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MessageKind } from '../../shared/paxos/message.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import type { Stage } from '../../shared/simulation/stage.ts';
import type { Flight } from '../model/playback.ts';

/** What leaves one node for another at once. */
interface Flew {
	readonly id: string;
	readonly from: NodeId;
	readonly to: NodeId;
	readonly kinds: MessageKind[];
	readonly departMs: number;
	arriveMs: number | null;
}

const FLEW_MAX = 6_000;
/** What is lost is seen for so long. */
const LOST_MS = 0.45;
/** A message that waits at its receiver is drawn as if it arrived so soon, milliseconds. */
const WAITS_MS = 0.001;
const BEATS: ReadonlySet<MessageKind> = new Set(['heartbeat', 'confirm', 'digest']);

/** Whether a person looks for a message of that kind. */
export function isTelling(kind: MessageKind): boolean {
	return !BEATS.has(kind);
}

/** The kind that stands for all messages which travel together. */
export function mostTelling(kinds: readonly MessageKind[]): MessageKind {
	return kinds.find(isTelling) ?? (kinds[0] as MessageKind);
}

/** The messages that are on their way in the run now. */
export function inFlight(stage: Stage): Flight[] {
	const nowMs = stage.now / US_PER_MS;
	return [...stage.flights].map(({ number, from, to, kinds, departed, due }) => ({
		id: String(number),
		from,
		to,
		kind: mostTelling(kinds),
		departMs: departed / US_PER_MS,
		// Where the receiver stands still, it waits there.
		arriveMs: Math.max(due / US_PER_MS, nowMs + WAITS_MS),
		lost: false,
	}));
}

export class Flown {
	/** In the order in which they departed. */
	#flew: Flew[] = [];
	readonly #byMessage = new Map<string, Flew>();

	told({ facts }: FactBatch, nowMs: number): void {
		for (const fact of facts) {
			if (fact.kind === 'sent') this.#sent(fact.node, fact.to, fact.messageId, fact.message.kind, nowMs);
			if (fact.kind !== 'received') continue;
			const flew = this.#byMessage.get(fact.messageId);
			if (flew) flew.arriveMs ??= nowMs;
		}
		if (this.#flew.length > FLEW_MAX) this.#forget();
	}

	/** What was on its way at that time, as far as its arrival is known; what never arrived is lost. */
	at(ms: number): Flight[] {
		return this.#flew
			.filter((flew) => flew.departMs <= ms && ms < endOf(flew))
			.map(({ id, from, to, kinds, departMs, arriveMs }) => ({
				id,
				from,
				to,
				kind: mostTelling(kinds),
				departMs,
				arriveMs: arriveMs ?? departMs + LOST_MS,
				lost: arriveMs === null,
			}));
	}

	#sent(from: NodeId, to: NodeId, id: string, kind: MessageKind, departMs: number): void {
		const last = this.#flew.findLast((flew) => flew.departMs < departMs || (flew.from === from && flew.to === to));
		if (last && last.departMs === departMs && last.from === from && last.to === to) {
			last.kinds.push(kind);
			this.#byMessage.set(id, last);
			return;
		}
		const flew = { id, from, to, kinds: [kind], departMs, arriveMs: null };
		this.#flew.push(flew);
		this.#byMessage.set(id, flew);
	}

	#forget(): void {
		this.#flew = this.#flew.slice(FLEW_MAX / 4);
		const kept = new Set(this.#flew);
		for (const [id, flew] of this.#byMessage) if (!kept.has(flew)) this.#byMessage.delete(id);
	}
}

function endOf({ departMs, arriveMs }: Flew): number {
	return arriveMs ?? departMs + LOST_MS;
}
