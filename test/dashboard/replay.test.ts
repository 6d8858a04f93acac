/** A trace file is opened again: what it shows is what was told, and a file that is no trace is refused. */
import { describe, expect, test, vi } from 'vitest';
import { loadAgent } from '../../dashboard/game/agents.ts';
import { recordOf } from '../../dashboard/model/record.ts';
import { Story } from '../../dashboard/model/story.ts';
import { SwarmModel } from '../../dashboard/model/swarm-model.ts';
import { type Item, isEntry } from '../../dashboard/model/tape.ts';
import { TraceFileError, traceOf } from '../../dashboard/replay/file.ts';
import { fault, openFile, title as titleShown } from '../../dashboard/replay/opened.ts';
import { ReplaySource } from '../../dashboard/replay/replay-source.ts';
import { savedRun } from '../../dashboard/sandbox/saved.ts';
import type { TimedAction } from '../../shared/simulation/action.ts';
import { drawPlan } from '../../shared/simulation/plan.ts';
import { Recorder } from '../../shared/simulation/recorder.ts';
import { runPlan } from '../../shared/simulation/run.ts';
import { TRACE_FORMAT, type TraceFile } from '../../shared/trace-file.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';
import { NEW_RUN, openSandbox } from './sandbox-page.ts';
import { START_MS } from './told.ts';

const FACTS_MAX = 800;

/** As the page opens it. */
async function opened(file: TraceFile) {
	const source = new ReplaySource();
	const page = { story: new Story(() => source.nowMs()), shown: null as Item | null };
	source.start({
		begin: ({ items, quorumSize, identityOf } = {}) => {
			page.story = new Story(() => source.nowMs(), items, quorumSize, identityOf);
		},
		moved: () => page.story.prepare(),
		recalled: () => undefined,
		replayed: (next) => page.story.replayed(next),
		entry: () => undefined,
		snapshot: (node, snapshot) => page.story.snapshot(node, snapshot),
		batch: (node, batch) => {
			if (page.story.batch(node, batch) === 'gap') throw new Error(`facts of ${node} are missing`);
		},
		lost: (node, sinceMs) => page.story.lost(node, sinceMs),
		refused: () => undefined,
		newer: () => undefined,
		shows: (count) => {
			page.shown = page.story.tape.nth(count - 1) ?? null;
		},
	});
	await source.open(await traceOf(JSON.stringify(file)));
	return { ...page, source };
}

/** What the page shows of each node. */
function shown({ live }: Story) {
	return shownOf(live);
}

function shownOf({ nodes }: SwarmModel) {
	return nodes.map(({ id, status, role, promised, leader, chosenThrough, appliedThrough, revision, seq }) => ({
		id,
		status,
		role,
		promised,
		leader,
		chosenThrough,
		appliedThrough,
		revision,
		seq,
	}));
}

test('a run of the sandbox that was saved shows the same nodes in the same state', async () => {
	const page = openSandbox();
	void page.sandbox.propose('n2', { key: 'color', value: 'red', route: 'self', contest: 0 }, null);
	page.sandbox.speed = 1;
	page.sandbox.pass(100);
	page.sandbox.act({ kind: 'crash', node: 'n3' });
	page.sandbox.play();
	for (let i = 0; i < 8; i++) page.sandbox.pass(100);
	const { story, source } = await opened(savedRun(page.sandbox.runAt(), 'a run'));
	expect(shown(story)).toEqual(shown(page.story));
	expect(story.live.node('n3')?.status).toBe('unknown');
	expect(source.nowMs()).toBeGreaterThan(1_700);
	expect(await source.propose()).toMatchObject({ outcome: 'refused' });
});

test('a run of the game that was saved shows how many nodes are needed without the rule', async () => {
	await loadAgent('half');
	const page = openSandbox({ ...NEW_RUN, without: 'half' });
	const file = await traceOf(JSON.stringify(savedRun(page.sandbox.runAt(), 'a game')));
	const { story } = await opened(file);
	expect(story.live.health).toEqual([{ up: 5, of: 5, needed: 2, from: 1 }]);
});

