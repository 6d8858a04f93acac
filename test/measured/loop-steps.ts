/** The long steps of a real node's event loop since some moment, as the node itself measured them. */
import type { LoopFigures } from '../../server/process/loop-watch.ts';
import type { TestNode } from '../process/swarm.ts';

export class LoopSteps {
	readonly #node: TestNode;
	readonly #before: LoopFigures;

	private constructor(node: TestNode, before: LoopFigures) {
		this.#node = node;
		this.#before = before;
	}

	/** Begins to measure. */
	static async of(node: TestNode): Promise<LoopSteps> {
		return new LoopSteps(node, await figuresOf(node));
	}

	/**
	 * The steps since then: `expect(await steps.since()).toMatchObject({ over50Ms: 0 })`. `longestMs` is that of the
	 * process's whole life, and only tells how far a bound was missed.
	 */
	async since(): Promise<LoopFigures> {
		const { longestMs, over20Ms, over50Ms, over250Ms, ranOver50Ms } = await figuresOf(this.#node);
		return {
			longestMs,
			over20Ms: over20Ms - this.#before.over20Ms,
			over50Ms: over50Ms - this.#before.over50Ms,
			over250Ms: over250Ms - this.#before.over250Ms,
			ranOver50Ms: ranOver50Ms - this.#before.ranOver50Ms,
		};
	}
}

async function figuresOf(node: TestNode): Promise<LoopFigures> {
	const { loop } = (await (await node.fetch('/v1/swarm')).json()) as { readonly loop: LoopFigures };
	return loop;
}
