/** A bar that the dashboard has to hold, and what was measured of it. */

export interface DashboardBenchOptions {
	/** The names of the bars to measure; all where it is not given. */
	readonly only?: readonly string[];
	/** How long frames are watched, seconds. */
	readonly seconds: number;
	/** How long the heap is watched, minutes. */
	readonly minutes: number;
	/** How long a node is away and a tab asleep, seconds. */
	readonly away: number;
	/** The number of facts that are scrubbed over. */
	readonly facts: number;
	/** Of what is done in turn or again and again. */
	readonly rounds: number;
	readonly json?: true;
}

/** One line of the table. */
export interface Measured {
	readonly bar: string;
	readonly target: string;
	readonly measured: string;
	readonly isMet: boolean;
	/** Why it is not met, or what else has to be known. */
	readonly note?: string;
}

export interface Bar {
	/** As in `--only NAME`. */
	readonly name: string;
	measure(options: DashboardBenchOptions): Promise<readonly Measured[]>;
}
