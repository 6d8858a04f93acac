/**
 * The lab of one node: faults that people make in what its peers send to it, and through the primary process in the nodes
 * themselves. There is none without `--lab`. Everything that is done is a fact, and ends with the process.
 */
import type { RawFactBody } from '../../shared/fact.ts';
import { isFault, type LinkFault, type LinkFaultFrom, NO_FAULT, type NodeAct } from '../../shared/lab.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Frame } from '../mesh/frame.ts';
import { Direction, type LabClock, type WaitingMessage } from './direction.ts';

/** Who starts and stops the processes of nodes. */
export interface NodeActor {
	/** @param node its name @returns why it could not be done, a sentence; null where it is done */
	act(act: NodeAct, node: string): Promise<string | null>;
}

export interface LabOptions {
	readonly clock: LabClock;
	/** The other members. */
	peers(): readonly NodeId[];
	/** A frame of `from` has arrived. */
	deliver(from: NodeId, epoch: string, frame: Frame): void;
	renew(peer: NodeId, why: string): void;
	part(peer: NodeId, isApart: boolean, why: string): void;
	tell(fact: RawFactBody): void;
	/** The primary process; null where none started this node. */
	readonly primary: NodeActor | null;
}

/** What a peer sends to this node. */
export interface DirectionView extends LinkFaultFrom {
	readonly waitingCount: number;
	/** The first messages that wait, `SHOWN_MAX` at most. */
	readonly waiting: readonly WaitingMessage[];
}

const SHOWN_MAX = 100;

export class Lab {
	readonly #options: LabOptions;
	readonly #directions = new Map<NodeId, Direction>();

	constructor(options: LabOptions) {
		this.#options = options;
	}

	/** A frame of `from` came from the network. */
	arrive(from: NodeId, epoch: string, frame: Frame): void {
		const direction = this.#directions.get(from);
		if (direction) direction.arrive(epoch, frame);
		else this.#options.deliver(from, epoch, frame);
	}

	linkDown(peer: NodeId): void {
		this.#directions.get(peer)?.linkDown();
	}

	/** Changes those parts of the fault that are given. */
	set(from: NodeId, change: Partial<LinkFault>): void {
		const direction = this.#directionOf(from);
		const fault = { ...direction.fault, ...change };
		direction.set(fault);
		this.#options.tell({ kind: 'linkFault', from, ...fault });
	}

	/** What waits may arrive, `count` messages of it. @returns how many did */
	release(from: NodeId, count: number): number {
		return this.#directions.get(from)?.release(count) ?? 0;
	}

	/** Every fault of a link to this node is over. */
	heal(): void {
		for (const [from, { fault }] of this.#directions) if (isFault(fault)) this.set(from, NO_FAULT);
	}

	/** The faults there are, for watchers. */
	get faults(): readonly LinkFaultFrom[] {
		return [...this.#directions.values()]
			.filter(({ fault }) => isFault(fault))
			.map(({ from, fault }) => ({ from, ...fault }));
	}

	view(): readonly DirectionView[] {
		return this.#options.peers().map((from) => {
			const direction = this.#directions.get(from);
			const { count = 0, first } = direction?.waiting ?? {};
			return {
				from,
				...(direction?.fault ?? NO_FAULT),
				waitingCount: count,
				waiting: first?.(SHOWN_MAX) ?? [],
			};
		});
	}

	/**
	 * Does something to a node by the primary process.
	 *
	 * @returns why it could not be done, a sentence; null where it is done
	 */
	async act(act: NodeAct, node: NodeId): Promise<string | null> {
		const { primary, tell } = this.#options;
		if (primary === null) return 'No primary process started this node, so nodes are started and stopped by hand.';
		const why = await primary.act(act, nameOf(node));
		if (why === null) tell({ kind: 'nodeFault', act, target: node });
		return why;
	}

	stop(): void {
		for (const direction of this.#directions.values()) direction.stop();
	}

	#directionOf(from: NodeId): Direction {
		let direction = this.#directions.get(from);
		if (!direction) {
			const { clock, deliver, renew, part } = this.#options;
			direction = new Direction(from, clock, {
				deliver: (epoch, frame) => deliver(from, epoch, frame),
				renew: (why) => renew(from, why),
				part: (isApart, why) => part(from, isApart, why),
			});
			this.#directions.set(from, direction);
		}
		return direction;
	}
}

export const REAL_LAB_CLOCK: LabClock = {
	nowMs: () => performance.now(),
	after(afterMs, run) {
		const timer = setTimeout(run, afterMs);
		return () => clearTimeout(timer);
	},
	random: Math.random,
};
