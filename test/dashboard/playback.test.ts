import { expect, test } from 'vitest';
import { FlurryRecorder } from '../../dashboard/model/flurry.ts';
import { ballotLadder } from '../../dashboard/model/ladder.ts';
import { playbackOf, stepAt } from '../../dashboard/model/playback.ts';
import { slotGrid } from '../../dashboard/model/slot-grid.ts';
import { toldSwarm } from './told.ts';

test('a decision plays back in about six seconds, each step after the one before, the last with all facts', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const { entries } = story.gather(1, []);
	const { steps, durationMs } = playbackOf(entries);
	expect(durationMs).toBeGreaterThan(5000);
	expect(durationMs).toBeLessThan(7000);
	expect(steps[0]?.fact.kind).toBe('campaign');
	expect(steps.at(-1)?.through).toBe(entries.length);
	for (const [index, step] of steps.entries()) {
		expect(step.atMs).toBeGreaterThan(steps[index - 1]?.atMs ?? -1);
		expect(step.through).toBeGreaterThan(steps[index - 1]?.through ?? 0);
		expect(stepAt(steps, step.atMs)).toBe(index);
	}
	expect(stepAt(steps, -1)).toBe(-1);
});

test('every message of a decision flies once, from a step to a later one', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const { flights } = playbackOf(story.gather(1, []).entries);
	// There are four others, and a node's messages to itself are not drawn.
	for (const kind of ['prepare', 'promise', 'accept', 'accepted'] as const) {
		expect(flights.filter((flight) => flight.kind === kind)).toHaveLength(4);
	}
	for (const flight of flights) {
		expect(flight.arriveMs).toBeGreaterThan(flight.departMs);
		expect(flight.lost).toBe(false);
	}
});

test('a message that was sent and never received is shown as lost', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const entries = story.gather(1, []).entries.filter(({ fact }) => !(fact.kind === 'received' && fact.node === 'n5'));
	const lost = playbackOf(entries).flights.filter((flight) => flight.lost);
	expect(lost.map((flight) => flight.to)).toEqual(['n5', 'n5']);
});

test('a moment of the mesh shows a reply only after the request has arrived', () => {
	const { swarm, entries } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const recorder = new FlurryRecorder();
	for (const entry of entries) recorder.add(entry, 1000);
	expect(recorder.take(1001)).toBeNull();
	const moment = recorder.take(2000);
	if (!moment) throw new Error('no moment');
	expect(moment.decides).toBe(true);
	const of = (kind: string) => moment.flights.filter((flight) => flight.kind === kind);
	for (const reply of of('promise')) {
		const request = of('prepare').find((flight) => flight.to === reply.from);
		expect(reply.departMs).toBeGreaterThanOrEqual(request?.arriveMs ?? Number.POSITIVE_INFINITY);
	}
	expect(recorder.take(3000)).toBeNull();
});

test('a moment that decides something is not replaced by a newer one of heartbeats only', () => {
	const { swarm, entries } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const recorder = new FlurryRecorder();
	for (const entry of entries.splice(0)) recorder.add(entry, 1000);
	swarm.heartbeat();
	for (const entry of entries) recorder.add(entry, 2000);
	expect(recorder.take(3000)?.decides).toBe(true);
});

test('the slot grid marks what each node holds, hatches the silent one, and counts the votes', () => {
	const { swarm, model, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	story.lost('n2', 1);
	const [column] = slotGrid(model, 10);
	expect(column?.marks.map(({ mark }) => mark)).toEqual(['chosen', 'unknown', 'chosen', 'chosen', 'chosen']);
	expect(column?.votes).toBe(4);
	expect(column?.text).toBe('put color = red');
});

test('a slot is named by the value that is chosen, also where a node still holds another one', () => {
	const { swarm, model, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const value = { digest: '1', bytes: 1, commands: 1, text: 'put color = blue' };
	const held = { slot: 1, acceptedBallot: '1@n5', value, chosen: false };
	story.snapshot('n5', { ...swarm.snapshot('n5'), chosenThrough: 0, slots: [held] });
	const [column] = slotGrid(model, 10);
	expect(column?.marks.at(-1)).toEqual({ node: 'n5', mark: 'accepted' });
	expect(column?.text).toBe('put color = red');
});

test('the ladder stands in the order of ballots, with every promise on its rung and none for a silent node', () => {
	const { swarm, model, story } = toldSwarm();
	const { lost } = swarm.duel('n2', 'n4', 'n4');
	story.lost('n5', 1);
	const ladder = ballotLadder(model, story.index.ballots(), 7);
	expect(ladder.ballots).toEqual([lost.ballot, lost.haltedBy]);
	expect(ladder.leading).toBe(lost.haltedBy);
	expect(ladder.rails.map(({ at }) => at)).toEqual([1, 1, 1, 1, undefined]);
});
