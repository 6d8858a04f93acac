/**
 * A trace file of so many facts: five nodes of the simulator that decide something every few milliseconds, and one of which
 * is killed and started again every ten seconds. It is written piece by piece, because it may be larger than a string.
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { TimedAction } from '../../../shared/simulation/action.ts';
import { US_PER_MS } from '../../../shared/simulation/schedule.ts';
import { RUN_US_MAX, Stage } from '../../../shared/simulation/stage.ts';
import { TRACE_FORMAT, type TraceTold } from '../../../shared/trace-file.ts';

const NODES = 5;
const PUT_EVERY_US = 12 * US_PER_MS;
const CRASH_EVERY_US = 10_000 * US_PER_MS;
const DOWN_US = 1_000 * US_PER_MS;
const RUN_AT_ONCE_US = 1_000 * US_PER_MS;

/** @returns how many facts it has, a few more than asked for */
export async function record(file: string, facts: number): Promise<number> {
	const out = createWriteStream(file);
	let count = 0;
	let pieces: string[] = [];
	const add = (told: TraceTold): void => {
		pieces.push(JSON.stringify({ ms: stage.now / US_PER_MS, ...told }));
		if (told.kind === 'facts') count += told.facts.length;
	};
	const stage: Stage = new Stage(
		{ seed: 1, nodes: NODES, actions: actions() },
		{
			snapshot: (_, snapshot) => add({ kind: 'snapshot', snapshot }),
			batch: (_, batch) => add({ kind: 'facts', facts: batch.facts }),
			silent: (node, sinceMs) => add({ kind: 'lost', node, sinceMs }),
			answered: () => undefined,
		},
	);
	out.write(`{"format":${JSON.stringify(TRACE_FORMAT)},"title":"A long run of five nodes.","told":[`);
	let isFirst = true;
	while (count < facts) {
		if (stage.violation || stage.now >= RUN_US_MAX) throw new Error(`the run ended after ${count} facts`);
		stage.run(stage.now + RUN_AT_ONCE_US, () => count >= facts);
		if (pieces.length === 0) continue;
		const isTaken = out.write(`${isFirst ? '' : ','}${pieces.join(',')}`);
		isFirst = false;
		pieces = [];
		if (!isTaken) await once(out, 'drain');
	}
	out.end(']}');
	await once(out, 'close');
	return count;
}

function actions(): TimedAction[] {
	const all: TimedAction[] = [];
	for (let at = RUN_AT_ONCE_US; at < RUN_US_MAX; at += PUT_EVERY_US) {
		const node = `n${1 + (all.length % (NODES - 1))}`;
		const value = `value ${all.length}`;
		const key = `key ${all.length % 50}`;
		all.push({ at, action: { kind: 'propose', node, key, value, route: 'leader', contest: 0 } });
	}
	for (let at = CRASH_EVERY_US; at < RUN_US_MAX; at += CRASH_EVERY_US) {
		all.push({ at, action: { kind: 'crash', node: 'n5' } });
		all.push({ at: at + DOWN_US, action: { kind: 'restart', node: 'n5' } });
	}
	return all.sort((a, b) => a.at - b.at);
}
