/**
 * Makes the plan's faults happen, each at its time, and ends them. The faults and their times were drawn before the run
 * (`faults.ts`). A fault of the leader finds out which node leads when it begins.
 */
import { sendAbsurd } from './absurd.ts';
import { changeMembers } from './changes.ts';
import { ClockTrouble } from './clock-trouble.ts';
import { causeDiskFault, endPutBack } from './disk-trouble.ts';
import type { Fault } from './faults.ts';
import { handOver } from './handing-over.ts';
import { breakTransfer } from './interrupting.ts';
import { leave } from './leaving.ts';
import { LinkTrouble } from './link-trouble.ts';
import type { LinkQuality } from './network.ts';
import type { SimulatedNode } from './node.ts';
import { causeProcessFault } from './process-trouble.ts';
import type { Random } from './random.ts';
import { saveState } from './saving.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

export class Trouble {
	readonly #world: World;
	readonly #random: Random;
	readonly #links: LinkTrouble;
	readonly #clocks: ClockTrouble;

	/** @param links the behaviour of every link that no fault makes worse */
	constructor(world: World, random: Random, links: LinkQuality) {
		this.#world = world;
		this.#random = random;
		this.#links = new LinkTrouble(world, random, links);
		this.#clocks = new ClockTrouble(world);
	}

	/** Makes each fault happen at its time. */
	schedule(faults: readonly Fault[]): void {
		for (const [index, fault] of faults.entries()) {
			this.#world.plan(fault.atMs * US_PER_MS, undefined, 'fault', index, () => this.#cause(fault));
		}
	}

	/** Ends all faults for good, and starts every node that can be started. Clocks stay wrong. */
	heal(): void {
		const world = this.#world;
		world.note('', 'everything heals');
		world.isHealed = true;
		world.onLeader.clear();
		world.onPart.clear();
		this.#links.heal();
		this.#clocks.heal();
		for (const node of world.nodes) this.#healNode(node);
		world.links.heal();
		world.sockets.heal();
	}

	#healNode(node: SimulatedNode): void {
		const world = this.#world;
		world.resume(node);
		node.disk.flushMinUs = 100;
		node.disk.flushMaxUs = 400;
		node.disk.failing = undefined;
		node.disk.duringFlush = undefined;
		node.disk.freeBytes = Number.POSITIVE_INFINITY;
		node.sendsLeft = Number.POSITIVE_INFINITY;
		if (node.leaving) world.crash(node);
		if (node.putBack) {
			world.crash(node);
			endPutBack(node, world);
		}
		world.startNode(node);
	}

	#cause(fault: Fault): void {
		const world = this.#world;
		if (world.isWatchedByPeople) world.note('', `FAULT ${JSON.stringify(fault)}`);
		switch (fault.kind) {
			case 'crash':
			case 'crashWithin':
			case 'crashAll':
			case 'crashTwins':
			case 'crashReporter':
			case 'pause':
			case 'rhythm':
				return causeProcessFault(fault, world, this.#random);
			case 'cuts':
			case 'clog':
			case 'lossy':
			case 'late':
			case 'laggard':
			case 'staleLeader':
			case 'rivals':
				return this.#links.cause(fault);
			case 'clockStep':
			case 'clockYears':
			case 'clockFreeze':
			case 'clockDrift':
			case 'pace':
				return this.#clocks.cause(fault);
			case 'crashInFlush':
			case 'flushFails':
			case 'diskFull':
			case 'slowDisk':
			case 'hungDisk':
			case 'stop':
			case 'damage':
			case 'putBack':
				return causeDiskFault(fault, world, this.#random);
			case 'changeMembers':
				return changeMembers(fault, world);
			case 'leave':
				return leave(fault, (fault.isLeader ? world.leader : undefined) ?? world.node(fault.node), world);
			case 'handOver':
				return world.leader && handOver(fault, world.leader, world);
			case 'save':
				return saveState(fault, world);
			case 'breakTransfer':
				return breakTransfer(fault, world);
			case 'absurd':
				return sendAbsurd(world, world.node(fault.from), world.node(fault.to), fault.which);
		}
	}
}
