/**
 * How far this node is behind its leader, in time: how long ago the leader had chosen no more than this node has
 * applied by now. A slot holds one command or thousands, so slots would say little. It reads no clock and asks nobody:
 * it is told both from time to time.
 */

export class CatchUp {
	/** When the leader had chosen no more than this node has applied by now; -Infinity before it ever caught up. */
	#caughtUpAtMs = Number.NEGATIVE_INFINITY;
	/** What the leader had chosen at some moment, and this node has not applied yet. */
	#goal: { readonly slot: number; readonly atMs: number } | null = null;

	/** @param leaderChosen what its leader is known to have chosen by now; null where it hears none */
	look(nowMs: number, applied: number, leaderChosen: number | null): void {
		if (this.#goal !== null && applied >= this.#goal.slot) {
			this.#caughtUpAtMs = this.#goal.atMs;
			this.#goal = null;
		}
		if (leaderChosen === null) return;
		if (applied >= leaderChosen) this.#caughtUpAtMs = nowMs;
		else this.#goal ??= { slot: leaderChosen, atMs: nowMs };
	}

	/** Infinity where it has not caught up since it started. Milliseconds. */
	lagMs(nowMs: number): number {
		return nowMs - this.#caughtUpAtMs;
	}
}
