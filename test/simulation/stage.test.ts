/** Runs that a person directs: the same script gives the same run, and each action does what it says. */
import { expect, test } from 'vitest';
import type { Fact } from '../../shared/fact.ts';
import type { ProposeAnswer } from '../../shared/feed.ts';
import type { Action, Script } from '../../shared/simulation/action.ts';
import { type Answer, Stage } from '../../shared/simulation/stage.ts';

const MS = 1000;
const SETTLED = 1_000 * MS;

interface Staged {
	readonly stage: Stage;
	readonly facts: Fact[];
	/** When each of the facts was told, in the time of the stage. */
	readonly times: number[];
	readonly answers: Answer[];
}

function staged(script: Partial<Script> = {}): Staged {
	const facts: Fact[] = [];
	const times: number[] = [];
	const answers: Answer[] = [];
	const stage: Stage = new Stage(
		{ seed: 7, nodes: 5, actions: [], ...script },
		{
			snapshot: () => undefined,
			batch: (_, batch) => {
				facts.push(...batch.facts);
				times.push(...batch.facts.map(() => stage.now));
			},
			silent: () => undefined,
			answered: (_, answer) => answers.push(answer),
		},
	);
	return { stage, facts, times, answers };
}

/** With a leader, and all links made. */
function settled(): Staged {
	const run = staged();
	run.stage.run(SETTLED);
	return run;
}

function propose(node: string, value: string, route: 'leader' | 'self' = 'self'): Action {
	return { kind: 'propose', node, key: 'color', value, route, contest: 0 };
}

function leaderOf({ stage }: Staged): string {
	const leader = stage.nodes.find((id) => stage.snapshot(id)?.role === 'leader');
	if (!leader) throw new Error('no node leads');
	return leader;
}

function proposed({ answers }: Staged): ProposeAnswer[] {
	return answers.flatMap((answer) => (answer.kind === 'propose' ? [answer.answer] : []));
}

function run({ stage }: Staged, ms: number): void {
	stage.run(stage.now + ms * MS);
	expect(stage.violation).toBeNull();
}

test('the same script gives the same run, fact by fact, however it is cut into pieces', () => {
	const first = settled();
	const { stage } = first;
	stage.act(propose('n2', 'red'));
	run(first, 1);
	const [flight] = [...stage.flights];
	if (!flight) throw new Error('nothing is in flight');
	stage.act({ kind: 'hold', flight: flight.number, ms: 5 });
	stage.act({ kind: 'duplicate', flight: flight.number });
	stage.act({ kind: 'cut', from: 'n1', to: 'n3' });
	run(first, 300);
	stage.act({ kind: 'crash', node: 'n2' });
	run(first, 1_500);
	stage.act({ kind: 'restart', node: 'n2' });
	stage.act({ kind: 'healAll' });
	stage.act(propose('n4', 'blue'));
	run(first, 2_000);
	expect(proposed(first).map(({ outcome }) => outcome)).toEqual(['chosen', 'chosen']);

	const again = staged(stage.script);
	again.stage.run(stage.now);
	expect(again.facts).toEqual(first.facts);
	expect(again.stage.script).toEqual(stage.script);
	for (const id of stage.nodes) expect(again.stage.snapshot(id)).toEqual(stage.snapshot(id));

	const inPieces = staged(stage.script);
	while (inPieces.stage.now < stage.now) inPieces.stage.run(Math.min(inPieces.stage.now + 777, stage.now));
	expect(inPieces.facts).toEqual(first.facts);
});

test('a message in flight is delivered, held, doubled or dropped, and a drop ends its connection', () => {
	const held = settled();
	held.stage.act(propose('n2', 'red'));
	held.stage.run(SETTLED + 20 * MS, () => [...held.stage.flights].some(({ kinds }) => kinds.includes('prepare')));
	const prepares = [...held.stage.flights].filter(({ kinds }) => kinds.includes('prepare'));
	expect(prepares).toHaveLength(4);
	const [delivered, later, twice, dropped] = prepares.map(({ number }) => number) as [number, number, number, number];
	const { now } = held.stage;
	held.stage.act({ kind: 'deliver', flight: delivered });
	held.stage.act({ kind: 'hold', flight: later, ms: 10 });
	held.stage.act({ kind: 'duplicate', flight: twice });
	held.stage.act({ kind: 'drop', flight: dropped });
	const toWhom = new Map(prepares.map(({ number, to }) => [number, to]));
	run(held, 2_000);
	/** How long after the actions the prepare came, microseconds. */
	const received = (flight: number): number[] =>
		held.facts
			.flatMap((fact, i) =>
				fact.kind === 'received' && fact.message.kind === 'prepare' && fact.node === toWhom.get(flight)
					? [(held.times[i] ?? 0) - now]
					: [],
			)
			.filter((us) => us >= 0);
	expect(received(delivered)).toEqual([0]);
	expect(received(later)[0]).toBeGreaterThanOrEqual(10 * MS);
	expect(received(twice)).toHaveLength(2);
	const ended = held.facts.findIndex((fact) => fact.kind === 'linkDown' && fact.peer === toWhom.get(dropped));
	// It is sent once more on the next connection.
	expect(received(dropped)[0]).toBeGreaterThan((held.times[ended] ?? 0) - now);
	expect(proposed(held)).toMatchObject([{ outcome: 'chosen' }]);
});

