/**
 * Makes processes crash, and stand still. It is a part of `trouble.ts`.
 */
import type { Phase1 } from '../paxos/campaign.ts';
import type { ProcessFault } from './faults.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export function causeProcessFault(fault: ProcessFault, world: World, random: Random): void {
	const { counters } = world;
	switch (fault.kind) {
		case 'crash': {
			const node = world.node(fault.node);
			if (!node.process) return;
			counters.crashes++;
			return crashFor(node, fault.downMs, world);
		}
		case 'crashWithin': {
			const node = world.node(fault.node);
			node.sendsLeft = fault.sends;
			return world.staysDown(node, fault.downMs);
		}
		case 'crashAll':
			counters.crashesOfAll++;
			for (const node of world.nodes) crashFor(node, Math.round(fault.downMs * random.between(0.5, 1)), world);
			return;
		case 'crashTwins':
			counters.twinsCrashed++;
			for (const index of fault.nodes) crashFor(world.node(index), fault.downMs, world);
			return;
		case 'crashReporter':
			return crashReporter(fault.downMs, world);
		case 'pause': {
			const node = world.node(fault.node);
			if (!node.process || node.paused) return;
			counters.pauses++;
			return pauseFor(node, fault.ms, world);
		}
		case 'rhythm':
			return pauseLeader(fault, world);
	}
}

export function crashFor(node: SimulatedNode, downMs: number, world: World): void {
	world.crash(node);
	world.restartAfter(node, downMs);
}

/** The node that the next leader would learn chosen slots from crashes, unless that is the leader itself. */
function crashReporter(downMs: number, world: World): void {
	const { counters, nodes, onLeader } = world;
	const crash = ({ source, ballot }: Phase1): void => {
		const reporter = nodes.find(({ id }) => id === source);
		if (!reporter || source === ballot.node) return;
		onLeader.delete(crash);
		counters.reportersCrashed++;
		world.endsAfter(0, () => crashFor(reporter, downMs, world));
	};
	onLeader.add(crash);
}

/** The node that leads now stands still again and again. */
function pauseLeader({ stopMs, everyMs, times }: ProcessFault & { kind: 'rhythm' }, world: World): void {
	const { leader } = world;
	if (!leader) return;
	world.counters.rhythms++;
	for (let beat = 0; beat < times; beat++) {
		world.endsAfter(beat * everyMs, () => {
			if (leader.process && !leader.paused && !world.isHealed) pauseFor(leader, stopMs, world);
		});
	}
}

export function pauseFor(node: SimulatedNode, ms: number, world: World): void {
	world.pause(node);
	world.endsAfter(ms, () => world.resume(node));
}
