/** Stages one story in a sandbox, scene by scene: at the pace of a reader, or one scene at a time. */
import type { Fact } from '../../shared/fact.ts';
import type { Instant } from '../../shared/simulation/schedule.ts';
import { type Sandbox, SHOWN_FROM_US } from './sandbox.ts';
import { type Cast, castOf, type Performance, type StagedStory } from './scene.ts';

/** A sentence is read for so long before the next scene begins. */
const READING_MS = 2_600;

export class Director {
	readonly story: StagedStory;
	/** The index of the present scene; the number of scenes after the last one. */
	scene = 0;
	/** Whether the present scene has come to its end. */
	isDone = false;
	/** Whether the next scene begins by itself. */
	isPlaying: boolean;
	/** When each scene ended. */
	readonly ends: Instant[] = [];
	readonly #sandbox: Sandbox;
	readonly #facts: Fact[] = [];
	#news: Fact[] = [];
	#waitedMs = 0;
	readonly cast: Cast;
	readonly #leave: () => void;

	/** The run of the story is opened. Nothing is done in it until `begin`. */
	constructor(story: StagedStory, sandbox: Sandbox, isPlaying: boolean) {
		this.story = story;
		this.#sandbox = sandbox;
		this.isPlaying = isPlaying;
		const { seed, nodes } = story;
		sandbox.open({ without: null, script: { seed, nodes, actions: [] }, at: SHOWN_FROM_US });
		this.cast = castOf(sandbox.stage);
		this.#leave = sandbox.listen({
			changed: () => undefined,
			batch: ({ facts }) => {
				this.#facts.push(...facts);
				this.#news.push(...facts);
			},
		});
	}

	/** The first scene begins. */
	begin(): void {
		const prelude = this.story.prelude?.(this.cast) ?? [];
		if (prelude.length > 0) this.#sandbox.skip(prelude);
		this.#facts.length = 0;
		this.#begin();
	}

	/** Everything that was told since the first scene began. */
	get facts(): readonly Fact[] {
		return this.#facts;
	}

	/** One sentence on the present scene; the last sentence once all scenes are over. */
	get says(): string {
		const { scenes, ends } = this.story;
		const scene = scenes[this.scene];
		if (!scene) return ends;
		return typeof scene.says === 'string' ? scene.says : scene.says(this.#performance);
	}

	get isOver(): boolean {
		return this.scene >= this.story.scenes.length;
	}

	/** The next scene; where the present one is not over, on to its end. */
	next(): void {
		if (this.isOver) return;
		if (!this.isDone) return this.#sandbox.play(this.#isEnough);
		this.scene++;
		if (!this.isOver) this.#begin();
	}

	/** Goes on to the next event, or to the end of the scene. */
	step(): void {
		this.isPlaying = false;
		this.#sandbox.step(this.isDone ? undefined : this.#isEnough);
	}

	pause(): void {
		this.isPlaying = false;
		this.#sandbox.pause();
	}

	play(): void {
		this.isPlaying = true;
		this.#waitedMs = READING_MS;
		if (!this.isDone) this.next();
	}

	/** So many milliseconds of the page have passed. @returns whether the next scene has begun, or the end has come */
	pass(pageMs: number): boolean {
		if (!this.isPlaying || !this.isDone || this.isOver) return false;
		this.#waitedMs += pageMs;
		if (this.#waitedMs < READING_MS) return false;
		this.next();
		return true;
	}

	/** The sandbox goes on without it. */
	leave(): void {
		this.isPlaying = false;
		this.#leave();
	}

	get #performance(): Performance {
		const { stage, answers } = this.#sandbox;
		return { cast: this.cast, stage, answers, facts: this.#facts, news: this.#news };
	}

	#begin(): void {
		const scene = this.story.scenes[this.scene];
		if (!scene) return;
		this.isDone = false;
		this.#news = [];
		for (const action of scene.acts?.(this.#performance) ?? []) this.#sandbox.act(action);
		this.#sandbox.speed = scene.speed ?? 'auto';
		this.#sandbox.play(this.#isEnough);
	}

	readonly #isEnough = (): boolean => {
		if (this.isDone) return true;
		const scene = this.story.scenes[this.scene];
		if (!scene?.until(this.#performance)) return false;
		this.isDone = true;
		this.#waitedMs = 0;
		this.ends.push(this.#sandbox.stage.now);
		return true;
	};
}
