/** The decision view shows the ballots, promises, reported acceptances and votes of the nodes' own facts. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareBallotTexts } from '../../dashboard/model/ballot-names.ts';
import type { Fact } from '../../shared/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { complaintsAbout } from './browser.ts';
import { readDecision, type ShownDecision, showRound } from './shown-decision.ts';
import { poll, Stage } from './stage.ts';
import { cutWords, type Proposal, playbackBegins, propose, type ShownOutcome, settled, stepTo } from './swarm-page.ts';
import { changed, differences, disorder, falsehoods, names, placeTold, stepsTold } from './told.ts';

const duelsMax = 10;
const proposalsMax = 5;

let stage: Stage;
beforeAll(async () => {
	stage = await Stage.set();
});
afterAll(async () => {
	await stage.strike();
});

test('a decision that n4 makes with both phases is stepped through on the page of n2 as the nodes told it', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	const { slot, ballot } = await proposeUnhindered(page, { at: 'n4', key: 'color', value: 'red' });
	expect(ballot).toMatch(/@n4$/);
	const told = () => stepsTold(stage.facts, slot, [ballot]);
	await poll(async () => (await readDecision(page)).steps - told().length).toBe(0);

	await stepTo(page, 1);
	let before = await readDecision(page);
	expect(before).toMatchObject({ slot, step: 1, round: ballot, now: ['1a n4'] });
	await page.getByTestId('waterfall').locator('summary').click();
	await page.getByTestId('waterfall').locator('table').waitFor();
	expect(await page.getByTestId('span-chosen-n4').count()).toBe(0);
	const seen: string[] = [];
	const heights = new Set<number>();
	for (let step = 1; ; step++) {
		await stepTo(page, step);
		heights.add(await heightOfButtons(page));
		const shown = await readDecision(page);
		expect(shown.step).toBe(step);
		expect(falsehoods(shown, stage.facts)).toEqual([]);
		expect(disorder(shown)).toEqual([]);
		// One thing happens at a time, and it is the one that is marked.
		expect(shown.now).toHaveLength(1);
		const answers = changed(before, shown).filter((cell) => /^(1b|2b|learned) /.test(cell));
		expect(answers.filter((cell) => !shown.now.includes(cell))).toEqual([]);
		// It is chosen from the step on that counts the last vote of a quorum.
		const { count, needed } = shown.bars['2b'];
		expect(shown.verdict !== '').toBe(needed > 0 && count >= needed);
		seen.push(...shown.now);
		expect(await disagreements(page, shown)).toEqual([]);
		before = shown;
		if (step === shown.steps) break;
	}
	// Whatever the rows say at a step, the buttons stay below the finger that presses them.
	expect([...heights]).toHaveLength(1);
	await poll(async () => differences(await readDecision(page), stage.facts)).toEqual([]);
	const places = told().map(placeTold);
	expect(seen.sort()).toEqual(places.sort());
	expect(before.verdict).toContain('put color = red');
	const tookMs = quorumMs(stage.facts, slot, ballot);
	const saidMs = Number.parseFloat(
		(await page.getByTestId('span-chosen-n4').locator('.ms').first().textContent()) ?? '',
	);
	expect(Math.abs(saidMs - tookMs)).toBeLessThanOrEqual(Math.max(0.01, tookMs / 100));

	await page.getByTestId('live').click();
	await page.getByTestId('span-applied-n4').waitFor();
	await page.locator('[data-testid="decision"][data-live="true"]').waitFor();
	expect(differences(await readDecision(page), stage.facts)).toEqual([]);

	// The line above the decision is whole where its column is narrow, and so is its title.
	await page.setViewportSize({ width: 761, height: 800 });
	const line = page.getByTestId('happened').first().locator('> span');
	expect(await line.getAttribute('title')).toBe(await line.textContent());
	expect(await line.textContent()).toContain('became leader');
	expect(await line.evaluateAll(cutWords)).toEqual([]);
	expect(stage.toldAll).toBe(true);
	expect(complaintsAbout(page, [])).toEqual([]);
});

test('the rail goes to an event of the past with the whole page, and back to now with one key', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	const { slot } = await propose(page, { at: 'n3', key: 'color', value: 'blue' });
	await playbackBegins(page);
	const rail = page.getByTestId('rail');
	await page.keyboard.press('l');
	await page.locator('[data-testid="rail"][data-now="true"]').waitFor();
	await poll(() => page.getByTestId(`slot-${slot}-n1`).getAttribute('data-mark')).toBe('chosen');

	// The events of this proposal are its election and its choice. Before them nobody has the slot.
	const back = page.getByTestId('event-before');
	await back.click();
	expect(await rail.getAttribute('data-now')).toBe('false');
	const text = async (): Promise<string> => (await page.getByTestId('rail-text').textContent()) ?? '';
	expect(await text()).toMatch(/^You are .*[\d.]+ s behind live/);
	const shownTimes = async (): Promise<number> => {
		await settled(page);
		return page.getByTestId(`slot-${slot}`).count();
	};
	while ((await shownTimes()) > 0 && (await back.isEnabled())) await back.click();
	expect(await shownTimes()).toBe(0);
	// On a busy machine the event may be that a node was not heard, which has no time of that node.
	const at = /^You are at ([\d:.]+)/.exec(await text())?.[1];
	if (at !== undefined) expect(await page.locator('[data-testid="log-row"] time').first().textContent()).toBe(at);

	await page.keyboard.press('l');
	await page.locator('[data-testid="rail"][data-now="true"]').waitFor();
	await poll(() => page.getByTestId(`slot-${slot}-n1`).getAttribute('data-mark')).toBe('chosen');
});

test('a contested slot keeps its value: the promises report it, and it is proposed again', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	const first = await propose(page, { at: 'n5', key: 'color', value: 'green' });
	const { slot } = first;
	await playbackBegins(page);
	await page.getByTestId('live').click();
	await page.locator('[data-testid="decision"][data-live="true"]').waitFor();
	const contest = await propose(page, { at: 'n1', key: 'color', value: 'blue', contest: slot });
	expect(contest).toMatchObject({ outcome: 'kept', slot });
	expect(contest.text).toMatch(new RegExp(`slot ${slot} keeps “put color = green”; yours was not chosen`, 'i'));

	await playbackBegins(page);
	await page.getByTestId('live').click();
	await poll(async () => (await readDecision(page)).rounds).toEqual(
		expect.arrayContaining([first.ballot, contest.ballot]),
	);
	const { rounds } = await readDecision(page);
	for (const ballot of [first.ballot, contest.ballot]) {
		await showRound(page, ballot);
		await poll(async () => differences(await readDecision(page), stage.facts)).toEqual([]);
	}
	const shown = await readDecision(page);
	expect(shown).toMatchObject({ round: contest.ballot, verdict: expect.stringContaining('put color = green') });
	const reports = Object.entries(shown.cells).filter(
		([cell, { reported }]) => cell.startsWith('1b') && reported !== '',
	);
	expect(reports.length).toBeGreaterThanOrEqual(3);
	for (const [, mark] of reports) {
		expect(mark.text).toContain('had color = green');
		expect(rounds).toContain(mark.reported);
	}
	expect(shown.why['2a']).toContain('put color = green');

	const quotations = page.getByTestId('quotation');
	expect(await quotations.count()).toBe(0);
	await page.getByTestId('paper').press('Enter');
	await poll(() => quotations.count()).toBe(5);
	const bound = page.getByTestId('row-2a').getByTestId('quotation');
	expect(await bound.textContent()).toContain('highest-numbered proposal among the responses');
	await page.getByTestId('paper').press('Enter');
	await poll(() => quotations.count()).toBe(0);

	for (const { id } of stage.swarm.nodes) {
		await page.getByTestId(`keys-${id}`).press('Enter');
		const row = page.locator(`[data-testid="keys-table"][data-node="${id}"] tr`, { hasText: 'color' });
		await poll(() => row.textContent()).toContain('green');
	}
});

test('a page that is opened later shows the newest decision at once, and no empty state', async () => {
	const page = await stage.browser.openPage();
	await page.goto(stage.swarm.node('n2').url);
	const first = await page.waitForFunction(() => {
		const card = document.querySelector('[data-testid="node-n2"][data-state="up"]');
		if (card === null) return null;
		return { slot: document.querySelector<HTMLElement>('[data-testid="decision"]')?.dataset.slot };
	});
	expect(await first.jsonValue()).toEqual({ slot: String(Math.max(...slotsOf(stage.facts))) });

	// The sentence of a row takes no height of its own, so that the rows are on the first screen.
	await page.setViewportSize({ width: 1280, height: 800 });
	for (const row of ['1a', '1b', '2a', '2b', 'learned']) {
		const head = page.getByTestId(`row-${row}`).locator('.phase-head');
		const [name, sentence] = await Promise.all(['.phase-name', '.why'].map((part) => head.locator(part).boundingBox()));
		expect(sentence?.x).toBeGreaterThan((name?.x ?? 0) + (name?.width ?? 0));
	}

	// A window of 1280 by 800 at 200 % zoom: what stays in view leaves room for the rest.
	await page.setViewportSize({ width: 640, height: 400 });
	await page.evaluate(() => scrollTo(0, document.body.scrollHeight / 2));
	const free = await page.evaluate(() => {
		const bottoms = [...document.querySelectorAll('header')].map((each) => each.getBoundingClientRect().bottom);
		const rail = document.querySelector('[data-testid="rail"]')?.getBoundingClientRect();
		return (rail?.top ?? 0) - Math.max(0, ...bottoms);
	});
	expect(free).toBeGreaterThan(300);
	expect(await page.locator('.jump').isVisible()).toBe(false);
});

test('a page that is loaded again plays the decision as before, and has its events on the rail', async () => {
	const page = await stage.open(stage.swarm.node('n3'));
	const { slot, ballot } = await propose(page, { at: 'n3', key: 'color', value: 'violet' });
	await playbackBegins(page);
	const told = stepsTold(stage.facts, slot, [ballot]).length;
	await poll(async () => (await readDecision(page)).steps).toBeGreaterThanOrEqual(told);
	await page.reload();
	await page.getByTestId(`slot-${slot}`).first().click();
	// Its own node is always waited for. The others are for a moment only, which may be too short on a busy machine.
	const own = stepsTold(
		stage.facts.filter(({ node }) => node === 'n3'),
		slot,
		[ballot],
	).length;
	await poll(async () => (await readDecision(page)).steps).toBeGreaterThanOrEqual(own);
	expect(falsehoods(await readDecision(page), stage.facts)).toEqual([]);
	await page.getByTestId('event-before').click();
	expect(await page.getByTestId('rail').getAttribute('data-now')).toBe('false');
});

test('a duel shows each refusal with the ballot that was refused and the higher one that was promised', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	await page.getByTestId('duel-first').selectOption('n2');
	await page.getByTestId('duel-second').selectOption('n4');
	let refused: readonly Refusal[] = [];
	for (let duels = 1; refused.length === 0; duels++) {
		// Two proposers that never met, or that heard of each other before an acceptor refused one, have had no duel.
		expect(duels).toBeLessThanOrEqual(duelsMax);
		await page.getByTestId('duel').click();
		await playbackBegins(page);
		expect(await page.getByTestId('duel-tally').textContent()).toMatch(/^n2 × n4: 10 proposed, 10 chosen/);
		await page.getByTestId('live').click();
		refused = await refusalsShown(page);
	}

	for (const { node, ballot, promised } of refused) {
		const fact = stage.facts.find(
			(fact) => fact.kind === 'refused' && fact.node === node && fact.ballot === ballot && fact.promised === promised,
		);
		expect(fact, `${node} refused ${ballot}`).toBeDefined();
		expect(timeOf(promised)).toBeGreaterThanOrEqual(timeOf(ballot));
	}
	const duellists = refused.flatMap(({ ballot, promised }) => [ballot, promised]).map((shown) => shown.split('@')[1]);
	expect(duellists).toEqual(expect.arrayContaining(['n2', 'n4']));

	const { steps } = await readDecision(page);
	const told: string[] = [];
	for (let step = 1; step <= steps; step++) {
		await stepTo(page, step);
		const shown = await readDecision(page);
		expect(falsehoods(shown, stage.facts)).toEqual([]);
		const said = /refuses (?:prepare|accept)[^:]*: (\S+ \S+) < promised (\S+ \S+)$/.exec(shown.stepText);
		if (said === null) continue;
		const [, lower = '', higher = ''] = said;
		const node = shown.now[0]?.split(' ')[1];
		const fact = stage.facts.find(
			(fact) =>
				fact.kind === 'refused' && fact.node === node && names(lower, fact.ballot) && names(higher, fact.promised),
		);
		expect(fact, shown.stepText).toBeDefined();
		told.push(shown.stepText);
	}
	expect(told.length).toBeGreaterThanOrEqual(refused.length);
});

/** From the proposal until a quorum was counted, by the proposer's clock. */
function quorumMs(facts: readonly Fact[], slot: Slot, ballot: string): number {
	const ofRound = facts.filter(
		(fact) => 'slot' in fact && fact.slot === slot && 'ballot' in fact && fact.ballot === ballot,
	);
	const quorum = ofRound.find((fact) => fact.kind === 'voteCounted' && fact.voters.length === fact.needed);
	const proposed = ofRound.find((fact) => fact.kind === 'proposed');
	return (quorum?.time ?? Number.NaN) - (proposed?.time ?? Number.NaN);
}

