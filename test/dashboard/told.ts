/** A fake swarm, and a story that gets the facts of each of its nodes, as from the feed. */
import { Story } from '../../dashboard/model/story.ts';
import type { SwarmModel } from '../../dashboard/model/swarm-model.ts';
import type { Entry } from '../../dashboard/model/tape.ts';
import type { Fact } from '../../shared/fact.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';

export const START_MS = Date.UTC(2026, 10, 23, 14, 2, 11, 207);

export interface Told {
	readonly swarm: FakeSwarm;
	readonly story: Story;
	/** The swarm as of now. */
	readonly model: SwarmModel;
	readonly facts: Fact[];
	readonly entries: Entry[];
}

export function toldSwarm(count = 5): Told {
	const facts: Fact[] = [];
	const entries: Entry[] = [];
	let nowMs = 0;
	const story = new Story(() => nowMs++);
	const swarm = new FakeSwarm(fakeMembers(count), START_MS, (fact) => {
		facts.push(fact);
		const kept = story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
		if (kept !== 'gap') entries.push(...kept);
	});
	for (const { id } of swarm.nodes) story.snapshot(id, swarm.snapshot(id));
	return { swarm, story, model: story.live, facts, entries };
}
