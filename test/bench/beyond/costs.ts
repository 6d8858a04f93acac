/** What the work of a node costs on its processor. */

/** Microseconds of one processor, for each turn in which a node does something, and for each command in it. */
export interface Cost {
	readonly turnUs: number;
	readonly commandUs: number;
}

export interface Costs {
	readonly leader: Cost;
	readonly follower: Cost;
	/** Of a follower's command, the part that goes to its store. */
	readonly applyUs: number;
	/** A linearizable read, at the node that answers it. */
	readonly readUs: number;
}

/** A load that was measured: a put costs so much processor time at a node, and the node took so many turns for it. */
export interface Sample {
	readonly putUs: number;
	readonly turns: number;
}

/**
 * Two loads tell what a turn costs and what a command costs: with one client a turn has one command at most, and with
 * many it has dozens.
 */
export function costOf(one: Sample, many: Sample): Cost {
	const turnUs = Math.max(0, (one.putUs - many.putUs) / (one.turns - many.turns));
	return { turnUs, commandUs: Math.max(0, many.putUs - turnUs * many.turns) };
}