/** @returns the cards, the marks and the outcome that show another moment than the decision does */
async function disagreements(page: Page, { slot, round, cells, verdict }: ShownDecision): Promise<string[]> {
	await settled(page);
	const { cards, outcome } = await page.evaluate((slot) => {
		const find = (id: string): HTMLElement | null => document.querySelector(`[data-testid="${id}"]`);
		const cards = ['n1', 'n2', 'n3', 'n4', 'n5'].map((node) => {
			const { state, promised = '' } = find(`node-${node}`)?.dataset ?? {};
			return { node, state, promised, mark: find(`slot-${slot}-${node}`)?.dataset.mark };
		});
		return { cards, outcome: find('outcome')?.dataset.outcome };
	}, slot);
	const wrong = cards.flatMap(({ node, state, promised, mark }) => {
		// On a busy machine a node may not have been heard at that moment, and what it has is unknown then.
		const isKnown = state !== 'unknown' && state !== 'catching-up';
		const hasPromised = cells[`1b ${node}`]?.state === 'promised' || cells[`2b ${node}`]?.state === 'accepted';
		// There may be another election before the last node has learned the value.
		const isSo = promised === round || (hasPromised && compareBallotTexts(promised, round) > 0);
		return [
			...(isSo === (hasPromised && isKnown) ? [] : [`the card of ${node}`]),
			...((mark === 'chosen') === (cells[`learned ${node}`] !== undefined && isKnown) ? [] : [`the mark of ${node}`]),
		];
	});
	// On a busy machine the last nodes may learn it long after the proposer has answered.
	return [...wrong, ...(outcome === 'later' || verdict !== '' ? [] : ['the outcome'])];
}

