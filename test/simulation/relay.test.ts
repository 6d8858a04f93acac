/** In each partial partition, a node that reaches a quorum but not the leader serves writes and reads all the same. */
import { describe, expect, it } from 'vitest';
import { USUAL_BOUNDS } from '../../shared/simulation/bounds.ts';
import { GOOD_LINK } from '../../shared/simulation/network.ts';
import type { SimulatedNode } from '../../shared/simulation/node.ts';
import { drawScenario } from '../../shared/simulation/plan.ts';
import { Random } from '../../shared/simulation/random.ts';
import { PARTIAL_TIMES, SCENARIOS, type Scenario, stableFromMs } from '../../shared/simulation/scenarios.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { USUAL_SOCKETS } from '../../shared/simulation/socket-taste.ts';
import { Trouble } from '../../shared/simulation/trouble.ts';
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

/**
 * The time limit: for a poll that finds a neighbour, the way there and back, and more where the link breaks
 * repeatedly.
 */
const WITHIN_MS = 400;
const WITHIN_LOSSY_MS = 4_000;

class Bench {
	readonly world: World;

	constructor(seed: number, scenario: Scenario) {
		const { nodes, faults } = drawScenario(seed, scenario, 5);
		const config = {
			openSlotsMax: 8,
			slotsAheadMax: 64,
			valueBytesMax: 16_384,
			messageBytesMax: 65_536,
			timings: TIMINGS,
		};
		const usual = { clocks: { spreadMs: 1, resolutionUs: 1 }, sockets: USUAL_SOCKETS, bounds: USUAL_BOUNDS };
		this.world = new World({ seed, nodes, links: GOOD_LINK, config, watched: false, canary: false, ...usual });
		this.world.start();
		new Trouble(this.world, new Random(seed, 1), GOOD_LINK).schedule(faults);
	}

	/** The nodes without a link to the leader, and with links to so many that hear it that they make a quorum together. */
	cutOff(): SimulatedNode[] {
		const { nodes, network } = this.world;
		const linked = (a: SimulatedNode, b: SimulatedNode) =>
			!network.isCut(a.index, b.index) && !network.isCut(b.index, a.index);
		const leader = this.world.leader as SimulatedNode;
		return nodes.filter((node) => {
			if (node === leader || linked(node, leader)) return false;
			return nodes.filter((other) => other !== node && linked(node, other)).length >= 2;
		});
	}

	/** Runs until `done` is called. @returns how long that took, simulated milliseconds */
	takes(begin: (done: () => void) => void, atMostMs: number): number {
		const { world } = this;
		const from = world.now;
		let done = -1;
		begin(() => {
			done = world.now;
		});
		for (let ms = 1; done < 0 && ms <= atMostMs; ms++) world.run(from + ms * US_PER_MS);
		return done < 0 ? Number.POSITIVE_INFINITY : (done - from) / US_PER_MS;
	}

	write(node: SimulatedNode, value: number, done: () => void): void {
		const operation = { kind: 'put', key: node.id, value: Uint8Array.of(value), flags: 0n, cas: null } as const;
		node.process?.replica.submit(operation, { route: 'leader', contest: 0, timeoutMs: 10_000 }, ({ outcome }) => {
			if (outcome === 'chosen') done();
		});
	}

	read(node: SimulatedNode, done: () => void): void {
		node.process?.replica.whenConfirmed(10_000, (isConfirmed) => {
			if (isConfirmed) done();
		});
	}
}

describe.each(SCENARIOS)('%s', (scenario) => {
	it.each([1, 2, 3])('a client of a node that is cut off from the leader writes and reads, seed %i', (seed) => {
		const bench = new Bench(seed, scenario);
		bench.world.run(Math.max(stableFromMs(scenario), PARTIAL_TIMES.cutMs) * US_PER_MS);
		const withinMs = scenario === 'lossyLink' ? WITHIN_LOSSY_MS : WITHIN_MS;
		const nodes = scenario === 'lossyLink' ? bench.world.nodes : bench.cutOff();
		if (scenario === 'oneLink' || scenario === 'chain') expect(nodes.length).toBeGreaterThan(0);
		for (const node of nodes) {
			// The first write also registers the node's own client.
			for (let i = 1; i <= 4; i++) {
				const value = 10 * node.index + i;
				expect(bench.takes((done) => bench.write(node, value, done), withinMs)).toBeLessThan(withinMs);
				expect(bench.takes((done) => bench.read(node, done), withinMs)).toBeLessThan(withinMs);
				expect(node.process?.store.get(node.id)?.value).toEqual(Uint8Array.of(value));
			}
		}
		expect(bench.world.lastLedAt).toBeLessThan(stableFromMs(scenario) * US_PER_MS);
	});
});
