/**
 * Interrupts snapshots on their way from node to node. They go seldom, and soon, so that no other fault meets one at its
 * first or last part but by luck.
 */
import type { SnapshotPart } from '../paxos/message.ts';
import type { Fault } from './faults.ts';
import type { SimulatedNode } from './node.ts';
import { crashFor, pauseFor } from './process-trouble.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

type BreakTransfer = Extract<Fault, { kind: 'breakTransfer' }>;

/** The share of seeds in which snapshots are interrupted, and how often they are. */
const BREAKS = 0.5;
const BREAKS_MAX = 6;

export function drawBreaks(random: Random): BreakTransfer[] {
	if (!random.chance(BREAKS)) return [];
	return Array.from({ length: random.integer(1, BREAKS_MAX) }, () => ({
		atMs: random.integer(1_000, 20_000),
		kind: 'breakTransfer',
		how: random.pick(['sender', 'receiver', 'pause', 'link'] as const),
		share: random.pick([0, 0.5, 1]),
		afterMs: random.magnitude(0.05, 20),
		downMs: Math.round(random.magnitude(5, 3_000)),
	}));
}

/** It waits for the next snapshot that goes from node to node. */
export function breakTransfer({ how, share, afterMs, downMs }: BreakTransfer, world: World): void {
	const { counters, links, onPart } = world;
	const interrupt = (sender: SimulatedNode, receiver: SimulatedNode, part: SnapshotPart): void => {
		if (part.offset + part.bytes.length < share * part.bytesOfAll) return;
		onPart.delete(interrupt);
		world.endsAfter(afterMs, () => {
			if (world.isHealed) return;
			counters.transfersBroken++;
			if (how === 'sender') return crashFor(sender, downMs, world);
			if (how === 'receiver') return crashFor(receiver, downMs, world);
			if (how === 'link') return links.lost(sender, receiver);
			if (sender.process && !sender.paused) pauseFor(sender, downMs, world);
		});
	};
	onPart.add(interrupt);
}
