/** A run of the sandbox as a trace file: it is played once more, and everything that is told is written down. */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { Stage } from '../../shared/simulation/stage.ts';
import { TraceWriter } from '../../shared/simulation/trace-writer.ts';
import type { TraceFile, TraceTold } from '../../shared/trace-file.ts';
import { agentWithout } from '../game/agents.ts';
import type { RunAt } from './address.ts';

/** @param factsMax about so many facts are kept, of the end of the run */
export function savedRun({ without, script, at }: RunAt, title: string, factsMax?: number): TraceFile {
	const snapshotOf = (id: NodeId) => stage.snapshot(id) ?? [];
	const writer = new TraceWriter(() => stage.nodes.flatMap(snapshotOf), factsMax);
	const add = (told: TraceTold) => writer.add(stage.now, told);
	const stage: Stage = new Stage(
		script,
		{
			snapshot: (_, snapshot) => add({ kind: 'snapshot', snapshot }),
			batch: (_, { facts }) => add({ kind: 'facts', facts }),
			silent: (node, sinceMs) => add({ kind: 'lost', node, sinceMs }),
			answered: () => undefined,
		},
		agentWithout(without),
	);
	stage.run(at);
	return { ...writer.file(title), ...(without && { without }) };
}
