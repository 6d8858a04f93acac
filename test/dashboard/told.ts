/** A fake swarm, and a model that gets the facts of each of its nodes, as from the feed. */
import { SwarmModel } from '../../dashboard/model/swarm-model.ts';
import type { Entry } from '../../dashboard/model/tape.ts';
import type { Fact } from '../../shared/fact.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';

export const START_MS = Date.UTC(2026, 10, 23, 14, 2, 11, 207);

export interface Told {
	readonly swarm: FakeSwarm;
	readonly model: SwarmModel;
	readonly facts: Fact[];
	readonly entries: Entry[];
}

export function toldSwarm(count = 5): Told {
	const facts: Fact[] = [];
	const entries: Entry[] = [];
	const model = new SwarmModel();
	const swarm = new FakeSwarm(fakeMembers(count), START_MS, (fact) => {
		facts.push(fact);
		const kept = model.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
		if (kept !== 'gap') entries.push(...kept);
	});
	for (const { id } of swarm.nodes) model.snapshot(id, swarm.snapshot(id));
	return { swarm, model, facts, entries };
}
