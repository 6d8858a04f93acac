/**
 * Numbers over time, from what the page is told, and from nothing else: so they are right for every moment, and a run that
 * is told once more has them too. They outlast the tape, because they are added up in intervals. An interval is short at
 * first, and twice as long each time there are too many; once it is about a second, the oldest are dropped instead.
 *
 * What nodes only counted under load is in them as far as their counts go. Where no node is heard, nothing is known.
 */
import type { Fact, FactKind } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Told } from '../../shared/trace-file.ts';
import { classOf, type DurationCounts, quantileMs, WriteTimes } from '../../shared/write-times.ts';
import { compareBallotTexts } from './ballot-names.ts';
import type { SwarmModel } from './swarm-model.ts';
import { countWhile, type Item } from './tape.ts';

const INTERVAL_MS_FIRST = 1 / 16;
const INTERVAL_MS_MAX = 1024;
const INTERVALS_MAX = 1024;

/** Who leads, and how far each node is. */
export interface Stand {
	/** Up to which slot each node that is up has applied all. */
	readonly applied: ReadonlyMap<NodeId, Slot>;
	/** '' for none. */
	readonly leader: NodeId;
}

interface Interval {
	/** It begins at so many times its length. */
	index: number;
	revisions: number;
	/** Promises and votes that acceptors gave, and prepares and accepts that they refused. */
	granted: number;
	refused: number;
	readonly durations: Record<number, number>;
	/** At its end. */
	stand: Stand;
}

/** The numbers of some time. */
export interface Numbers {
	readonly fromMs: number;
	readonly toMs: number;
	/** Commands that the swarm has applied, a second; null where no node was heard. */
	readonly perSecond: number | null;
	/** Half of the writes took no longer, milliseconds; null where no duration is known. */
	readonly p50Ms: number | null;
	readonly p99Ms: number | null;
	/** The part of all answers of acceptors that were refusals; null where no answer is known. */
	readonly refusals: number | null;
	/** At its end. '' for none; null where no node was heard. */
	readonly leader: NodeId | null;
	/** At its end, as `behindOf`. */
	readonly behind: ReadonlyMap<NodeId, number>;
}

const NOTHING: Stand = { applied: new Map(), leader: '' };

