/** A trace file is opened again: what it shows is what was told, and a file that is no trace is refused. */
import { expect, test } from 'vitest';
import { Story } from '../../dashboard/model/story.ts';
import { TraceFileError, traceOf } from '../../dashboard/replay/file.ts';
import { ReplaySource } from '../../dashboard/replay/replay-source.ts';
import { savedRun } from '../../dashboard/sandbox/saved.ts';
import { drawPlan } from '../../shared/simulation/plan.ts';
import { Recorder } from '../../shared/simulation/recorder.ts';
import { runPlan } from '../../shared/simulation/run.ts';
import { TRACE_FORMAT, type TraceFile } from '../../shared/trace-file.ts';
import { NEW_RUN, openSandbox } from './sandbox-page.ts';

const FACTS_MAX = 800;

/** As the page opens it. */
async function opened(file: TraceFile): Promise<{ readonly story: Story; readonly source: ReplaySource }> {
	const source = new ReplaySource();
	const page = { story: new Story(() => source.nowMs()) };
	source.start({
		begin: () => {
			page.story = new Story(() => source.nowMs());
		},
		moved: () => undefined,
		recalled: () => undefined,
		entry: () => undefined,
		snapshot: (node, snapshot) => page.story.snapshot(node, snapshot),
		batch: (node, batch) => {
			if (page.story.batch(node, batch) === 'gap') throw new Error(`facts of ${node} are missing`);
		},
		lost: (node, sinceMs) => page.story.lost(node, sinceMs),
		refused: () => undefined,
		newer: () => undefined,
	});
	await source.open(traceOf(JSON.stringify(file)));
	return { story: page.story, source };
}

/** What the page shows of each node. */
function shown({ live }: Story) {
	return live.nodes.map(({ id, status, role, promised, leader, chosenThrough, appliedThrough, revision, seq }) => ({
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

test.each([
	['', 'it is no JSON'],
	['null', 'no trace file'],
	['{"format":"another"}', 'no trace file'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a' }), 'a part of it is missing'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [] }), 'nothing is told'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [{ ms: 2 }, { ms: 1 }] }), 'its times go back'],
	[JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [null] }), 'its times go back'],
	[
		JSON.stringify({ format: TRACE_FORMAT, title: 'a', told: [{ ms: 1, kind: 'snapshot', snapshot: null }] }),
		'cannot be understood',
	],
])('%s is refused, and says why', (text, why) => {
	expect(() => traceOf(text)).toThrow(TraceFileError);
	expect(() => traceOf(text)).toThrow(why);
});
