/**
 * Makes links fail: cuts, losses, delays, and the shapes of them that leave a leader alone or one behind. It is a part of
 * `trouble.ts`.
 */
import type { Phase1 } from '../paxos/campaign.ts';
import { allBut, bothWays, type Cut } from './cuts.ts';
import type { LinkFault } from './faults.ts';
import type { LinkQuality } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** The share of the messages to a node with late links that are late. */
const LATE = 0.5;
/** A leader that is to stay one, though it hears no quorum, has timers that take so many times as long. */
const STALE_PACE = 4;
/** A stale leader stays cut off from the others for this long once its witness hears it again. */
const STALE_ANSWER_MS = 50;

export class LinkTrouble {
	readonly #world: World;
	readonly #random: Random;
	/** The behaviour of every link that no fault makes worse. */
	#links: LinkQuality;

	constructor(world: World, random: Random, links: LinkQuality) {
		this.#world = world;
		this.#random = random;
		this.#links = links;
	}

	cause(fault: LinkFault): void {
		const world = this.#world;
		const { counters, network } = world;
		switch (fault.kind) {
			case 'cuts':
				if (fault.shape === 'partition') counters.partitions++;
				else if (fault.shape === 'oneWay') counters.oneWayCuts++;
				else if (fault.shape === 'link') counters.linkCuts++;
				else if (fault.shape === 'chain') counters.chains++;
				else counters.quorumLossTopologies++;
				return this.#cutFor(this.#aroundLeader(fault.cuts, fault.leader), fault.ms);
			case 'clog':
				counters.clogs++;
				return network.clog(fault.from, fault.to, world.now + fault.ms * US_PER_MS);
			case 'lossy': {
				counters.lossyLinks++;
				const [[from, to]] = this.#aroundLeader([[fault.from, fault.to]], fault.leader) as [Cut];
				network.setQuality(from, to, { ...this.#links, loss: fault.loss });
				return world.endsAfter(fault.ms, () => network.setQuality(from, to, this.#links));
			}
			case 'late': {
				const node = world.node(fault.node);
				counters.lateLinks++;
				this.#setQualityTo(node, { ...this.#links, tail: LATE, delayTailMs: fault.byMs });
				return world.endsAfter(fault.ms, () => this.#setQualityTo(node, this.#links));
			}
			case 'laggard':
				return this.#makeLag(fault);
			case 'staleLeader':
				return this.#makeStale(fault);
			case 'rivals':
				return this.#makeRivals(fault);
		}
	}

	/** Every link carries everything, and none is slower than the others. */
	heal(): void {
		const { network, nodes } = this.#world;
		this.#links = { ...this.#links, loss: 0, tail: 0 };
		for (const { index: from } of nodes) {
			for (const { index: to } of nodes) {
				if (from === to) continue;
				while (network.isCut(from, to)) network.mend(from, to);
				network.setQuality(from, to, this.#links);
				network.clog(from, to, 0);
			}
		}
	}

	/** For a while the node is cut off from the others, and then each of the others from all but this node. */
	#makeLag({ node, ms, hubMs }: LinkFault & { kind: 'laggard' }): void {
		const world = this.#world;
		world.counters.laggards++;
		const everyone = world.nodes.map(({ index }) => index);
		this.#cutFor(
			allBut(everyone, (x, y) => x !== node && y !== node),
			ms,
		);
		world.endsAfter(ms, () => {
			if (world.isHealed) return;
			this.#cutFor(
				allBut(everyone, (x, y) => x === node || y === node),
				hubMs,
			);
		});
	}

	/** For a while the leader is cut from all nodes but the witness, and the witness from all but the leader. */
	#makeStale({ witness, awayMs, ms }: LinkFault & { kind: 'staleLeader' }): void {
		const leader = this.#world.leader;
		if (!leader || leader.index === witness) return;
		const { counters, network, now, nodes } = this.#world;
		counters.staleLeaders++;
		const everyone = nodes.map(({ index }) => index);
		const withLeader = (x: number, y: number) => x === leader.index || y === leader.index;
		const withWitness = (x: number, y: number) => x === witness || y === witness;
		this.#cutFor(
			allBut(everyone, (x, y) => !withLeader(x, y) || withWitness(x, y)),
			ms + STALE_ANSWER_MS,
		);
		this.#cutFor(
			allBut(everyone, (x, y) => !withWitness(x, y) || withLeader(x, y)),
			awayMs,
		);
		network.clog(leader.index, witness, now + ms * US_PER_MS);
		leader.clock.pace = STALE_PACE;
		this.#world.endsAfter(ms, () => {
			leader.clock.pace = 1;
		});
	}

	/** Each leader that begins meanwhile hears nobody, and reaches too few for a quorum, or just enough. */
	#makeRivals({ cutMs, byMs, ms }: LinkFault & { kind: 'rivals' }): void {
		const { counters, nodes, onLeader } = this.#world;
		const cutOff = ({ ballot }: Phase1): void => {
			const leader = nodes.findIndex(({ id }) => id === ballot.node);
			const others = this.#random.shuffle(nodes.filter(({ index, isAway }) => index !== leader && !isAway));
			const everyone = others.map(({ index }) => index);
			const reached = everyone.slice(0, this.#random.integer(0, Math.ceil(everyone.length / 2)));
			const lost = everyone.slice(reached.length);
			// Or else the next leader may hear of the value at once.
			const areApart = this.#random.chance(0.5);
			const cuts = everyone.map((from): Cut => [from, leader]);
			for (const to of lost) {
				cuts.push([leader, to]);
				if (areApart) cuts.push(...bothWays(reached.map((from): Cut => [from, to])));
			}
			counters.leadersWithRivals++;
			this.#cutFor(cuts, cutMs);
		};
		onLeader.add(cutOff);
		const late = { ...this.#links, tail: LATE, delayTailMs: byMs };
		if (byMs > 0) for (const node of nodes) this.#setQualityTo(node, late);
		this.#world.endsAfter(ms, () => {
			onLeader.delete(cutOff);
			if (byMs > 0) for (const node of nodes) this.#setQualityTo(node, this.#links);
		});
	}

	/** The cuts, with the node that `label` stands for and the present leader swapped. */
	#aroundLeader(cuts: readonly Cut[], label: number | undefined): readonly Cut[] {
		const leads = this.#world.leader?.index ?? -1;
		if (label === undefined || leads < 0) return cuts;
		const place = (node: number) => (node === label ? leads : node === leads ? label : node);
		return cuts.map(([from, to]): Cut => [place(from), place(to)]);
	}

	#cutFor(cuts: readonly Cut[], ms: number): void {
		const { network, links } = this.#world;
		for (const [from, to] of cuts) {
			network.cut(from, to);
			links.cut(this.#world.node(from), this.#world.node(to));
		}
		this.#world.endsAfter(ms, () => {
			for (const [from, to] of cuts) {
				if (!network.isCut(from, to)) continue;
				network.mend(from, to);
				links.mended(this.#world.node(from), this.#world.node(to));
			}
		});
	}

	#setQualityTo(node: SimulatedNode, quality: LinkQuality): void {
		for (const from of this.#world.nodes)
			if (from !== node) this.#world.network.setQuality(from.index, node.index, quality);
	}
}
