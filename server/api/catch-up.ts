/**
 * How far this node is behind its leader, in time: how long ago the leader had chosen no more slots than this node has
 * applied by now. A number of slots would say little, because a slot holds one command or thousands. `look` has to be
 * called from time to time.
 */

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
