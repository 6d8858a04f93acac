/**
 * A run in the page as a source: a stage, the time that passes in it, and the branches that came of acting in the past. It
 * knows no DOM and no clock: who shows it lets the time pass.
 */
import type { EntriesBelow, FactBatch, ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Action, Script, TimedAction } from '../../shared/simulation/action.ts';
import { WORLD_BEGINS_MS } from '../../shared/simulation/clock.ts';
import type { Flight as StagedFlight } from '../../shared/simulation/flights.ts';
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import { type Instant, US_PER_MS } from '../../shared/simulation/schedule.ts';
import { type Answer, RUN_US_MAX, Stage, type StageListener } from '../../shared/simulation/stage.ts';
import { agentWithout, measuresWithout } from '../game/agents.ts';
import type { Flight } from '../model/playback.ts';
import type { Source, SourceListener } from '../model/source.ts';
import { hasRoom, type RunAt } from './address.ts';
import { type Branch, Branches } from './branches.ts';
import { Flown, inFlight } from './flown.ts';
import { proposalFault } from './proposal-fault.ts';
import { Passing, type Speed } from './speed.ts';

/** A step goes on for so long where nothing happens. */
const STEP_US_MAX = 1_000 * US_PER_MS;
/** The longest time until all that is skipped has its answer, and then until everyone has heard of it. */
const SKIP_US_MAX = 2_000 * US_PER_MS;
const SKIP_US_AFTER = 20 * US_PER_MS;
const ANSWERS_MAX = 20;
/** A run is shown from here on: a leader is there. */
export const SHOWN_FROM_US: Instant = 1_000 * US_PER_MS;
/** The rail shows at least so much. */
const SPAN_MS_MIN = 10;

export const RUN_IS_FULL = 'the address of the run has no room for more';

/** What an action brought. */
export interface Answered {
	readonly of: TimedAction;
	readonly answer: Answer;
	readonly at: Instant;
}

export interface SandboxListener {
	/** Something changed that is not told as a fact: the time, the speed, an answer, a branch. */
	changed(): void;
	batch?(batch: FactBatch): void;
	answered?(answered: Answered): void;
	/** A person proposes by the form, or another run is shown: no story is staged in it any more. */
	takenOver?(): void;
	/** Another run begins, or the same one anew. */
	begun?(): void;
}

export class Sandbox implements Source {
	readonly isDirected = true;
	speed: Speed = 'auto';
	isPlaying = false;
	/** Something was not done, because there would be no address of the run with it. */
	isFull = false;
	/** The answers, newest first. */
	answers: readonly Answered[] = [];
	readonly #listeners = new Set<SandboxListener>();
	#toPage: SourceListener | null = null;
	/** The rule that was taken out of the run; null for none. */
	without: RuleId | null = null;
	#branches: Branches;
	#stage: Stage;
	#flown = new Flown();
	/** Where the rail begins. */
	#openedAt: Instant = 0;
	/** Virtual time that has passed and is less than a microsecond. */
	#rest = 0;
	#isEnough: (() => boolean) | null = null;
	/** Telling facts so far. */
	#telling = 0;
	readonly #proposals = new Map<TimedAction, (answer: ProposeAnswer) => void>();

	constructor(run: RunAt) {
		this.#branches = new Branches(run);
		this.without = run.without;
		this.#stage = this.#newStage(run.script);
	}

	// As a source

	start(listener: SourceListener): void {
		this.#toPage = listener;
		this.#replay((this.branches[0] as Branch).run);
	}

	resync(node: NodeId): void {
		const snapshot = this.#stage.snapshot(node);
		if (snapshot) this.#toPage?.snapshot(node, snapshot);
	}

	/** As far as the node's snapshot goes. */
	list(node: NodeId, prefix: string): Promise<EntriesBelow | null> {
		const snapshot = this.#stage.snapshot(node);
		if (!snapshot) return Promise.resolve(null);
		const { revision, entries, entriesCount } = snapshot;
		const found = entries.filter(({ key }) => key.startsWith(prefix));
		return Promise.resolve({ revision, entries: found, isAll: entriesCount === entries.length });
	}

