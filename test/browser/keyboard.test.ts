/** Proposals and playback work without a pointer. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { violations } from './accessible.ts';
import { focused, TABS_MAX, tabTo } from './by-keyboard.ts';
import { readDecision } from './shown-decision.ts';
import { poll, Stage } from './stage.ts';
import { nextOutcome, playbackBegins } from './swarm-page.ts';

let stage: Stage;
beforeAll(async () => {
	stage = await Stage.set();
});
afterAll(async () => {
	await stage.strike();
});

test('a page of a swarm without a value leads from a first decision to the stories, by one button', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	await tabTo(page, /^tour-next$/);
	for (const asks of ['watch', 'change', 'duel', 'stories']) {
		await page.locator(`[data-testid="tour"][data-stop="${asks}"]`).waitFor();
		expect(await focused(page)).toBe('tour-next');
		await page.keyboard.press('Enter');
	}
	await page.locator('[data-testid="scene-text"][data-scene="1"]').waitFor();
	// Where something is written, the help has the tour, which begins anew.
	await page.goto(stage.swarm.node('n2').url);
	await page.getByTestId('slot-1').waitFor();
	expect(await page.getByTestId('tour').count()).toBe(0);
	await page.keyboard.press('?');
	await tabTo(page, /^take-tour$/);
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="tour"][data-stop="watch"]').waitFor();
	await poll(() => focused(page)).toBe('tour-next');
	await tabTo(page, /^tour-close$/);
	await page.keyboard.press('Enter');
	await page.getByTestId('tour').waitFor({ state: 'detached' });
});

test('a proposal is made, watched, contested and looked up with the keyboard alone', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	const { keyboard } = page;

	await tabTo(page, /^propose-node-/);
	for (let presses = 0; (await focused(page)) !== 'propose-node-n4'; presses++) {
		expect(presses).toBeLessThan(stage.swarm.nodes.length);
		await keyboard.press('ArrowRight');
	}
	await tabTo(page, /^propose-key$/);
	await keyboard.press('ControlOrMeta+A');
	await keyboard.type('a.b, [c]');
	await tabTo(page, /^propose-value$/);
	await keyboard.press('ControlOrMeta+A');
	await keyboard.type('l ? / .');
	await tabTo(page, /^propose-route-/);
	await keyboard.press('ArrowDown');
	expect(await focused(page)).toBe('propose-route-leader');
	await keyboard.press('ArrowUp');
	expect(await focused(page)).toBe('propose-route-self');
	await tabTo(page, /^propose-submit$/);
	const [first] = await Promise.all([nextOutcome(page), keyboard.press('Enter')]);
	expect(first).toMatchObject({ outcome: 'chosen', ballot: expect.stringMatching(/@n4$/) });

	// The keys of the playback work with the focus where the proposal has left it.
	await playbackBegins(page);
	await keyboard.press('[');
	await poll(() => page.getByLabel('Speed').textContent()).toBe('0.5×');
	await keyboard.press(']');
	await poll(() => page.getByLabel('Speed').textContent()).toBe('1×');
	await keyboard.press('.');
	await poll(() => page.getByTestId('play').getAttribute('aria-label')).toBe('Play');
	const { step } = await readDecision(page);
	await keyboard.press('.');
	await poll(async () => (await readDecision(page)).step).toBe(step + 1);
	await keyboard.press(',');
	await poll(async () => (await readDecision(page)).step).toBe(step);
	await keyboard.press('l');
	await page.locator('[data-testid="decision"][data-live="true"]').waitFor();
	expect((await readDecision(page)).verdict).toContain('put a.b, [c] = l ? / .');

	// Why it is so, with the facts behind it, which lead to their moments and back.
	await tabTo(page, /^propose-submit$/);
	await keyboard.press('w');
	await poll(() => page.getByTestId('answer-sentence').textContent()).toMatch(/ (because|after) .*\.\s*$/);
	await tabTo(page, /^answer-fact$/);
	await keyboard.press('Enter');
	await page.locator('[data-testid="rail"][data-now="false"]').waitFor();
	await keyboard.press('Escape');
	await page.getByTestId('answer-why').waitFor({ state: 'detached' });
	expect(await focused(page)).toBe('propose-submit');
	await keyboard.press('l');
	await page.locator('[data-testid="rail"][data-now="true"]').waitFor();

	await tabTo(page, /^propose-contest$/);
	await keyboard.type(String(first.slot));
	const [contested] = await Promise.all([nextOutcome(page), keyboard.press('Enter')]);
	expect(contested).toMatchObject({ outcome: 'kept', slot: first.slot });

	await tabTo(page, /^slot-\d+$/);
	await keyboard.press('ArrowLeft');
	const slot = Number(((await focused(page)) ?? '').replace('slot-', ''));
	expect(slot).toBeGreaterThan(0);
	await keyboard.press('Enter');
	await poll(async () => (await readDecision(page)).slot).toBe(slot);

	await keyboard.press('/');
	expect(await page.evaluate(() => document.activeElement?.id)).toBe('log-filter');
	await keyboard.type('n4');
	await poll(() =>
		page.locator('[data-testid="log-row"]:not([data-node="n4"])').filter({ hasNotText: 'n4' }).count(),
	).toBe(0);
	await tabTo(page, /^keys-search$/);
	await keyboard.type('a.x');
	await poll(() => page.locator('#keys .empty').textContent()).toContain('holds no key that begins so');
	await keyboard.press('Backspace');
	await tabTo(page, /^keys-n1$/);
	await tabTo(page, /^keys-n5$/);
	await keyboard.press('Enter');
	await poll(() => page.locator('[data-testid="keys-table"][data-node="n5"]').textContent()).toContain('l ? / .');

	await keyboard.press('?');
	await page.locator('dialog[open]').waitFor();
	await keyboard.press('Escape');
	await page.locator('dialog[open]').waitFor({ state: 'detached' });
	expect(await focused(page)).toBe('keys-n5');

	// Another write comes first, and the next one is on condition that it was the last.
	const edit = /^key-edit$/;
	await tabTo(page, edit);
	await keyboard.press('Enter');
	expect(await focused(page)).toBe('key-value');
	expect(await page.getByTestId('key-value').inputValue()).toBe('l ? / .');
	await keyboard.press('Escape');
	expect(await focused(page)).toMatch(edit);
	await keyboard.press('Enter');
	await keyboard.press('ControlOrMeta+A');
	await keyboard.type('mine');
	const node = stage.swarm.node('n1');
	const path = `/v1/kv/${encodeURIComponent('a.b, [c]')}`;
	await node.fetch(`${path}?flags=18446744073709551615`, { method: 'PUT', body: 'theirs' });
	const [refused] = await Promise.all([nextOutcome(page), keyboard.press('Enter')]);
	expect(refused).toMatchObject({ outcome: 'chosen', text: expect.stringContaining('changed nothing') });
	await poll(() => page.getByTestId('key-said').textContent()).toContain('is “theirs” at revision');
	expect(await violations(page)).toEqual([]);
	const [saved] = await Promise.all([nextOutcome(page), keyboard.press('Enter')]);
	expect(saved).toMatchObject({ outcome: 'chosen', text: expect.not.stringContaining('changed nothing') });
	await poll(() => focused(page)).toMatch(edit);
	await playbackBegins(page);
	await poll(async () => (await readDecision(page)).slot).toBe(saved.slot);
	expect(await (await node.fetch(path)).text()).toMatch(/"Flags":18446744073709551615,"Value":"bWluZQ=="/);
	await keyboard.press('l');
	await poll(() => page.getByTestId('keys-table').textContent()).toContain('mine');

	// Who wrote it before, and in which slot.
	await keyboard.press('Shift+Tab');
	expect(await focused(page)).toBe('key-follow');
	await keyboard.press('Enter');
	const versions = page.getByTestId('key-version');
	await poll(() => versions.allTextContents()).toMatchObject([
		expect.stringMatching(/written.*theirsmine/),
		expect.stringMatching(/written.*flags 0 → 18446744073709551615/),
		expect.stringMatching(/l \? \/ \./),
	]);
	expect(await violations(page)).toEqual([]);
	await tabTo(page, /^key-slot$/);
	await keyboard.press('Enter');
	await poll(async () => (await readDecision(page)).slot).toBe(saved.slot);
	await keyboard.press('l');
	await page.getByTestId('key-follow').press('Enter');
	await poll(() => versions.count()).toBe(0);
	await tabTo(page, edit);
	await keyboard.press('Enter');
	await tabTo(page, /^key-delete$/);
	const [deleted] = await Promise.all([nextOutcome(page), keyboard.press('Enter')]);
	expect(deleted.outcome).toBe('chosen');
	await poll(() => focused(page)).toBe('keys-search');
	await playbackBegins(page);
	await page.getByTestId('follow').press('Enter');
	await poll(() => page.locator('#keys .empty').textContent()).toContain('holds no key that begins so');
});

test('Tab goes through the whole page, with the focus in view above an open answer, and is caught nowhere', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	await page.keyboard.press('w');
	await page.getByTestId('answer-why').waitFor();
	await page.locator('.skip').focus();
	const unseen: string[] = [];
	const visited: string[] = [];
	for (let tabs = 0; tabs < TABS_MAX; tabs++) {
		await page.keyboard.press('Tab');
		const at = await page.evaluate(describeFocus);
		if (at === null) break;
		visited.push(at.name);
		if (!at.seen) unseen.push(at.name);
	}
	expect(unseen).toEqual([]);
	expect(visited.length).toBeLessThan(TABS_MAX);
	expect(visited.join(' ')).toMatch(/theme.*propose-key.*propose-submit.*duel.*log-filter/);
});

/** The element with the focus; null outside the page. A control that its label draws is seen at the label's text. */
function describeFocus(): { name: string; seen: boolean } | null {
	const element = document.activeElement;
	if (!(element instanceof HTMLElement) || element === document.body) return null;
	const drawn = [element, element.nextElementSibling].filter((one) => one instanceof HTMLElement);
	const rail = document.querySelector('.rail');
	const box = element.getBoundingClientRect();
	const railTop = rail?.contains(element) ? innerHeight : (rail?.getBoundingClientRect().top ?? 0);
	const isClear = box.bottom <= railTop || box.height > innerHeight / 2;
	const isDrawn = drawn.some((one) => {
		const { outlineStyle, outlineWidth, opacity } = getComputedStyle(one);
		const { width, height } = one.getBoundingClientRect();
		return outlineStyle !== 'none' && outlineWidth !== '0px' && opacity !== '0' && width > 0 && height > 0;
	});
	return { name: element.dataset.testid ?? element.className ?? element.tagName, seen: isClear && isDrawn };
}
