/** What the parts of the sandbox's page share: the sandbox, the story that is staged in it, and what is picked. */
import { computed, effect, signal, untracked } from '@preact/signals';
import type { Action } from '../../shared/simulation/action.ts';
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import { type Instant, US_PER_MS } from '../../shared/simulation/schedule.ts';
import { loadAgent } from '../game/agents.ts';
import { start } from '../view/folding.ts';
import { moment } from '../view/state.ts';
import { follow, toLive } from '../view/steering.ts';
import { AddressError, addressOf, type RunAt, runOfAddress, SEED_MAX } from './address.ts';
import { Director } from './director.ts';
import type { Picked } from './possible.ts';
import { Sandbox, SHOWN_FROM_US } from './sandbox.ts';
import type { StagedStory } from './scene.ts';
import { type DelayOf, delaysAt, type Situation, situationAt } from './situation.ts';
import { SPEEDS } from './speed.ts';
import { STORIES } from './stories.ts';

const NODES = 5;
const SEED = 7;
const HASH = '#sandbox=';
/** The id of a story follows. */
const STORY_HASH = '#story=';
/** The address follows the run at this pace. */
const ADDRESS_EVERY_MS = 400;

/** Grows with every run that has to be loaded: only the one that was asked for last is opened. */
let opens = 0;
/** Grows with everything that changes in the sandbox. */
const changes = signal(0);
/** Why the last address that was asked for opened no run; '' where it opened one. */
export const addressFault = signal('');
/** The run of which that could not be loaded; null for none. */
export const notLoaded = signal<RunAt | null>(null);
export const sandbox = new Sandbox(newRun(null, NODES, SEED));
export const director = signal<Director | null>(null);
export const picked = signal<Picked | null>(null);

/** The value of `read`, which is read again after each change. */
function shown<T>(read: () => T) {
	return computed(() => {
		changes.value;
		return read();
	});
}

export const isPlaying = shown(() => sandbox.isPlaying);
export const speed = shown(() => sandbox.speed);
export const branches = shown(() => sandbox.branches);
export const branch = shown(() => sandbox.branch);
export const answers = shown(() => sandbox.answers);
export const violation = shown(() => sandbox.stage.violation);
export const isOver = shown(() => sandbox.isOver);
/** Something was not done, because the run has no room for it. */
export const isFull = shown(() => sandbox.isFull);
export const actionsCount = shown(() => sandbox.stage.script.actions.length);
export const size = shown(() => sandbox.stage.script.nodes);
export const seed = shown(() => sandbox.stage.script.seed);
/** The rule that was taken out of the run; null for none. */
export const without = shown(() => sandbox.without);
/** Grows with every scene, and whenever the story pauses or goes on. */
export const scene = shown(() => {
	const at = director.value;
	return at ? `${at.scene} ${at.isDone} ${at.isPlaying}` : '';
});

/** At the moment that is shown. */
export function situationShown(): Situation {
	const at = momentUs();
	return at === null ? sandbox.stage : situationAt(sandbox.stage.script, at);
}

/** How slow the links are at the moment that is shown. */
export function delaysShown(): DelayOf {
	return delaysAt(sandbox.stage.script, momentUs() ?? sandbox.stage.now);
}

/** Begins: the page is told of the run that its address names, and time passes in it. */
export async function direct(): Promise<void> {
	await openAddress();
	start(sandbox);
	sandbox.listen({
		changed: () => changes.value++,
		takenOver: leaveStory,
		begun: () => {
			say('');
		},
	});
	openStory();
	let beforeMs = performance.now();
	const pass = (nowMs: number) => {
		if (director.peek()?.pass(nowMs - beforeMs)) changes.value++;
		sandbox.pass(nowMs - beforeMs);
		beforeMs = nowMs;
		requestAnimationFrame(pass);
	};
	requestAnimationFrame(pass);
	followAddress();
}

/** Does it at the moment that is shown. What asks for an answer plays on until that is there. */
export function act(actions: readonly Action[]): void {
	leaveStory();
	picked.value = null;
	let atUs = momentUs();
	toLive();
	for (const action of actions) {
		const done = sandbox.act(action, atUs);
		atUs = null;
		const isAsked = action.kind === 'read' || action.kind === 'addMember' || action.kind === 'removeMember';
		if (done && isAsked) sandbox.playUntil(() => sandbox.answers.some(({ of }) => of === done));
	}
}

