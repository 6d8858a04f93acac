/**
 * Makes the plan's faults happen, each at its time, and ends them. What a fault is and when it comes was drawn before
 * the run (`faults.ts`); which node leads, for those faults that are about the leader, is looked up when it begins.
 */
import type { Cut, Fault } from './faults.ts';
import type { LinkQuality } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** Of 1: how much of what comes to a node with late links is late. */
const LATE = 0.5;

export class Trouble {
	readonly #world: World;
	readonly #random: Random;
	/** Of every link that no fault makes worse. */
	#links: LinkQuality;

	constructor(world: World, random: Random, links: LinkQuality) {
		this.#world = world;
		this.#random = random;
		this.#links = links;
	}

	/** Makes each fault happen at its time. */
	schedule(faults: readonly Fault[]): void {
		for (const [index, fault] of faults.entries()) {
			this.#world.plan(fault.atMs * US_PER_MS, undefined, 'fault', index, () => this.#cause(fault));
		}
	}

	/** Ends every fault, for good, and starts every node that can be started. Clocks stay as wrong as they are. */
	heal(): void {
		this.#world.note('', 'everything heals');
		this.#links = { ...this.#links, loss: 0, tail: 0 };
		const everyone = this.#world.nodes;
		for (const from of everyone) {
			for (const to of everyone) {
				if (from === to) continue;
				while (this.#world.network.isCut(from.index, to.index)) this.#world.network.mend(from.index, to.index);
				this.#world.network.setQuality(from.index, to.index, this.#links);
				this.#world.network.clog(from.index, to.index, 0);
			}
		}
		for (const node of everyone) {
			this.#world.resume(node);
			node.clock.pace = 1;
			node.clock.thaw();
			node.disk.flushMinUs = 100;
			node.disk.flushMaxUs = 400;
			node.disk.failingFlushes = 0;
			node.disk.beforeNextFlush = undefined;
			node.disk.freeBytes = Number.POSITIVE_INFINITY;
			node.sendsLeft = Number.POSITIVE_INFINITY;
			this.#world.startNode(node);
		}
		this.#world.links.heal();
	}

	#cause(fault: Fault): void {
		if (this.#world.isWatchedByPeople) this.#world.note('', `FAULT ${JSON.stringify(fault)}`);
		const { counters } = this.#world;
		switch (fault.kind) {
			case 'crash': {
				const node = this.#world.node(fault.node);
				if (!node.process) return;
				counters.crashes++;
				this.#world.crash(node);
				return this.#world.restartAfter(node, fault.downMs);
			}
			case 'crashWithin': {
				const node = this.#world.node(fault.node);
				node.sendsLeft = fault.sends;
				this.#world.staysDown(node, fault.downMs);
				return;
			}
			case 'crashInFlush': {
				const node = this.#world.node(fault.node);
				const { epoch } = node;
				node.disk.beforeNextFlush = () => {
					if (node.epoch !== epoch || !node.process) return;
					counters.crashesInAFlush++;
					this.#world.crash(node);
					this.#world.restartAfter(node, fault.downMs);
				};
				return;
			}
			case 'crashAll':
				counters.crashesOfAll++;
				for (const node of this.#world.nodes) {
					this.#world.crash(node);
					this.#world.restartAfter(node, Math.round(fault.downMs * this.#random.between(0.5, 1)));
				}
				return;
			case 'pause': {
				const node = this.#world.node(fault.node);
				if (!node.process || node.paused) return;
				counters.pauses++;
				this.#world.pause(node);
				return this.#endsAfter(fault.ms, () => this.#world.resume(node));
			}
			case 'cuts':
				if (fault.shape === 'partition') counters.partitions++;
				else if (fault.shape === 'oneWay') counters.oneWayCuts++;
				else if (fault.shape === 'link') counters.linkCuts++;
				else if (fault.shape === 'chain') counters.chains++;
				else counters.quorumLossTopologies++;
				return this.#cutFor(this.#aroundLeader(fault.cuts, fault.leader), fault.ms);
			case 'clog':
				counters.clogs++;
				return this.#world.network.clog(fault.from, fault.to, this.#world.now + fault.ms * US_PER_MS);
			case 'lossy': {
				counters.lossyLinks++;
				const [[from, to]] = this.#aroundLeader([[fault.from, fault.to]], fault.leader) as [Cut];
				this.#world.network.setQuality(from, to, { ...this.#links, loss: fault.loss });
				return this.#endsAfter(fault.ms, () => this.#world.network.setQuality(from, to, this.#links));
			}
			case 'late': {
				const node = this.#world.node(fault.node);
				const quality = { ...this.#links, tail: LATE, delayTailMs: fault.byMs };
				counters.lateLinks++;
				this.#setQualityTo(node, quality);
				return this.#endsAfter(fault.ms, () => this.#setQualityTo(node, this.#links));
			}
			case 'clockStep':
				if (fault.byMs < 0) counters.clockStepsBack++;
				else counters.clockStepsAhead++;
				return this.#world.node(fault.node).clock.step(fault.byMs);
			case 'clockFreeze': {
				const { clock } = this.#world.node(fault.node);
				counters.clockFreezes++;
				clock.freeze(this.#world.now);
				return this.#endsAfter(fault.ms, () => clock.thaw());
			}
			case 'clockDrift':
				counters.clockDrifts++;
				this.#world.node(fault.node).clock.drift = fault.drift;
				return;
			case 'pace': {
				const { clock } = this.#world.node(fault.node);
				counters.paceChanges++;
				clock.pace = fault.pace;
				return this.#endsAfter(fault.ms, () => {
					clock.pace = 1;
				});
			}
			case 'flushFails': {
				const node = this.#world.node(fault.node);
				counters.flushFailures++;
				node.disk.failingFlushes = 1;
				this.#world.staysDown(node, fault.downMs);
				return;
			}
			case 'diskFull': {
				const node = this.#world.node(fault.node);
				counters.disksFull++;
				node.disk.freeBytes = 0;
				this.#world.staysDown(node, fault.ms);
				return this.#endsAfter(fault.ms, () => {
					node.disk.freeBytes = Number.POSITIVE_INFINITY;
				});
			}
			case 'slowDisk': {
				const { disk } = this.#world.node(fault.node);
				counters.slowDisks++;
				disk.flushMinUs = (fault.flushMs * US_PER_MS) / 2;
				disk.flushMaxUs = fault.flushMs * US_PER_MS;
				return this.#endsAfter(fault.ms, () => {
					disk.flushMinUs = 100;
					disk.flushMaxUs = 400;
				});
			}
			case 'corrupt': {
				const node = this.#world.node(fault.node);
				this.#world.crash(node);
				if (!node.process && !node.refuses && node.disk.corrupt()) {
					counters.corruptions++;
					node.corrupted = true;
				}
				return this.#world.restartAfter(node, fault.downMs);
			}
		}
	}

	/** The node that `label` stands for and the node that leads now change places. */
	#aroundLeader(cuts: readonly Cut[], label: number | undefined): readonly Cut[] {
		const leads = this.#world.nodes.findIndex((node) => node.process?.agent.view().role === 'leader');
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
		this.#endsAfter(ms, () => {
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

	#endsAfter(ms: number, act: () => void): void {
		const world = this.#world;
		world.plan(world.now + ms * US_PER_MS, undefined, 'fault', -1, act);
	}
}
