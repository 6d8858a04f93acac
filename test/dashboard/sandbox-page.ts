/** A sandbox without a page: what it tells goes into a story, as in the page, and time passes as fast as it can. */

import type { Beginning } from '../../dashboard/model/source.ts';
import { Story } from '../../dashboard/model/story.ts';
import type { RunAt } from '../../dashboard/sandbox/address.ts';
import { Director } from '../../dashboard/sandbox/director.ts';
import { type Answered, Sandbox, SHOWN_FROM_US } from '../../dashboard/sandbox/sandbox.ts';
import type { Cast, StagedStory } from '../../dashboard/sandbox/scene.ts';
import type { Fact } from '../../shared/fact.ts';
import type { Stage } from '../../shared/simulation/stage.ts';

export interface SandboxPage {
	readonly sandbox: Sandbox;
	/** Everything that was told of the present run. */
	readonly story: Story;
}

export const NEW_RUN: RunAt = { without: null, script: { seed: 7, nodes: 5, actions: [] }, at: SHOWN_FROM_US };

export function openSandbox(run: RunAt = NEW_RUN): SandboxPage {
	const sandbox = new Sandbox(run);
	const newStory = ({ quorumSize, identityOf }: Beginning = {}) =>
		new Story(() => sandbox.nowMs(), undefined, quorumSize, identityOf);
	const page = { sandbox, story: newStory() };
	sandbox.start({
		begin: (run) => {
			page.story = newStory(run);
		},
		moved: () => undefined,
		entry: (node) => page.story.entry(node),
		recalled: () => {
			throw new Error('a sandbox has no time before the page was opened');
		},
		snapshot: (node, snapshot) => page.story.snapshot(node, snapshot),
		batch: (node, batch) => {
			if (page.story.batch(node, batch) === 'gap') throw new Error(`facts of ${node} are missing`);
		},
		lost: (node, sinceMs) => page.story.lost(node, sinceMs),
		refused: (node, why) => page.story.refused(node, why),
		newer: (node) => page.story.newer(node),
		replayed: () => {
			throw new Error('a sandbox tells what happens in it');
		},
		shows: () => {
			throw new Error('a sandbox shows its newest moment');
		},
	});
	return page;
}

/** So many passes take more than any scene needs. */
const PASSES_MAX = 400;

/** Plays the present scene to its end. @throws where it has none */
export function endScene(sandbox: Sandbox, director: Director): void {
	for (let pass = 0; !director.isDone; pass++) {
		if (pass > PASSES_MAX || !sandbox.isPlaying) {
			throw new Error(`scene ${director.scene + 1} of “${director.story.title}” does not come to its end`);
		}
		sandbox.speed = 1;
		sandbox.pass(100);
	}
}

/** A story that was played to its end. */
export interface Performed {
	/** The sentence of each scene, and the last one. */
	readonly said: readonly string[];
	/** Since the first scene began. */
	readonly facts: readonly Fact[];
	/** By scene: how many of the facts were told by its end. */
	readonly scenes: readonly number[];
	readonly answers: readonly Answered[];
	readonly cast: Cast;
	readonly stage: Stage;
	readonly story: Story;
}

export function perform(staged: StagedStory): Performed {
	const page = openSandbox();
	const { sandbox } = page;
	const director = new Director(staged, sandbox, false);
	director.begin();
	const said: string[] = [];
	const scenes: number[] = [];
	while (!director.isOver) {
		endScene(sandbox, director);
		said.push(director.says);
		scenes.push(director.facts.length);
		director.next();
	}
	said.push(director.says);
	const { facts, cast } = director;
	return { said, facts, scenes, answers: sandbox.answers, cast, stage: sandbox.stage, story: page.story };
}
