/**
 * Uses and reads the page, as a person would, for tests and benchmarks; `told.ts` tells what the page ought to show. It
 * must never ask the page's own code what is right.
 */
import type { Page } from 'playwright-core';
import type { NodeSnapshot } from '../../shared/feed.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { TestNode } from '../process/swarm.ts';
import { Watch } from '../process/watch.ts';

export const wide = { width: 1440, height: 900 };
export const narrow = { width: 390, height: 844 };

/** A node's present state. */
export async function snapshotOf(node: TestNode): Promise<NodeSnapshot> {
	const watch = await Watch.open(node);
	watch.close();
	return watch.snapshots.at(-1) as NodeSnapshot;
}

export async function stateBecomes(page: Page, id: string, state: 'up' | 'unknown'): Promise<void> {
	await page.locator(`[data-testid="node-${id}"][data-state="${state}"]`).waitFor();
}

/** Waits until the panels that are out of view show the moment of the past that the page has gone to. */
export async function settled(page: Page): Promise<void> {
	await page.locator('main[data-settled="true"]').waitFor();
}

export interface Proposal {
	readonly at: string;
	readonly key: string;
	readonly value: string;
	readonly route?: 'self' | 'leader';
	readonly contest?: Slot;
}

export interface ShownOutcome {
	readonly outcome: string | null;
	readonly slot: Slot;
	readonly ballot: string;
	readonly text: string;
}

/** Fills the form, presses its button, and waits for the outcome. */
export async function propose(
	page: Page,
	{ at, key, value, route = 'self', contest }: Proposal,
): Promise<ShownOutcome> {
	await page
		.getByTestId('propose-form')
		.locator('label', { hasText: new RegExp(`^${at}$`) })
		.click();
	await page.getByTestId('propose-key').fill(key);
	await page.getByTestId('propose-value').fill(value);
	await page.getByTestId(`propose-route-${route}`).check();
	if (route === 'self') await page.getByTestId('propose-contest').fill(contest === undefined ? '' : String(contest));
	const [outcome] = await Promise.all([nextOutcome(page), page.getByTestId('propose-submit').click()]);
	return outcome;
}

/**
 * Waits for one more outcome than there is, and reads it. The page shows it until the playback begins, and hides it as
 * long as it shows a moment before the outcome. So this has to be called before the proposal is made.
 */
export async function nextOutcome(page: Page): Promise<ShownOutcome> {
	const count = await page.getByTestId('outcomes').locator('article').count();
	const read = await page.waitForFunction((before) => {
		const outcome = document.querySelector<HTMLElement>('[data-testid="outcome"]:not([data-outcome="later"])');
		if (outcome === null || document.querySelectorAll('[data-testid="outcomes"] article').length === before)
			return null;
		const { outcome: what = null, slot, ballot = '' } = outcome.dataset;
		const text = outcome.querySelector('[data-testid="outcome-text"]')?.textContent ?? '';
		return { outcome: what, slot: Number(slot), ballot, text };
	}, count);
	return (await read.jsonValue()) as ShownOutcome;
}

/** The same, and then back to now from the playback that begins by itself. */
export async function proposeAndFollow(page: Page, proposal: Proposal): Promise<ShownOutcome> {
	const outcome = await propose(page, proposal);
	await playbackBegins(page);
	await page.getByTestId('follow').click();
	await page.locator('[data-testid="rail"][data-now="true"]').waitFor();
	return outcome;
}

/** Waits until the playback has begun by itself, as it does after a proposal. */
export async function playbackBegins(page: Page): Promise<void> {
	await page.locator('[data-testid="decision"][data-live="false"]').waitFor();
}

/** Halts the playback and goes to a step, from 1, by the step buttons alone. */
export async function stepTo(page: Page, step: number): Promise<void> {
	const text = page.getByTestId('step-text');
	// The first press of any of them halts the playback, which may have moved on since the step was read.
	while (await isPlaying(page)) await page.getByTestId('step-back').click();
	for (;;) {
		const at = Number(await text.getAttribute('data-step'));
		if (at === step) return;
		await page.getByTestId(at > step ? 'step-back' : 'step-forward').click();
		await page.locator(`[data-testid="step-text"]:not([data-step="${at}"])`).waitFor();
	}
}

async function isPlaying(page: Page): Promise<boolean> {
	return (await page.getByTestId('play').getAttribute('aria-label')) === 'Pause';
}

/** The content of a node's card; null where it does not show something. */
export interface ShownCard {
	readonly role: string | null;
	readonly promised: string | null;
	readonly accepted: string | null;
	readonly chosenThrough: string | null;
}

export async function readCard(page: Page, id: string): Promise<ShownCard> {
	return page.getByTestId(`node-${id}`).evaluate((card) => {
		const rows = [...card.querySelectorAll('dl > div')];
		const row = (term: string): Element | undefined =>
			rows.find((one) => one.querySelector('dt')?.textContent === term)?.querySelector('dd') ?? undefined;
		return {
			role: card.querySelector('.role')?.textContent ?? null,
			promised: row('promised')?.querySelector('[data-ballot]')?.getAttribute('data-ballot') ?? null,
			accepted: row('accepted')?.textContent ?? null,
			chosenThrough: row('chosen through')?.textContent ?? null,
		};
	});
}

/** The content that a card has to have for a state. */
export function cardOf(snapshot: NodeSnapshot): ShownCard {
	const accepted = snapshot.slots.findLast(({ acceptedBallot }) => acceptedBallot !== '');
	return {
		role: snapshot.role,
		promised: snapshot.promised === '' ? null : snapshot.promised,
		accepted: accepted === undefined ? 'nothing yet' : `${accepted.slot} ${accepted.value?.text}`,
		chosenThrough: `${snapshot.chosenThrough} · revision ${snapshot.revision}`,
	};
}

/** The words that do not fit. One that only a screen reader says has no width. */
export function cutWords(words: Element[]): (string | null)[] {
	const cut = words.filter(({ scrollWidth, clientWidth }) => clientWidth > 1 && scrollWidth > clientWidth);
	return cut.map(({ textContent }) => textContent);
}