test('a cut of one direction loses what goes that way, and a healed link works again', () => {
	const cut = settled();
	const leader = leaderOf(cut);
	const other = leader === 'n1' ? 'n2' : 'n1';
	cut.stage.act({ kind: 'cut', from: leader, to: other });
	expect([cut.stage.isCut(leader, other), cut.stage.isCut(other, leader)]).toEqual([true, false]);
	run(cut, 2_000);
	expect(cut.stage.snapshot(other)?.linked).not.toContain(leader);
	cut.stage.act({ kind: 'heal', a: other, b: leader });
	run(cut, 500);
	expect(cut.stage.snapshot(other)?.linked).toContain(leader);
});

test('without a quorum nothing is chosen; a node that is back remembers what it had promised', () => {
	const alone = settled();
	for (const node of ['n3', 'n4', 'n5']) alone.stage.act({ kind: 'crash', node });
	alone.stage.act(propose('n2', 'red'));
	run(alone, 3_000);
	expect(alone.stage.presence('n3')).toBe('crashed');
	expect(proposed(alone)).toEqual([]);
	expect(alone.facts.some(({ kind }) => kind === 'chosen')).toBe(false);
	const { promised } = alone.stage.snapshot('n2') ?? {};
	alone.stage.act({ kind: 'restart', node: 'n3' });
	run(alone, 3_000);
	expect(proposed(alone)).toMatchObject([{ outcome: 'chosen' }]);
	expect((alone.stage.snapshot('n3')?.promised ?? '') >= (promised ?? '')).toBe(true);
});

test('two people may write the same, or nothing at all', () => {
	const same = settled();
	for (const node of ['n1', 'n2', 'n3']) same.stage.act(propose(node, 'red', 'leader'));
	same.stage.act(propose('n4', '', 'leader'));
	run(same, 500);
	expect(proposed(same).map(({ outcome }) => outcome)).toEqual(['chosen', 'chosen', 'chosen', 'chosen']);
});

test('a process that ends owes no answers, and one that stands still keeps what is for it', () => {
	const both = settled();
	both.stage.act(propose('n2', 'red'));
	both.stage.act({ kind: 'crash', node: 'n2' });
	expect(proposed(both)).toMatchObject([{ outcome: 'unknown' }]);
	both.stage.act({ kind: 'pause', node: 'n3' });
	const before = both.facts.filter(({ node }) => node === 'n3').length;
	run(both, 200);
	expect(both.facts.filter(({ node }) => node === 'n3')).toHaveLength(before);
	both.stage.act({ kind: 'resume', node: 'n3' });
	run(both, 200);
	expect(both.facts.filter(({ node }) => node === 'n3').length).toBeGreaterThan(before);
});

test('a lost disk never comes back: another node takes its place, and reads see what was acknowledged', () => {
	const lost = settled();
	const leader = leaderOf(lost);
	const away = leader === 'n3' ? 'n4' : 'n3';
	lost.stage.act(propose(leader, 'red', 'leader'));
	run(lost, 100);
	lost.stage.act({ kind: 'loseDisk', node: away });
	lost.stage.act({ kind: 'restart', node: away });
	expect(lost.stage.presence(away)).toBe('diskLost');
	lost.stage.act({ kind: 'addMember', replaces: away });
	run(lost, 4_000);
	expect(lost.stage.presence('n6')).toBe('up');
	const members = lost.stage
		.snapshot('n6')
		?.swarm.sets.at(-1)
		?.members.filter(({ isVoter }) => isVoter);
	expect(members?.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3', 'n4', 'n5', 'n6'].filter((id) => id !== away));
	lost.stage.act({ kind: 'read', node: 'n6', key: 'color' });
	run(lost, 500);
	expect(lost.answers.at(-1)).toEqual({ kind: 'read', isConfirmed: true, value: 'red' });
});
