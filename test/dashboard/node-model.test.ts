import { expect, test } from 'vitest';
import { happenedBy } from '../../dashboard/model/happened.ts';
import type { NodeModel } from '../../dashboard/model/node-model.ts';
import { Story } from '../../dashboard/model/story.ts';
import type { Fact, FactBody } from '../../shared/fact.ts';
import type { FactBatch, NodeSnapshot } from '../../shared/feed.ts';
import { NO_FAULT } from '../../shared/lab.ts';
import { summary } from './fake-swarm.ts';
import { type Told, toldSwarm } from './told.ts';

/** The state that a node's facts must lead to. Keys come with snapshots only. */
function shown(model: NodeModel) {
	return {
		node: model.id,
		epoch: model.epoch,
		seq: model.seq,
		role: model.role,
		promised: model.promised,
		leader: model.leader,
		chosenThrough: model.chosenThrough,
		appliedThrough: model.appliedThrough,
		trimmedThrough: model.trimmedThrough,
		revision: model.revision,
		slots: [...model.slots.values()].toSorted((a, b) => a.slot - b.slot),
		linked: [...model.linked].toSorted(),
		phase1: model.phase1,
		faults: model.faults && [...model.faults.values()],
	};
}

function told(snapshot: NodeSnapshot) {
	const { time: _, swarm: __, entries: ___, entriesCount: ____, linked, ...rest } = snapshot;
	return { ...rest, linked: linked.toSorted() };
}

function expectEqualAtEveryNode({ swarm, model }: Told): void {
	for (const { id } of swarm.nodes) {
		const node = model.node(id);
		if (!node) throw new Error(`${id} is not shown`);
		expect(shown(node)).toEqual(told(swarm.snapshot(id)));
	}
}

test('what is shown of every node equals its own state, at every step of elections, decisions, a contest and a duel', () => {
	const world = toldSwarm();
	const { swarm } = world;
	swarm.campaign('n3', 'noLeader');
	expectEqualAtEveryNode(world);
	for (const value of ['red', 'blue', 'green'])
		swarm.propose('n1', { key: 'color', value, route: 'leader', contest: 0 });
	expectEqualAtEveryNode(world);
	swarm.propose('n4', { key: 'color', value: 'teal', route: 'self', contest: 2 });
	expectEqualAtEveryNode(world);
	swarm.duel('n2', 'n5', 'n5');
	expectEqualAtEveryNode(world);
	swarm.kill('n1');
	swarm.propose('n2', { key: 'color', value: 'pink', route: 'leader', contest: 0 });
	swarm.node('n1').alive = true;
	expectEqualAtEveryNode(world);
	swarm.trim('n2', 2);
	swarm.install('n1', 4);
	expectEqualAtEveryNode(world);
	swarm.fault('n2', 'n1', { ...NO_FAULT, cut: true });
	swarm.fault('n2', 'n3', { ...NO_FAULT, delayMs: 300 });
	swarm.fault('n2', 'n3', { ...NO_FAULT, delayMs: 100, hold: true });
	expectEqualAtEveryNode(world);
	swarm.fault('n2', 'n1', NO_FAULT);
	expectEqualAtEveryNode(world);
});

/** A story of one node. */
function watched(id: string) {
	const story = new Story(() => 0);
	const node = (): NodeModel => {
		const found = story.live.node(id);
		if (!found) throw new Error(`${id} is not shown`);
		return found;
	};
	return { story, node };
}

test('a batch that does not follow is a gap: nothing of it is folded until a snapshot comes', () => {
	const { swarm, facts } = toldSwarm();
	const { story, node: model } = watched('n1');
	story.snapshot('n1', swarm.snapshot('n1'));
	swarm.campaign('n1', 'noLeader');
	const own = facts.filter((fact) => fact.node === 'n1');
	expect(story.batch('n1', batchOf(own.slice(0, 2)))).toHaveLength(2);
	const before = model().promised;
	expect(story.batch('n1', batchOf(own.slice(3)))).toBe('gap');
	expect(model().status).toBe('catchingUp');
	expect(story.batch('n1', batchOf(own.slice(2)))).toEqual([]);
	expect(model().promised).toBe(before);
	story.snapshot('n1', swarm.snapshot('n1'));
	expect(shown(model())).toEqual(told(swarm.snapshot('n1')));
	expect(model().status).toBe('up');
});