/**
 * Proposes until one ballot was enough, and its playback has begun: on a busy machine another node may campaign at
 * the same moment.
 */
async function proposeUnhindered(page: Page, proposal: Proposal): Promise<ShownOutcome> {
	for (let proposals = 1; proposals <= proposalsMax; proposals++) {
		const outcome = await propose(page, proposal);
		expect(outcome.outcome).toBe('chosen');
		await playbackBegins(page);
		await poll(() => slotsOf(stage.facts).filter((slot) => slot === outcome.slot).length).toBe(5);
		const { rounds } = await readDecision(page);
		if (rounds.length === 1) return outcome;
		await page.getByTestId('live').click();
	}
	throw new Error(`none of ${proposalsMax} proposals was left alone`);
}

interface Refusal {
	readonly node: string;
	readonly ballot: string;
	readonly promised: string;
}

/** The refusals under every ballot that was tried for the shown decision. The rest of the page has to be true. */
async function refusalsShown(page: Page): Promise<Refusal[]> {
	const found: Refusal[] = [];
	for (const ballot of (await readDecision(page)).rounds) {
		await showRound(page, ballot);
		await poll(async () => falsehoods(await readDecision(page), stage.facts)).toEqual([]);
		for (const [cell, mark] of Object.entries((await readDecision(page)).cells)) {
			if (mark.state !== 'refused') continue;
			expect(mark.names.map(([named]) => named)).toEqual([mark.ballot]);
			found.push({ node: cell.split(' ')[1] ?? '', ballot, promised: mark.ballot });
		}
	}
	return found;
}

/** How far the buttons of the playback are below the top of the decision, pixels. */
async function heightOfButtons(page: Page): Promise<number> {
	const top = (await page.getByTestId('decision').boundingBox())?.y;
	const buttons = (await page.getByTestId('play').boundingBox())?.y;
	if (top === undefined || buttons === undefined) throw new Error('the decision has no buttons of the playback');
	return buttons - top;
}

function timeOf(ballot: string): bigint {
	return BigInt(ballot.split('@')[0] ?? '');
}

function slotsOf(facts: readonly Fact[]): Slot[] {
	return facts.flatMap((fact) => (fact.kind === 'chosen' ? [fact.slot] : []));
}
