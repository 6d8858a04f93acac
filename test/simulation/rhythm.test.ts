/** Nodes that are stopped in a rhythm, for shorter than any election timeout: the leadership moves to one that is not. */
import { describe, expect, it } from 'vitest';
import { USUAL_BOUNDS } from '../../shared/simulation/bounds.ts';
import { USUAL_CLOCKS } from '../../shared/simulation/clock.ts';
import { GOOD_LINK } from '../../shared/simulation/network.ts';
import type { SimulatedNode } from '../../shared/simulation/node.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { USUAL_SOCKETS } from '../../shared/simulation/socket-taste.ts';
import { World } from '../../shared/simulation/world.ts';

const TIMINGS = {
	electionMinMs: 300,
	electionMaxMs: 500,
	heartbeatMs: 75,
	pollMaxMs: 40,
	retryMs: 250,
	backoffMinMs: 5,
	backoffMaxMs: 500,
};
const CONFIG = { openSlotsMax: 8, slotsAheadMax: 64, valueBytesMax: 16_384, messageBytesMax: 65_536, timings: TIMINGS };
const CALM_MS = 2_000;
/** The window in which pauses are counted, and some more. */
const MOVED_BY_MS = CALM_MS + 12_000;
const END_MS = 60_000;
const SEEDS = [1, 2, 3, 4, 5];

class Bench {
	readonly world: World;

	constructor(seed: number) {
		const usual = { links: GOOD_LINK, clocks: USUAL_CLOCKS, sockets: USUAL_SOCKETS, bounds: USUAL_BOUNDS };
		this.world = new World({ seed, nodes: 3, config: CONFIG, watched: false, canary: false, ...usual });
		this.world.start();
		this.runUntil(CALM_MS);
	}

	get leaders(): number {
		return this.world.counters.leaders;
	}

	runUntil(ms: number): void {
		this.world.run(ms * US_PER_MS);
	}

	/** From now on to the end the node stops for so long, again and again. */
	stopsInRhythm(node: SimulatedNode, stopMs: number, everyMs: number, fromMs = CALM_MS): void {
		const { world } = this;
		for (let ms = fromMs; ms < END_MS; ms += everyMs) {
			world.at(ms * US_PER_MS, () => world.pause(node));
			world.at((ms + stopMs) * US_PER_MS, () => world.resume(node));
		}
	}
}

describe.each([
	[400, 800],
	[300, 600],
])('stopped for %i ms of every %i', (stopMs, everyMs) => {
	it.each(SEEDS)('a leader is followed by a steadier node, which stays, seed %i', (seed) => {
		const bench = new Bench(seed);
		const unsteady = bench.world.leader as SimulatedNode;
		bench.stopsInRhythm(unsteady, stopMs, everyMs);
		bench.runUntil(MOVED_BY_MS);
		const steadier = bench.world.leader as SimulatedNode;
		expect(steadier.id).not.toBe(unsteady.id);
		const { leaders } = bench;
		bench.runUntil(END_MS);
		expect(bench.leaders).toBe(leaders);
		expect(bench.world.leader?.id).toBe(steadier.id);
	});

	it.each(SEEDS)('all nodes alike change their leader no more often than without that, seed %i', (seed) => {
		const bench = new Bench(seed);
		for (const node of bench.world.nodes) bench.stopsInRhythm(node, stopMs, everyMs, CALM_MS + 130 * node.index);
		bench.runUntil(END_MS);
		expect(bench.world.counters.leadershipsHandedOver).toBe(0);
	});
});