test('a batch of another epoch is a gap, even where its numbers would follow', () => {
	const { swarm, facts } = toldSwarm();
	const { story } = watched('n1');
	story.snapshot('n1', swarm.snapshot('n1'));
	swarm.campaign('n1', 'noLeader');
	const own = facts.filter((fact) => fact.node === 'n1').slice(0, 2);
	expect(story.batch('n1', { ...batchOf(own), epoch: 'another life' })).toBe('gap');
});

test('what a snapshot already holds is not folded twice', () => {
	const { swarm, facts } = toldSwarm();
	const { story, node: model } = watched('n2');
	story.snapshot('n2', swarm.snapshot('n2'));
	swarm.campaign('n2', 'noLeader');
	const own = facts.filter((fact) => fact.node === 'n2');
	story.batch('n2', batchOf(own.slice(0, 4)));
	expect(story.batch('n2', batchOf(own.slice(2)))).toMatchObject(own.slice(4).map((fact) => ({ fact })));
	expect(model().seq).toBe(own.at(-1)?.seq);
});

test('facts that were added up instead of sent leave the node catching up until its snapshot', () => {
	const { swarm } = toldSwarm();
	const { story, node: model } = watched('n1');
	story.snapshot('n1', swarm.snapshot('n1'));
	expect(story.batch('n1', { epoch: model().epoch, from: model().seq + 1, facts: [], skipped: { sent: 412 } })).toEqual(
		[],
	);
	expect(model().status).toBe('catchingUp');
	expect(model().isUp).toBe(false);
});

test('a node that fell silent is unknown since it was last heard, and known again with its next snapshot', () => {
	const { swarm, model, story } = toldSwarm();
	story.lost('n3', 1234);
	expect(model.node('n3')?.status).toBe('unknown');
	expect(model.node('n3')?.unknownSinceMs).toBe(1234);
	expect(model.health).toEqual([{ up: 4, of: 5, needed: 3, from: 1 }]);
	story.snapshot('n3', swarm.snapshot('n3'));
	expect(model.health).toEqual([{ up: 5, of: 5, needed: 3, from: 1 }]);
});

test('a node that tells something is heard again, and nobody is told that it is not', () => {
	const { swarm, model, story } = toldSwarm();
	story.lost('n3', 1234);
	const said = () => happenedBy(story.landmarks, Number.POSITIVE_INFINITY, model).map(({ text }) => text);
	expect(said()).toEqual(['n3 is not heard any more']);
	swarm.campaign('n3', 'noLeader');
	expect(said()).toEqual([expect.stringMatching(/^n3 became leader/)]);
});

test('a slot is trimmed once a node that is heard keeps it in its snapshot only', () => {
	const { swarm, model, story } = toldSwarm();
	swarm.campaign('n3', 'noLeader');
	for (const value of ['red', 'blue']) swarm.propose('n1', { key: 'color', value, route: 'leader', contest: 0 });
	expect(model.isTrimmed(1)).toBe(false);
	swarm.trim('n2', 1);
	expect([1, 2].map((slot) => model.isTrimmed(slot))).toEqual([true, false]);
	story.lost('n2', 0);
	expect(model.isTrimmed(1)).toBe(false);
});

test('what a node fetched it has not accepted, whatever it had accepted in that slot before', () => {
	const { swarm } = toldSwarm();
	const { story, node: model } = watched('n1');
	const { epoch, seq, promised } = swarm.snapshot('n1');
	story.snapshot('n1', swarm.snapshot('n1'));
	const of = { node: 'n1', epoch, time: 0 };
	const accepted = (slot: number, text: string): FactBody => {
		return { kind: 'accepted', ballot: `${slot}`.padStart(20, '0').concat('@n2'), slot, value: summary(text) };
	};
	const fetched = (slot: number, text: string): FactBody => {
		return { kind: 'chosen', ballot: promised, slot, value: summary(text), how: 'fetched' };
	};
	const bodies = [accepted(1, 'red'), accepted(2, 'blue'), fetched(1, 'red'), fetched(2, 'teal'), fetched(3, 'pink')];
	story.batch('n1', batchOf(bodies.map((body, i) => ({ ...of, seq: seq + 1 + i, ...body }) as Fact)));
	expect([1, 2, 3].map((slot) => model().slots.get(slot)?.acceptedBallot !== '')).toEqual([true, false, false]);
	expect(model().lastAccepted?.slot).toBe(1);
});