export class Metrics {
	#intervalMs = INTERVAL_MS_FIRST;
	#intervals: Interval[] = [];
	/** Before the first interval. */
	#before: Stand = NOTHING;
	/** The highest revision of any node; null while none was told. */
	#revision: number | null = null;
	readonly #times = new WriteTimes((durationMs) => {
		const of = classOf(durationMs);
		if (this.#newest) addDurations(this.#newest.durations, { [of]: 1 });
	});

	/** The time of the first thing that is known, in milliseconds of the page's clock; null for none. */
	get beginMs(): number | null {
		const [first] = this.#intervals;
		return first ? first.index * this.#intervalMs : null;
	}

	/** @param swarm as it is just after the item @param wasHeard whether any node was up before it */
	add({ node, told, whenMs }: Item, swarm: SwarmModel, wasHeard: boolean): void {
		const interval = this.#at(whenMs);
		if (told.kind === 'fact') this.#fact(interval, told.fact);
		else this.#times.forget(node);
		if (told.kind === 'missing') {
			for (const [kind, count] of Object.entries(told.skipped)) addAnswers(interval, kind as FactKind, count);
			addDurations(interval.durations, told.took ?? {});
		}
		if (changesStand(told)) {
			const stand = standOf(swarm);
			if (!isSame(stand, interval.stand)) interval.stand = stand;
			this.#reaches(interval, swarm.node(node)?.revision ?? 0, wasHeard);
		}
	}

	/** The numbers of so long a time that ends at `ms`, in milliseconds of the page's clock. */
	before(ms: number, lengthMs: number): Numbers {
		return this.#add(ms - lengthMs, ms, this.#countThrough(ms - lengthMs), this.#countThrough(ms));
	}

	/** The time from `startMs` to `endMs` in columns of one length, at most `countMax` and one more. */
	columns(startMs: number, endMs: number, countMax: number): readonly Numbers[] {
		let lengthMs = this.#intervalMs;
		while ((endMs - startMs) / lengthMs > countMax) lengthMs *= 2;
		const columns: Numbers[] = [];
		for (let fromMs = Math.floor(startMs / lengthMs) * lengthMs; fromMs < endMs; fromMs += lengthMs) {
			columns.push(this.#between(fromMs, fromMs + lengthMs));
		}
		return columns;
	}

	/**
	 * How long ago the leader had applied what the node has not yet at `ms`, in milliseconds by the page's clock; 0 where the
	 * node is not behind; null where it is not known.
	 */
	behindMs(node: NodeId, ms: number): number | null {
		const count = this.#countThrough(ms);
		const { applied, leader } = this.#standAfter(count);
		const [own, leads] = [applied.get(node), applied.get(leader)];
		if (own === undefined || leads === undefined) return null;
		if (own >= leads) return 0;
		const before = this.#intervals.slice(0, count);
		const since = before.findLastIndex(({ stand }) => (stand.applied.get(leader) ?? 0) <= own) + 1;
		const passed = before[since];
		return since > 0 && passed ? Math.max(0, ms - passed.index * this.#intervalMs) : null;
	}

	#between(fromMs: number, toMs: number): Numbers {
		return this.#add(fromMs, toMs, this.#countBefore(fromMs), this.#countBefore(toMs));
	}

	#add(fromMs: number, toMs: number, first: number, end: number): Numbers {
		const within = this.#intervals.slice(first, end);
		const durations: Record<number, number> = {};
		let [revisions, granted, refused] = [0, 0, 0];
		for (const each of within) {
			revisions += each.revisions;
			granted += each.granted;
			refused += each.refused;
			addDurations(durations, each.durations);
		}
		const stand = this.#standAfter(end);
		const isHeard = stand.applied.size > 0;
		return {
			fromMs,
			toMs,
			perSecond: isHeard ? (1000 * revisions) / (toMs - fromMs) : null,
			p50Ms: quantileMs(durations, 0.5),
			p99Ms: quantileMs(durations, 0.99),
			refusals: granted + refused > 0 ? refused / (granted + refused) : null,
			leader: isHeard ? stand.leader : null,
			behind: behindOf(stand),
		};
	}

	get #newest(): Interval | undefined {
		return this.#intervals.at(-1);
	}

	#fact(interval: Interval, fact: Fact): void {
		this.#times.note(fact);
		if (fact.kind !== 'refused' || fact.refused !== 'heartbeat') addAnswers(interval, fact.kind, 1);
	}

	/** What was applied while no node was heard belongs to no interval. */
	#reaches(interval: Interval, revision: number, wasHeard: boolean): void {
		if (this.#revision !== null && wasHeard) interval.revisions += Math.max(0, revision - this.#revision);
		this.#revision = Math.max(this.#revision ?? 0, revision);
	}

	#at(ms: number): Interval {
		const index = Math.floor(ms / this.#intervalMs);
		const last = this.#newest;
		if (last && index <= last.index) return last;
		const stand = last?.stand ?? this.#before;
		const interval = { index, revisions: 0, granted: 0, refused: 0, durations: {}, stand };
		this.#intervals.push(interval);
		if (this.#intervals.length <= INTERVALS_MAX) return interval;
		if (this.#intervalMs < INTERVAL_MS_MAX) this.#lengthen();
		else this.#before = this.#intervals.shift()?.stand ?? NOTHING;
		return this.#newest ?? interval;
	}

	#lengthen(): void {
		this.#intervalMs *= 2;
		const merged: Interval[] = [];
		for (const each of this.#intervals) {
			each.index = Math.floor(each.index / 2);
			const last = merged.at(-1);
			if (last?.index === each.index) merge(last, each);
			else merged.push(each);
		}
		this.#intervals = merged;
	}

	/** How many intervals begin before `ms`. */
	#countBefore(ms: number): number {
		return countWhile(this.#intervals, ({ index }) => index * this.#intervalMs < ms);
	}

	/** How many intervals begin at `ms` or before. */
	#countThrough(ms: number): number {
		return countWhile(this.#intervals, ({ index }) => index * this.#intervalMs <= ms);
	}

	/** @param count of intervals, from the first one on */
	#standAfter(count: number): Stand {
		return this.#intervals[count - 1]?.stand ?? this.#before;
	}
}

function merge(into: Interval, next: Interval): void {
	into.revisions += next.revisions;
	into.granted += next.granted;
	into.refused += next.refused;
	addDurations(into.durations, next.durations);
	into.stand = next.stand;
}

function addDurations(into: Record<number, number>, more: DurationCounts): void {
	for (const of in more) into[of] = (into[of] ?? 0) + (more[of] ?? 0);
}

function addAnswers(interval: Interval, kind: FactKind, count: number): void {
	if (kind === 'promised' || kind === 'accepted') interval.granted += count;
	if (kind === 'refused') interval.refused += count;
}

function changesStand(told: Told): boolean {
	return told.kind !== 'fact' || told.fact.kind === 'applied' || told.fact.kind === 'role';
}

export function standOf({ nodes }: SwarmModel): Stand {
	const up = nodes.filter(({ isUp }) => isUp);
	const leaders = up.filter(({ role }) => role === 'leader').sort((a, b) => compareBallotTexts(b.leader, a.leader));
	const applied = new Map(up.map(({ id, appliedThrough }) => [id, appliedThrough]));
	return { applied, leader: leaders[0]?.id ?? '' };
}

/** How many slots each node that is up is behind the leader. None where no leader is known. */
export function behindOf({ applied, leader }: Stand): ReadonlyMap<NodeId, number> {
	const leads = applied.get(leader);
	if (leads === undefined) return new Map();
	return new Map([...applied].map(([node, through]) => [node, Math.max(0, leads - through)]));
}

function isSame(a: Stand, b: Stand): boolean {
	if (a.leader !== b.leader || a.applied.size !== b.applied.size) return false;
	return [...a.applied].every(([node, through]) => b.applied.get(node) === through);
}