test('a long run leaves its end, and begins with what each node knew', async () => {
	const page = openSandbox();
	const run = { ...NEW_RUN, at: 8_000_000 };
	page.sandbox.open(run);
	const file = savedRun(run, 'a long run', FACTS_MAX);
	const facts = file.told.reduce((sum, item) => sum + (item.kind === 'facts' ? item.facts.length : 0), 0);
	expect(facts).toBeGreaterThan(FACTS_MAX / 2);
	expect(facts).toBeLessThan(FACTS_MAX + 100);
	expect(file.told.slice(0, 5).map(({ kind }) => kind)).toEqual(new Array(5).fill('snapshot'));
	const { story } = await opened(file);
	expect(shown(story)).toEqual(shown(page.story));
});

test('a file that is longer than what the page keeps of a live swarm is gone back to its first fact, at once', async () => {
	const actions: TimedAction[] = [];
	for (let at = 1_000_000; at < 5_500_000; at += 10_000) {
		actions.push({
			at,
			action: { kind: 'propose', node: 'n2', key: 'a', value: `${at}`, route: 'leader', contest: 0 },
		});
	}
	const run = { ...NEW_RUN, script: { ...NEW_RUN.script, actions }, at: 5_500_000 };
	const file = savedRun(run, 'a long run', Number.POSITIVE_INFINITY);
	const { story } = await opened(file);
	const items = [...story.tape.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)];
	expect(items.length).toBeGreaterThan(20_000);
	expect(story.gather(1, []).entries.length).toBeGreaterThan(10);
	const fold = vi.spyOn(SwarmModel.prototype, 'fold');
	for (const share of [0.8, 0.1, 0.99, 0.5]) {
		const moment = items[Math.floor(share * items.length)] as Item;
		story.at(moment);
		expect(fold.mock.calls.length).toBeLessThan(6_000);
		fold.mockClear();
	}
});

test('a seed of the simulator that fails leaves a file that opens', async () => {
	const plan = { ...drawPlan(1), canary: true, watched: true };
	const recorder = new Recorder();
	const { violation, simulatedMs } = runPlan(plan, recorder);
	expect(violation).not.toBeNull();
	const { story, source } = await opened(recorder.file(violation?.detail ?? ''));
	expect(story.live.nodes.length).toBeGreaterThanOrEqual(plan.nodes);
	expect(source.nowMs()).toBeLessThanOrEqual(simulatedMs + 1);
	expect(story.tape.newest(Number.POSITIVE_INFINITY, () => true).length).toBeGreaterThan(10);
});