export function toggle(): void {
	const { isPlaying } = sandbox;
	const at = director.peek();
	if (moment.peek() !== null) follow();
	if (at && !at.isOver) {
		if (isPlaying || at.isPlaying) at.pause();
		else at.play();
		return void changes.value++;
	}
	if (isPlaying) sandbox.pause();
	else sandbox.play();
}

export function step(): void {
	if (moment.peek() !== null) follow();
	(director.peek() ?? sandbox).step();
}

export function changeSpeed(by: 1 | -1): void {
	const at = SPEEDS.indexOf(sandbox.speed) + by;
	sandbox.speed = SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)] ?? 'auto';
	changes.value++;
}

export function stage(story: StagedStory, isPlaying: boolean): void {
	picked.value = null;
	const staged = new Director(story, sandbox, isPlaying);
	// What it does from here on is done by the story, and by nobody else.
	director.value = staged;
	staged.begin();
	changes.value++;
}

export function nextScene(): void {
	director.peek()?.next();
	changes.value++;
}

export function leaveStory(): void {
	director.peek()?.leave();
	director.value = null;
}

/** The rule that was taken out stays out. @param seed drawn where it is undefined */
export function openNew(nodes: number, seed = Math.floor(Math.random() * SEED_MAX)): void {
	sandbox.open(newRun(sandbox.without, nodes, seed));
}

/** A new run begins, without that rule; with all rules for null. */
export function openNewWithout(rule: RuleId | null, nodes: number): Promise<boolean> {
	return openRun(newRun(rule, nodes, SEED));
}

/** Loads the agent that the run needs, and opens it. @returns false where it cannot be loaded, or another run came first */
export async function openRun(run: RunAt): Promise<boolean> {
	const own = ++opens;
	const { stage } = sandbox;
	let isLoaded = true;
	await loadAgent(run.without).catch(() => {
		isLoaded = false;
	});
	if (own !== opens || stage !== sandbox.stage) return false;
	if (isLoaded) sandbox.open(run);
	else {
		say('the agent without that rule could not be loaded', run);
	}
	return isLoaded;
}

export function openBranch(index: number): void {
	sandbox.openBranch(index);
}

/** The run up to the moment that is shown. */
export function runShown(): RunAt {
	moment.value;
	return sandbox.runAt(momentUs() ?? undefined);
}

/** The address of this page at the moment that is shown. */
export function addressShown(): string {
	return HASH + addressOf(runShown());
}

/** The moment that is shown; null for the newest one. */
function momentUs(): Instant | null {
	const at = moment.peek();
	return at && Math.round(at.whenMs * US_PER_MS);
}

function newRun(without: RuleId | null, nodes: number, seed: number): RunAt {
	return { without, script: { seed, nodes, actions: [] }, at: SHOWN_FROM_US };
}

async function openAddress(): Promise<void> {
	const run = runOfPage();
	if (run) await openRun(run);
}

/** The run that the address of the page names; null where it names none. */
function runOfPage(): RunAt | null {
	say('');
	if (!location.hash.startsWith(HASH)) return null;
	try {
		return runOfAddress(location.hash.slice(HASH.length));
	} catch (error) {
		if (!(error instanceof AddressError)) throw error;
		say(error.message);
		return null;
	}
}

/** The address is always that of the moment that is shown, so it can be passed on at any time. */
function followAddress(): void {
	let isPlanned = false;
	effect(() => {
		changes.value;
		moment.value;
		if (isPlanned) return;
		isPlanned = true;
		setTimeout(() => {
			isPlanned = false;
			const address = untracked(addressShown);
			if (address !== location.hash) history.replaceState(null, '', address);
		}, ADDRESS_EVERY_MS);
	});
	addEventListener('hashchange', () => {
		if (!openStory()) void openAddress();
	});
}

/** Begins the story that the address of the page names. @returns whether it is the address of a story */
function openStory(): boolean {
	if (!location.hash.startsWith(STORY_HASH)) return false;
	const id = location.hash.slice(STORY_HASH.length);
	const story = STORIES.find((each) => each.id === id);
	if (story) stage(story, true);
	say(story ? '' : `there is no story “${id.slice(0, 40)}”`);
	return true;
}

function say(fault: string, run: RunAt | null = null): void {
	addressFault.value = fault;
	notLoaded.value = run;
}
