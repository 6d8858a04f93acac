/**
 * Makes the plan's faults happen, each at its time, and ends them. The faults and their times were drawn before the run
 * (`faults.ts`). A fault of the leader finds out which node leads when it begins.
 */
import type { Phase1 } from '../paxos/campaign.ts';
import { sendAbsurd } from './absurd.ts';
import { changeMembers } from './changes.ts';
import type { Clock } from './clock.ts';
import { allBut, bothWays, type Cut } from './cuts.ts';
import { causeDiskFault, endPutBack } from './disk-trouble.ts';
import type { Fault } from './faults.ts';
import { handOver } from './handing-over.ts';
import { leave } from './leaving.ts';
import type { LinkQuality } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import { saveState } from './saving.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** The share of the messages to a node with late links that are late. */
const LATE = 0.5;
/** A leader that is to stay one, though it hears no quorum, has timers that take so many times as long. */
const STALE_PACE = 4;
/** A stale leader stays cut off from the others for this long once its witness hears it again. */
const STALE_ANSWER_MS = 50;
const MS_PER_YEAR = 365.25 * 24 * 3_600 * 1_000;

export class Trouble {
	readonly #world: World;
	readonly #random: Random;
	/** The behaviour of every link that no fault makes worse. */
	#links: LinkQuality;
	#isHealed = false;
	readonly #yearsOffMs = new Map<Clock, number>();

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

	/** Ends all faults for good, and starts every node that can be started. Clocks stay wrong. */
	heal(): void {
		this.#world.note('', 'everything heals');
		this.#isHealed = true;
		this.#world.isHealed = true;
		this.#world.onLeader.clear();
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
			this.#rightYear(node.clock);
			node.disk.flushMinUs = 100;
			node.disk.flushMaxUs = 400;
			node.disk.failing = undefined;
			node.disk.duringFlush = undefined;
			node.disk.freeBytes = Number.POSITIVE_INFINITY;
			node.sendsLeft = Number.POSITIVE_INFINITY;
			if (node.leaving) this.#world.crash(node);
			if (node.putBack) {
				this.#world.crash(node);
				endPutBack(node, this.#world);
			}
			this.#world.startNode(node);
		}
		this.#world.links.heal();
		this.#world.sockets.heal();
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
			case 'crashAll':
				counters.crashesOfAll++;
				for (const node of this.#world.nodes) {
					this.#world.crash(node);
					this.#world.restartAfter(node, Math.round(fault.downMs * this.#random.between(0.5, 1)));
				}
				return;
			case 'crashTwins':
				counters.twinsCrashed++;
				for (const index of fault.nodes) {
					const node = this.#world.node(index);
					this.#world.crash(node);
					this.#world.restartAfter(node, fault.downMs);
				}
				return;
			case 'crashReporter':
				return this.#crashReporter(fault.downMs);
			case 'changeMembers':
				return changeMembers(fault, this.#world);
			case 'leave': {
				const node = (fault.isLeader ? this.#leader() : undefined) ?? this.#world.node(fault.node);
				return leave(fault, node, this.#world);
			}
			case 'handOver': {
				const leader = this.#leader();
				return leader && handOver(fault, leader, this.#world);
			}
			case 'save':
				return saveState(fault, this.#world);
			case 'rhythm': {
				const leader = this.#leader();
				if (!leader) return;
				counters.rhythms++;
				for (let beat = 0; beat < fault.times; beat++) {
					this.#endsAfter(beat * fault.everyMs, () => {
						if (!leader.process || leader.paused || this.#isHealed) return;
						this.#world.pause(leader);
						this.#endsAfter(fault.stopMs, () => this.#world.resume(leader));
					});
				}
				return;
			}
			case 'laggard': {
				counters.laggards++;
				const everyone = this.#world.nodes.map(({ index }) => index);
				const { node, ms, hubMs } = fault;
				this.#cutFor(
					allBut(everyone, (x, y) => x !== node && y !== node),
					ms,
				);
				return this.#endsAfter(ms, () => {
					if (!this.#isHealed)
						this.#cutFor(
							allBut(everyone, (x, y) => x === node || y === node),
							hubMs,
						);
				});
			}
			case 'staleLeader':
				return this.#makeStale(fault);
			case 'rivals':
				return this.#makeRivals(fault);
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
			case 'clockYears': {
				const { clock } = this.#world.node(fault.node);
				const byMs = fault.years * MS_PER_YEAR;
				counters.clocksYearsOff++;
				clock.step(byMs);
				this.#yearsOffMs.set(clock, (this.#yearsOffMs.get(clock) ?? 0) + byMs);
				return this.#endsAfter(fault.ms, () => this.#rightYear(clock));
			}
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
			case 'crashInFlush':
			case 'flushFails':
			case 'diskFull':
			case 'slowDisk':
			case 'hungDisk':
			case 'stop':
			case 'damage':
			case 'putBack':
				return causeDiskFault(fault, this.#world, this.#random);
			case 'absurd':
				return sendAbsurd(this.#world, this.#world.node(fault.from), this.#world.node(fault.to), fault.which);
		}
	}

	#leader(): SimulatedNode | undefined {
		return this.#world.nodes.find((node) => node.process?.agent.view().role === 'leader');
	}

	/** For a while the leader is cut from all nodes but the witness, and the witness from all but the leader. */
	#makeStale({ witness, awayMs, ms }: Extract<Fault, { kind: 'staleLeader' }>): void {
		const leader = this.#leader();
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
		this.#endsAfter(ms, () => {
			leader.clock.pace = 1;
		});
	}

	/** The node that the next leader would learn chosen slots from crashes, unless that is the leader itself. */
	#crashReporter(downMs: number): void {
		const { counters, nodes, onLeader } = this.#world;
		const crash = ({ source, ballot }: Phase1): void => {
			const reporter = nodes.find(({ id }) => id === source);
			if (!reporter || source === ballot.node) return;
			onLeader.delete(crash);
			counters.reportersCrashed++;
			this.#endsAfter(0, () => {
				this.#world.crash(reporter);
				this.#world.restartAfter(reporter, downMs);
			});
		};
		onLeader.add(crash);
	}

	/** Each leader that begins meanwhile hears nobody, and reaches too few for a quorum, or just enough. */
	#makeRivals({ cutMs, byMs, ms }: Extract<Fault, { kind: 'rivals' }>): void {
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
		this.#endsAfter(ms, () => {
			onLeader.delete(cutOff);
			if (byMs > 0) for (const node of nodes) this.#setQualityTo(node, this.#links);
		});
	}

	/** Takes the step of the clock by years back. */
	#rightYear(clock: Clock): void {
		clock.step(-(this.#yearsOffMs.get(clock) ?? 0));
		this.#yearsOffMs.delete(clock);
	}

	/** The cuts, with the node that `label` stands for and the present leader swapped. */
	#aroundLeader(cuts: readonly Cut[], label: number | undefined): readonly Cut[] {
		const leads = this.#leader()?.index ?? -1;
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
