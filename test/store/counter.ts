/** A state machine of a user, for tests: counters with names. */
import { Writer } from '../../shared/bytes/bytes.ts';
import { fromUtf8, toUtf8 } from '../../shared/bytes/text.ts';
import { jsonCodec, type StateMachine } from '../../shared/store/state-machine.ts';

export interface Add {
	readonly name: string;
	readonly by: number;
}

export interface Added {
	readonly value: number;
	readonly slot: number;
	readonly timeMs: number;
	readonly drawn: readonly number[];
}

export type Counters = Map<string, number>;

/** Adding `by: 13` is what it cannot do. */
export const counters: StateMachine<Counters, Add, Added> = {
	name: 'counters',
	version: 2,
	command: jsonCodec(),
	result: jsonCodec(),
	initial: () => new Map(),
	apply(state, { name, by }, { slot, timeMs, random }) {
		if (by === 13) throw new Error('thirteen');
		const value = (state.get(name) ?? 0) + by;
		state.set(name, value);
		return { value, slot, timeMs, drawn: [random(), random()] };
	},
	snapshot(state) {
		const entries = [...state];
		return entries.map(([name, value]) => toUtf8(`${name}=${value}`));
	},
	restore: (parts) =>
		new Map(
			parts.map((part) => {
				const [name = '', value] = (fromUtf8(part) ?? '').split('=');
				return [name, Number(value)];
			}),
		),
};

/** All that a cut writes, part by part, with what is done between two parts. */
export function written(
	cut: { write(out: Writer, bytesGoal: number): boolean },
	bytesGoal: number,
	between = (): void => undefined,
): Uint8Array[] {
	const parts: Uint8Array[] = [];
	for (;;) {
		const out = new Writer();
		if (!cut.write(out, bytesGoal)) return parts;
		parts.push(out.take());
		between();
	}
}
