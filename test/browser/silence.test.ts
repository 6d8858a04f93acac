/** A node that falls silent is shown as unknown and not with its last state, and is shown again when it answers. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestNode } from '../process/swarm.ts';
import { poll, Stage } from './stage.ts';
import { cardOf, proposeAndFollow, readCard, snapshotOf, stateBecomes } from './swarm-page.ts';

let stage: Stage;
let silent: TestNode;
beforeAll(async () => {
	stage = await Stage.set();
});
afterAll(async () => {
	await stage.strike();
});

/** The silent node is a follower, so that the others go on. */
beforeEach(async () => {
	const leader = await stage.swarm.leader();
	silent = stage.swarm.nodes.findLast((node) => node !== leader && node.id !== 'n2') as TestNode;
});

describe.each([
	['killed', () => silent.kill(), () => silent.start()],
	['stopped in the middle of everything', async () => silent.pause(), async () => silent.resume()],
])('a node that is %s', (_, fall, rise) => {
	test('becomes unknown with all that is drawn of it, and comes back right', async () => {
		// A browser logs every refused connection as an error.
		const page = await stage.open(stage.swarm.node('n2'), {
			expectedComplaints: [new RegExp(`(127\\.0\\.0\\.1|localhost):${silent.port}\\b`)],
		});
		await proposeAndFollow(page, { at: 'n2', key: 'fruit', value: 'mango' });
		await poll(() => readCard(page, silent.id)).toMatchObject({ accepted: expect.stringContaining('mango') });

		await fall();
		await stateBecomes(page, silent.id, 'unknown');
		await expectNothingKnown(page, silent.id);
		const card = page.getByTestId(`node-${silent.id}`);
		const since = await card.textContent();
		expect(since).toMatch(new RegExp(`^${silent.id}Unknown since \\d\\d:\\d\\d:\\d\\d: it does not answer\\.$`));

		// The others go on, and the silent node is unknown.
		const meanwhile = await proposeAndFollow(page, { at: 'n2', key: 'fruit', value: 'olive', route: 'leader' });
		expect(meanwhile.outcome).toBe('chosen');
		const markAt = (id: string) => page.getByTestId(`slot-${meanwhile.slot}-${id}`).getAttribute('data-mark');
		await poll(() => markAt('n2')).toBe('chosen');
		expect(await markAt(silent.id)).toBe('unknown');
		for (const row of ['2b', 'learned']) {
			await poll(() => page.getByTestId(`cell-${row}-${silent.id}`).textContent()).toBe('unknown');
		}
		expect(await card.textContent()).toBe(since);
		await expectNothingKnown(page, silent.id);

		await rise();
		await stateBecomes(page, silent.id, 'up');
		await poll(async () => differs(await readCard(page, silent.id), cardOf(await snapshotOf(silent)))).toBe('');
		await poll(() => markAt(silent.id)).toBe('chosen');
		await poll(() => page.getByTestId('quorum-health').textContent()).toContain('5 of 5 up');
		const { chosenThrough } = await readCard(page, 'n2');
		await poll(() => readCard(page, silent.id)).toMatchObject({ chosenThrough });
	});
});

test('a page that hears too few voters says what that means, and what it does not mean', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	const paused = ['n1', 'n3', 'n4'].map((id) => stage.swarm.node(id));
	for (const node of paused) node.pause();
	const notice = page.getByTestId('no-quorum');
	await notice.waitFor();
	expect(await notice.locator('span').first().textContent()).toBe(
		'2 of 5 voters are heard, and 3 are needed. While no more are up, nothing can be chosen, and nothing that was chosen is lost.',
	);
	for (const node of paused) node.resume();
	await notice.waitFor({ state: 'detached' });
	for (const { id } of paused) await stateBecomes(page, id, 'up');
	for (const { id } of paused) {
		await poll(() => page.getByTestId(`trouble-${id}`).textContent()).toMatch(
			/^the event loop stood still for \d+ ms,/,
		);
	}
});

test('every card says what its own node says', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	await proposeAndFollow(page, { at: 'n3', key: 'fruit', value: 'quince' });
	for (const node of stage.swarm.nodes) {
		await poll(async () => differs(await readCard(page, node.id), cardOf(await snapshotOf(node)))).toBe('');
	}
});

/** Expects the node to be hatched, and without its last values, everywhere on the page. */
async function expectNothingKnown(page: Page, id: string): Promise<void> {
	const card = page.getByTestId(`node-${id}`);
	expect(await readCard(page, id)).toEqual({ role: null, promised: null, accepted: null, chosenThrough: null });
	expect(await card.getAttribute('data-role')).toBe('unknown');
	expect(await card.evaluate((element) => getComputedStyle(element).backgroundImage)).toContain('repeating-linear');
	await poll(() => page.getByTestId(`pill-${id}`).textContent()).toMatch(/unknown since \d\d:\d\d:\d\d/);
	await poll(() => page.getByTestId('quorum-health').textContent()).toContain('4 of 5 up');
	await poll(() => page.getByTestId(`rail-${id}`).textContent()).toBe(`${id}unknown`);
	await page.getByTestId(`keys-${id}`).press('Enter');
	await poll(() => page.locator('#keys').textContent()).toMatch(new RegExp(`What ${id} holds is unknown`));
}

function differs(shown: unknown, told: unknown): string {
	const [a, b] = [JSON.stringify(shown), JSON.stringify(told)];
	return a === b ? '' : `${a} shown, ${b} told`;
}