	/** It plays on until all proposals have their answers. */
	propose(node: NodeId, request: ProposeRequest, atMs: number | null): Promise<ProposeAnswer> {
		const fault = proposalFault(request);
		if (fault !== null) return Promise.resolve({ outcome: 'refused', why: fault, attempts: [] });
		if (atMs !== null) this.#goTo(Math.round(atMs * US_PER_MS));
		for (const listener of this.#listeners) listener.takenOver?.();
		return new Promise((resolve) => {
			const timed = this.#act({ kind: 'propose', node, ...request });
			if (!timed)
				return resolve({ outcome: 'refused', why: this.isFull ? RUN_IS_FULL : 'the run has ended', attempts: [] });
			const answered = this.answers.find(({ of }) => of === timed)?.answer;
			if (answered?.kind === 'propose') return resolve(answered.answer);
			this.#proposals.set(timed, resolve);
			this.playUntil(() => this.#proposals.size === 0);
		});
	}

	nowMs(): number {
		return this.#stage.now / US_PER_MS;
	}

	wallMs(): number {
		return WORLD_BEGINS_MS + this.nowMs();
	}

	spanMs(): number {
		return Math.max(SPAN_MS_MIN, (this.#stage.now - this.#openedAt) / US_PER_MS);
	}

	flightsAt(ms: number): readonly Flight[] {
		const flown = this.#flown.at(ms);
		if (ms < this.nowMs()) return flown;
		const flying = inFlight(this.#stage);
		const isFlying = (one: Flight) =>
			flying.some(({ from, to, departMs }) => from === one.from && to === one.to && departMs === one.departMs);
		return [...flying, ...flown.filter((one) => one.lost && !isFlying(one))];
	}

	// The run

	listen(listener: SandboxListener): () => void {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	get stage(): Stage {
		return this.#stage;
	}

	get branches(): readonly Branch[] {
		return this.#branches.all;
	}

	/** The place of the branch that is shown. */
	get branch(): number {
		return this.#branches.shown;
	}

	/** What opens the run again at that moment. */
	runAt(at: Instant = this.#stage.now): RunAt {
		return { without: this.without, script: scriptUpTo(this.#stage.script, at), at };
	}

	/** What is on its way now. */
	get flights(): readonly StagedFlight[] {
		return [...this.#stage.flights];
	}

	/** @param isEnough asked at once, and after each instant; it pauses once that is true */
	play(isEnough: (() => boolean) | null = null): void {
		if (this.isOver) return;
		if (isEnough?.()) return this.pause();
		this.#isEnough = isEnough;
		this.isPlaying = true;
		this.#changed();
	}

	/** Plays until that is so, and all is so that it plays for already. A run that plays without an end goes on like this. */
	playUntil(isSo: () => boolean): void {
		const before = this.isPlaying ? this.#isEnough : () => true;
		if (before !== null) this.play(() => before() && isSo());
	}

	pause(): void {
		this.isPlaying = false;
		this.#isEnough = null;
		this.#changed();
	}

	/**
	 * Goes on to the next thing that happens and is no heartbeat.
	 *
	 * @param isEnough asked after each instant; it goes no further once that is true
	 */
	step(isEnough: () => boolean = () => false): void {
		this.isPlaying = false;
		const before = this.#telling;
		this.#stage.run(this.#stage.now + STEP_US_MAX, () => isEnough() || this.#telling > before);
		this.#changed();
	}

	/** Nothing more can happen: a rule was broken, or the run is as long as runs may be. */
	get isOver(): boolean {
		return this.#stage.violation !== null || this.#stage.now >= RUN_US_MAX;
	}

	/** So many milliseconds of the page have passed. */
	pass(pageMs: number): void {
		if (!this.isPlaying) return;
		const passing = new Passing(pageMs, this.#rest);
		while (this.isPlaying) {
			const until = passing.next(this);
			if (until === null) break;
			this.#run(until);
		}
		this.#rest = passing.rest;
		this.#changed();
	}

	/**
	 * Does it now, or in the past: then the run goes on from there as another branch, and this one is kept.
	 *
	 * @param at the moment at which it is done; null for now
	 * @returns null where the run has no room for it, or has ended
	 */
	act(action: Action, at: Instant | null = null): TimedAction | null {
		if (at !== null) this.#goTo(at);
		const timed = this.#act(action);
		this.#changed();
		return timed;
	}

	/** All of it has its answer at once, and the rail begins behind it. */
	skip(actions: readonly Action[]): void {
		for (const action of actions) this.#act(action);
		this.#stage.run(this.#stage.now + SKIP_US_MAX, () => this.answers.length >= actions.length);
		this.#stage.run(this.#stage.now + SKIP_US_AFTER);
		this.#openedAt = this.#stage.now;
		this.answers = [];
		this.#changed();
	}

	/** Another run takes the place of all branches. */
	open(run: RunAt): void {
		this.#branches = new Branches(run);
		this.#replay(run);
	}

	openBranch(index: number): void {
		const run = this.#branches.show(index, this.runAt());
		if (run) this.#replay(run);
	}

	#goTo(at: Instant): void {
		if (at >= this.#stage.now) return;
		const run = this.runAt(at);
		this.#branches.fork(run, this.runAt());
		this.#replay(run);
	}

	#replay({ without, script, at }: RunAt): void {
		this.isPlaying = false;
		this.isFull = false;
		this.#isEnough = null;
		this.answers = [];
		for (const resolve of this.#proposals.values()) {
			resolve({ outcome: 'unknown', why: 'the page went to another run', attempts: [] });
		}
		this.#proposals.clear();
		this.#flown = new Flown();
		this.#rest = 0;
		this.without = without;
		this.#toPage?.begin(measuresWithout(without));
		for (const listener of this.#listeners) {
			listener.takenOver?.();
			listener.begun?.();
		}
		this.#stage = this.#newStage(script);
		this.#stage.run(at);
		const first = script.actions[0]?.at ?? at;
		this.#openedAt = Math.min(at, Math.max(first - US_PER_MS, 0));
		this.#changed();
	}

	#run(until: Instant): void {
		this.#stage.run(until, () => this.#isEnough?.() ?? false);
		if (this.isOver || this.#isEnough?.()) {
			this.isPlaying = false;
			this.#isEnough = null;
		}
	}

	#act(action: Action): TimedAction | null {
		if (this.isOver) return null;
		this.isFull = !hasRoom({ without: this.without, script: this.#stage.script }, action);
		if (this.isFull) return null;
		this.#stage.act(action);
		return this.#stage.script.actions.at(-1) ?? null;
	}

	#newStage(script: Script): Stage {
		const listener: StageListener = {
			snapshot: (node, snapshot) => this.#toPage?.snapshot(node, snapshot),
			batch: (node, batch) => {
				for (const { kind } of batch.facts) if (!QUIET.has(kind)) this.#telling++;
				this.#flown.told(batch, stage.now / US_PER_MS);
				this.#toPage?.batch(node, batch);
				for (const each of this.#listeners) each.batch?.(batch);
			},
			silent: (node, sinceMs) => this.#toPage?.lost(node, sinceMs),
			answered: (of, answer) => {
				const answered = { of, answer, at: stage.now };
				this.answers = [answered, ...this.answers].slice(0, ANSWERS_MAX);
				if (answer.kind === 'propose') this.#proposals.get(of)?.(answer.answer);
				this.#proposals.delete(of);
				for (const each of this.#listeners) each.answered?.(answered);
			},
		};
		const stage: Stage = new Stage(script, listener, agentWithout(this.without));
		return stage;
	}

	#changed(): void {
		this.#toPage?.moved();
		for (const listener of this.#listeners) listener.changed();
	}
}

/** Facts at which a step does not end: what a message does to its receiver is told by others. */
const QUIET: ReadonlySet<string> = new Set(['sent', 'received', 'flushed', 'applied']);

function scriptUpTo(script: Script, at: Instant): Script {
	return { ...script, actions: script.actions.filter((timed) => timed.at <= at) };
}
