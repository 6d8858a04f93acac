/**
 * How far this node is behind its leader, in time: how long ago the leader had chosen no more slots than this node has
 * applied by now. A number of slots would say little, because a slot holds one command or thousands.
 */
import type { NodeService } from '../replica/service.ts';

/** The interval of looks. It is well below READY_LAG_MS_MAX. */
const LOOK_EVERY_MS = 100;

/** `look` has to be called from time to time. */
export class CatchUp {
	/** The last time at which the leader had chosen no more than this node has applied by now; -Infinity for never. */
	#caughtUpAtMs = Number.NEGATIVE_INFINITY;
	/** The slot up to which the leader had chosen at `atMs`, and that this node has not applied yet. */
	#goal: { readonly slot: number; readonly atMs: number } | null = null;

	/**
	 * @param nowMs monotonic, milliseconds
	 * @param applied the slot up to which this node has applied
	 * @param leaderChosen the slot up to which its leader is known to have chosen; null where it hears no leader
	 */
	look(nowMs: number, applied: number, leaderChosen: number | null): void {
		if (this.#goal !== null && applied >= this.#goal.slot) {
			this.#caughtUpAtMs = this.#goal.atMs;
			this.#goal = null;
		}
		if (leaderChosen === null) return;
		if (applied >= leaderChosen) this.#caughtUpAtMs = nowMs;
		else this.#goal ??= { slot: leaderChosen, atMs: nowMs };
	}

	/** How far this node is behind, milliseconds; Infinity where it has not caught up since it started. */
	lagMs(nowMs: number): number {
		return nowMs - this.#caughtUpAtMs;
	}
}

export interface RunningCatchUp {
	/** How far the node is behind its leader, milliseconds; Infinity where it has not caught up since it started. */
	lagMs(): number;
	stop(): void;
}

/** Measures how far a node is behind its leader, until it is stopped. */
export function watchCatchUp(service: Pick<NodeService, 'view' | 'peers'>): RunningCatchUp {
	const catchUp = new CatchUp();
	const look = (): void => {
		const { id, leader, chosenThrough, appliedThrough } = service.view();
		const peer = service.peers().find((candidate) => candidate.id === leader.node);
		// The chosenThrough of a node that does not lead says nothing of the leader's.
		const told = peer?.role === 'leader' ? Math.max(peer.chosenThrough, chosenThrough) : null;
		const leaderChosen = leader.node === id ? chosenThrough : told;
		catchUp.look(performance.now(), appliedThrough, leaderChosen);
	};
	const timer = setInterval(look, LOOK_EVERY_MS);
	return {
		lagMs: () => {
			look();
			return catchUp.lagMs(performance.now());
		},
		stop: () => clearInterval(timer),
	};
}
