/** A slot's value, cut to what people and JSON need. */

/** What a slot's value holds, for people. `bytes` 0 is the no-op. */
export interface ValueSummary {
	/** Of the whole value, so that two values can be told apart: equal bytes give an equal digest. */
	readonly digest: string;
	readonly bytes: number;
	/** How many commands are in it. */
	readonly commands: number;
	/** The first commands, each cut: `put color = red`, `open session Vx3…`, … */
	readonly text: string;
}

export function describeValue(_value: Uint8Array): ValueSummary {
	throw new Error('to be written by the store');
}