describe('what a page was told of a swarm', () => {
	/** The page was told more than it keeps, was not told everything, and lost a node. */
	function watched(itemsMax?: number): Story {
		let nowMs = -500;
		const story = new Story(() => nowMs++, itemsMax);
		const swarm = new FakeSwarm(fakeMembers(5), START_MS, (fact) => {
			if (swarm.node(fact.node).alive)
				story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
		});
		story.entry('n2');
		for (const { id } of swarm.nodes) story.snapshot(id, swarm.snapshot(id));
		swarm.campaign('n3', 'noLeader');
		for (let i = 0; i < 12; i++) {
			swarm.propose('n1', { key: 'color', value: `red ${i}`, route: 'leader', contest: 0 });
			for (let beats = 0; beats < 3; beats++) swarm.heartbeat();
		}
		swarm.trim('n2', 4);
		story.batch('n4', { epoch: 'n4-1', from: 1, facts: [], skipped: { received: 12, accepted: 3 } });
		story.snapshot('n4', swarm.snapshot('n4'));
		swarm.kill('n1');
		story.lost('n1', START_MS + 700);
		swarm.duel('n2', 'n5', 'blue');
		story.batch('n5', { epoch: 'n5-1', from: 9_999, facts: [], skipped: {} });
		return story;
	}

	function itemsOf({ tape }: Story): Item[] {
		return [...tape.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)];
	}

	const lineOf = (item: Item) => `${item.node} ${item.told.kind} ${isEntry(item) ? item.fact.seq : ''}`;

	test.each([undefined, 600])(
		'is saved, and opens with every moment as it was, where %s things were kept',
		async (max) => {
			const story = watched(max);
			const items = itemsOf(story);
			const first = items[0]?.told;
			expect(first?.kind === 'fact').toBe(max !== undefined);
			const now = await opened(recordOf(story, null, 'a page'));
			expect(shown(now.story)).toEqual(shown(story));
			expect(now.shown).toBeNull();
			expect(now.story.skippedCount).toBe(15);
			expect(now.story.live.entry).toBe('n2');
			expect(now.story.live.addressOf('n1')).toBe(story.live.addressOf('n1'));
			expect(now.story.landmarks.map(({ text }) => text)).toEqual(story.landmarks.map(({ text }) => text));
			const others = itemsOf(now.story).slice(-items.length);
			expect(others.map(lineOf)).toEqual(items.map(lineOf));
			const beganMs = items[0]?.whenMs ?? 0;
			expect(others.map(({ whenMs }) => whenMs)).toEqual(items.map(({ whenMs }) => whenMs - beganMs));
			for (let at = 0; at < items.length; at += 97) {
				const item = items[at] as Item;
				const past = await opened(recordOf(story, item, 'a page'));
				expect(past.shown && lineOf(past.shown)).toBe(lineOf(item));
				expect(shownOf(past.story.at(past.shown as Item))).toEqual(shownOf(story.at(item)));
				expect([...past.story.at(past.shown as Item).sets]).toEqual([...story.at(item).sets]);
			}
		},
	);

	test('is saved without the identity by which a node is let in', () => {
		const text = JSON.stringify(recordOf(watched(), null, 'a page'));
		expect(text).toContain('"name":"fruit"');
		expect(text).not.toContain('"id":"fake"');
	});
});

test.each([
	['', 'it is no JSON'],
	['null', 'no trace file'],
	['{"format":"another"}', 'no trace file'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a' }), 'a part of it is missing'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [] }), 'nothing is told'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [], shown: 0.5 }), 'no moment that it has'],
	[
		JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [{ ms: 0, kind: 'told', node: 'n1' }] }),
		'cannot be understood',
	],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [{ ms: 2 }, { ms: 1 }] }), 'its times go back'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [null] }), 'its times go back'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [], without: 'all' }), 'a rule that is not there'],
	[
		JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [{ ms: 1, kind: 'snapshot', snapshot: null }] }),
		'cannot be understood',
	],
])('%s is refused, and says why', async (text, why) => {
	await expect(traceOf(text)).rejects.toThrow(TraceFileError);
	await expect(traceOf(text)).rejects.toThrow(why);
});

describe('of the files that a person chooses', () => {
	const textOf = (title: string) => JSON.stringify(savedRun(NEW_RUN, title));
	const file = (text: () => Promise<string>) => ({ size: 1, text });

	test.each([
		['gone', () => Promise.reject(new DOMException('a requested file was not found', 'NotFoundError'))],
		['a folder', () => Promise.reject(new DOMException('it could not be read', 'NotReadableError'))],
	])('one that is %s cannot be read, and the page says so', async (_, text) => {
		await openFile(file(text));
		expect(fault.value).toContain('it cannot be read');
	});

	test.each([
		['opens later', textOf('a'), 'b'],
		['is no trace', '', 'c'],
	])('the last one is shown, also where the one before %s', async (_, text, title) => {
		let answer: (text: string) => void = () => undefined;
		const slow = openFile(
			file(() => {
				return new Promise((resolve) => {
					answer = resolve;
				});
			}),
		);
		await openFile(file(() => Promise.resolve(textOf(title))));
		answer(text);
		await slow;
		expect([titleShown.value, fault.value]).toEqual([title, '']);
	});
});
