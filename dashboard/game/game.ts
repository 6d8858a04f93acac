/**
 * The game: a person takes a rule out, and is the network, the disks and the clocks. What the person tries is counted, a
 * run stands still as soon as something happens that must never happen, and a search in a worker shows how it is done.
 */
import { signal } from '@preact/signals';
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import { type Instant, US_PER_MS } from '../../shared/simulation/schedule.ts';
import { slotOf } from '../model/decision-index.ts';
import type { RunAt } from '../sandbox/address.ts';
import { director, openNewWithout, openRun, sandbox } from '../sandbox/directed.ts';
import { showSlot } from '../view/steering.ts';
import { type Broken, Watch } from './watch.ts';
import type { Asked, Told } from './worker.ts';

/** What a person has tried since a rule was taken out or put back. */
export interface Tried {
	readonly actions: number;
	readonly runs: number;
}

export interface Searching {
	/** `nothing`: the search has ended, and found nothing. `failed`: it could not be loaded. */
	readonly state: 'none' | 'searching' | 'stopped' | 'nothing' | 'found' | 'failed';
	readonly visited: number;
	/** How many actions the list has that was found; 0 for none. */
	readonly actions: number;
}

const STATES_MAX = 200_000;
/** A list of actions is played from so long before the first one. */
const BEFORE_US = US_PER_MS / 2;
const NOTHING_TRIED: Tried = { actions: 0, runs: 0 };
const NO_SEARCH: Searching = { state: 'none', visited: 0, actions: 0 };

/** What has happened in the run that must never happen; null for nothing. */
export const broken = signal<Broken | null>(null);
/** By lamp: the breach that turned it red, and the moment. */
export const redLamps = signal<ReadonlyMap<Broken['lamp'], { readonly broken: Broken; readonly at: Instant }>>(
	new Map(),
);
export const tried = signal<Tried>(NOTHING_TRIED);
export const searching = signal<Searching>(NO_SEARCH);
/** The run that the search has found, while it is shown. */
export const demonstrated = signal<RunAt | null>(null);

let watch = new Watch(null);
let worker: Worker | null = null;

/** Begins to look on. */
export function referee(): void {
	let rule: RuleId | null = sandbox.without;
	let { stage } = sandbox;
	let actions = 0;
	let isTried = false;
	sandbox.listen({
		begun: () => {
			watch = new Watch(sandbox.without);
			broken.value = null;
			redLamps.value = new Map();
			demonstrated.value = null;
			endSearch('stopped');
		},
		batch: ({ facts }) => {
			watch.facts(facts);
			judge();
		},
		answered: (answered) => {
			watch.answered(answered, sandbox.stage.script.actions);
			judge();
		},
		changed: () => {
			const done = sandbox.stage.script.actions;
			const count = done.length;
			// A person who acts has other plans.
			const planned = demonstrated.peek()?.script.actions;
			if (planned && done.some((timed, i) => timed !== planned[i])) demonstrated.value = null;
			if (sandbox.without !== rule) {
				tried.value = NOTHING_TRIED;
				searching.value = NO_SEARCH;
				rule = sandbox.without;
			}
			if (sandbox.stage !== stage) {
				stage = sandbox.stage;
				isTried = false;
			} else if (count > actions && !director.peek() && !demonstrated.peek()) {
				const { actions: before, runs } = tried.peek();
				tried.value = { actions: before + count - actions, runs: runs + (isTried ? 0 : 1) };
				isTried = true;
			}
			actions = count;
		},
	});
}

function judge(): void {
	for (const [lamp, broken] of watch.byLamp) {
		if (redLamps.peek().has(lamp)) continue;
		redLamps.value = new Map(redLamps.peek()).set(lamp, { broken, at: sandbox.stage.now });
	}
	if (!watch.broken || broken.peek()) return;
	broken.value = watch.broken;
	// A later slot may have begun meanwhile.
	if ('fact' in watch.broken) showSlot(slotOf(watch.broken.fact) || null);
	if (sandbox.isPlaying) sandbox.pause();
}

/** The search begins for the rule that is out, or with all rules in. What it finds is played. */
export function search(): void {
	endSearch('stopped');
	const { without, stage } = sandbox;
	const asked: Asked = { without, nodes: stage.script.nodes, statesMax: STATES_MAX };
	searching.value = { ...NO_SEARCH, state: 'searching' };
	worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
	worker.onmessage = ({ data: { visited, found, isOver } }: MessageEvent<Told>) => {
		searching.value = { state: 'searching', visited, actions: found?.run.script.actions.length ?? 0 };
		if (isOver) endSearch(found ? 'found' : 'nothing');
		if (found) void demonstrate(found.run);
	};
	worker.onerror = () => endSearch('failed');
	worker.postMessage(asked);
}

export function endSearch(state: Searching['state']): void {
	if (!worker) return;
	worker.terminate();
	worker = null;
	searching.value = { ...searching.peek(), state };
}

/** A new run begins without that rule, or with all rules for null. */
export async function takeOut(rule: RuleId | null, nodes: number): Promise<void> {
	if (await openNewWithout(rule, nodes)) bringStageIntoView();
}

/** Plays the run until something is broken, from a moment before its first action on. */
export async function demonstrate(run: RunAt): Promise<void> {
	const first = run.script.actions[0]?.at ?? run.at;
	if (!(await openRun({ ...run, at: Math.max(0, first - BEFORE_US) }))) return;
	demonstrated.value = run;
	bringStageIntoView();
	sandbox.play(() => broken.peek() !== null);
}

function bringStageIntoView(): void {
	document.getElementById('stage')?.scrollIntoView({ block: 'start' });
}