test('however many slots there are, only the most recent are kept', () => {
	const { swarm, model } = toldSwarm(1);
	swarm.campaign('n1', 'noLeader');
	for (let i = 0; i < 300; i++) swarm.propose('n1', { key: 'k', value: `${i}`, route: 'leader', contest: 0 });
	const node = model.node('n1');
	expect(node?.chosenThrough).toBe(300);
	expect(node?.slots.size).toBeLessThanOrEqual(128);
	expect(node?.slots.has(300)).toBe(true);
});

test('a node that has accepted very many slots above one that it lacks knows that one once it learns it', () => {
	const { swarm, story } = toldSwarm();
	const { story: own, node: model } = watched('n1');
	own.snapshot('n1', swarm.snapshot('n1'));
	const ballot = `${BigInt(story.live.node('n1')?.promised.split('@')[0] || 0) + 1n}@n3`;
	const { epoch, seq } = model();
	const bodies: FactBody[] = Array.from({ length: 200 }, (_, i) => {
		return { kind: 'accepted', ballot, slot: i + 2, value: summary(`${i}`) };
	});
	bodies.push({ kind: 'chosen', ballot, slot: 1, value: summary('red'), how: 'fetched' });
	own.batch(
		'n1',
		batchOf(bodies.map((body, i) => ({ node: 'n1', epoch, time: 0, seq: seq + 1 + i, ...body }) as Fact)),
	);
	expect(model().chosenThrough).toBe(1);
	expect(model().slots.size).toBeLessThanOrEqual(128);
});

test('the phase 1 of a leader begins above what one of its quorum knows to be chosen, whatever is promised later', () => {
	const { swarm, story, model } = toldSwarm();
	const ballot = '2000000000000000000@n3';
	const voters = ['n1', 'n2', 'n3'];
	const promise = (from: string, chosenThrough: number) => {
		swarm.tell('n3', { kind: 'promiseCounted', ballot, from, chosenThrough, reported: [], voters, needed: 3 });
	};
	swarm.tell('n3', { kind: 'campaign', ballot, why: 'noLeader', contest: 0, chosenThrough: 0 });
	for (const [from, chosenThrough] of [
		['n3', 0],
		['n1', 7],
		['n2', 4],
	] as const)
		promise(from, chosenThrough);
	const why = 'promisedByQuorum';
	swarm.tell('n3', { kind: 'role', role: 'leader', ballot, leader: ballot, why, by: voters, silentMs: 0 });
	promise('n4', 9);
	expect(model.node('n3')?.phase1).toMatchObject({ chosenThrough: 7, recoveredThrough: 7 });
	const value = summary('put color = red');
	swarm.tell('n3', { kind: 'proposed', ballot, slot: 8, value, origin: 'own', reportedAt: '' });
	expect(story.decision(story.gather(8, [])).rounds).toMatchObject([{ onceAbove: 7 }]);
});

function batchOf(facts: FactBatch['facts']): FactBatch {
	return { epoch: facts[0]?.epoch ?? '', from: facts[0]?.seq ?? 0, facts, skipped: {} };
}

test('what is wrong at a node is shown as long as it is, and a loop that stood still from then on', () => {
	const { swarm, model } = toldSwarm();
	const troubles = () => model.node('n1')?.troubles;
	swarm.tell('n1', { kind: 'disk', what: 'hangs', detail: 'has waited for its disk for 2.0 s' });
	swarm.tell('n1', { kind: 'state', what: 'differs', detail: 'has another state than n2 after slot 7' });
	swarm.tell('n1', { kind: 'clockSkew', peer: 'n3', aheadMs: 7_200_000 });
	swarm.tell('n1', { kind: 'stall', ms: 300, detail: 'the event loop stood still for 300 ms' });
	expect(troubles()).toEqual({
		disk: 'has waited for its disk for 2.0 s',
		state: 'has another state than n2 after slot 7',
		'clock n3': "the clock of n3 is 2 hours ahead of this node's",
		loop: 'the event loop stood still for 300 ms',
	});
	swarm.tell('n1', { kind: 'disk', what: 'answers', detail: 'is answered by its disk again' });
	swarm.tell('n1', { kind: 'state', what: 'agrees', detail: 'has the same state as n2 again' });
	swarm.tell('n1', { kind: 'clockSkew', peer: 'n3', aheadMs: 0 });
	expect(troubles()).toEqual({ loop: 'the event loop stood still for 300 ms' });
});
