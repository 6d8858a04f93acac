/** Every view of the page, and how a page gets there: for pictures of them, and for axe. It must not judge what is shown. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { RULE_IDS, type RuleId } from '../../../shared/simulation/rule-ids.ts';
import { nextOutcome, playbackBegins, propose, stateBecomes, stepTo } from '../../browser/swarm-page.ts';
import { put } from '../../process/client.ts';
import type { TestNode } from '../../process/swarm.ts';
import { record } from './recorded.ts';
import type { Stage, StageOptions } from './stage.ts';

export interface View {
	readonly name: string;
	/** The end of the address. */
	readonly at?: string;
	/** The part of the page that is looked at; all of it by default. */
	readonly of?: string;
	readonly reach: (page: Page, stage: Stage) => Promise<unknown>;
	/** Undoes what `reach` has done to the swarm. */
	readonly leave?: (stage: Stage) => Promise<unknown>;
}

/** A swarm, and what is looked at in it. */
export interface Setting {
	readonly options?: StageOptions;
	/** Is done once, before any page is open. */
	readonly prepare?: (stage: Stage) => Promise<unknown>;
	readonly views: readonly View[];
}

const STORIES = [
	'first-decision',
	'rivals',
	'dead-proposer',
	'no-quorum',
	'minority',
	'leader-killed',
	'old-leader-read',
	'gap',
	'lost-disk',
	'new-member',
	'star',
	'chain',
];
const FACTS_OF_REPLAY = 4_000;
const NAMES_OF_REPLAY = ['frankfurt-am-main-rack-12-node-07', 'amsterdam-science-park-rack-3-n-1', 'n3', 'n4', 'n5'];
const LONG = 'a-key-of-sixty-four-characters-which-has-no-place-to-be-broken-1';

export const SETTINGS: readonly Setting[] = [
	{
		views: [
			{ name: 'empty', reach: hearsAll },
			{ name: 'tour', reach: takesTour },
		],
	},
	{
		prepare: write,
		views: [
			{ name: 'live', reach: hearsAll },
			{ name: 'decision', reach: playsDuel },
			{ name: 'why', reach: asksWhy },
			{ name: 'inspector', reach: inspects },
			{ name: 'where-the-time-went', of: '#decision', reach: opensWaterfall },
			{ name: 'paper', of: '#decision', reach: quotesPaper },
			{ name: 'space-time', of: '#space-time', reach: playsDuel },
			{ name: 'metrics', of: '#metrics', reach: opensMetrics },
			{ name: 'key-history', of: '#keys', reach: opensHistory },
			{ name: 'key-edit', of: '#keys', reach: editsKey },
			{ name: 'help', of: 'dialog', reach: opensHelp },
			{ name: 'no-quorum', reach: losesQuorum, leave: regainQuorum },
		],
	},
	{
		options: { isLab: true },
		prepare: write,
		views: [
			{ name: 'lab', reach: breaksLinks, leave: healLinks },
			{ name: 'lab-menu', reach: opensMenu },
		],
	},
	{
		options: { nodes: 3, environment: { SWARM_TOKEN: 'a-token-for-the-pictures' } },
		views: [{ name: 'sign-in', reach: isAsked }],
	},
	{ options: { nodes: 9 }, prepare: writeLong, views: [{ name: 'nine-nodes', reach: hearsAll }] },
	{ options: { nodes: 3 }, prepare: write, views: [{ name: 'members', reach: losesDisk }] },
	{
		options: { nodes: 1 },
		views: [
			{ name: 'sandbox', at: '?sandbox', reach: (page) => stateBecomes(page, 'n5', 'up') },
			{ name: 'sandbox-faults', at: '?sandbox', reach: breaksSandbox },
			...STORIES.map((id) => ({ name: `story-${id}`, at: `?sandbox#story=${id}`, reach: beginsStory })),
			{ name: 'stories-end', at: '?sandbox#story=chain', reach: endsStory },
			{ name: 'game', at: '?sandbox', reach: (page) => takesRuleOut(page, 'half') },
			...RULE_IDS.map((id) => ({
				name: `game-${id}-broken`,
				at: '?sandbox',
				reach: (page: Page) => breaksRule(page, id),
			})),
			{ name: 'replay-empty', at: '?replay', reach: (page) => page.getByTestId('trace-title').waitFor() },
			{ name: 'replay', at: '?replay', reach: (page) => opensTrace(page, []) },
			{ name: 'long-names', at: '?replay', reach: (page) => opensTrace(page, NAMES_OF_REPLAY) },
		],
	},
];

async function hearsAll(page: Page, { swarm }: Stage): Promise<void> {
	for (const { id } of swarm.nodes) await stateBecomes(page, id, 'up');
	await page.locator('.card[data-role="leader"]').waitFor();
}

/** To its last stop. */
async function takesTour(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await page.getByTestId('help').click();
	await page.getByTestId('take-tour').click();
	for (const asks of ['watch', 'change', 'duel']) {
		await page.locator(`[data-testid="tour"][data-stop="${asks}"]`).waitFor();
		await page.getByTestId('tour-next').click();
	}
	await page.locator('[data-testid="tour"][data-stop="stories"]').waitFor();
}

async function write({ swarm }: Stage): Promise<void> {
	for (const [i, node] of swarm.nodes.entries()) {
		await putWell(node, 'color', ['red', 'blue', 'green', 'teal', 'pink'][i % 5] as string);
		await putWell(node, `app/config/${i}`, JSON.stringify({ replicas: i, region: 'eu-west' }));
	}
}

async function writeLong({ swarm: { nodes } }: Stage): Promise<void> {
	const values: readonly (readonly [string, string])[] = [
		[LONG, LONG.repeat(3)],
		// A key has no characters that cannot be printed, as those that join several emoji into one.
		['emoji/👍🏽', '👩‍👩‍👧‍👦 🎉🇪🇺 done'],
		['rtl/שלום', 'שלום עולם, מה שלומך?'],
		['large', 'x'.repeat(524_288)],
		['json', JSON.stringify({ list: Array.from({ length: 40 }, (_, id) => ({ id, isOn: true })) })],
	];
	for (const [i, [key, value]] of values.entries()) {
		await putWell(nodes[i % nodes.length] as TestNode, encodeURIComponent(key), value);
	}
}

async function putWell(node: TestNode, key: string, value: string): Promise<void> {
	const response = await put(node, key, value);
	if (!response.ok) throw new Error(`${node.id} refuses the key ${key}: ${await response.text()}`);
}

/** Two nodes propose against each other, and the page shows a step at which one was refused. */
async function playsDuel(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await page.getByTestId('duel').click();
	await playbackBegins(page);
	await stepTo(page, 14);
}

async function asksWhy(page: Page, stage: Stage): Promise<void> {
	await playsOne(page, stage);
	// A phone has no room for the button.
	await page.keyboard.press('w');
	await page.getByTestId('answer-why').waitFor();
}

async function inspects(page: Page, stage: Stage): Promise<void> {
	await playsOne(page, stage);
	await page.getByTestId('pick-1a-n2').click();
	await page.getByTestId('inspector').waitFor();
}

async function opensWaterfall(page: Page, stage: Stage): Promise<void> {
	await playsOne(page, stage);
	await page.getByTestId('waterfall').locator('summary').click();
	await page.getByTestId('span-promise-n3').waitFor();
}

async function quotesPaper(page: Page, stage: Stage): Promise<void> {
	await playsOne(page, stage);
	await page.getByRole('button', { name: 'Paper' }).click();
}

async function playsOne(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await propose(page, { at: 'n3', key: 'color', value: 'red' });
	await playbackBegins(page);
	await stepTo(page, 22);
}

async function opensMetrics(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await write(stage);
	await page.getByTestId('metrics').locator('summary').first().click();
	await page.getByTestId('metric-p99').waitFor();
}

async function opensHistory(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await write(stage);
	await rowOfColor(page).getByTestId('key-follow').click();
	await page.getByTestId('key-version').first().waitFor();
}

async function editsKey(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await write(stage);
	await rowOfColor(page).getByTestId('key-edit').click();
}

function rowOfColor(page: Page) {
	return page.locator('[data-testid="keys-table"] tr', { hasText: 'color' });
}

async function opensHelp(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await page.getByTestId('help').click();
	await page.locator('dialog[open]').waitFor();
}

/** A node gets a new disk, and votes again under a new id. */
async function losesDisk(page: Page, stage: Stage): Promise<void> {
	await page.locator('.card[data-role="leader"]').waitFor();
	const node = stage.swarm.node('n3');
	await node.stop();
	rmSync(node.folder, { recursive: true });
	await node.start();
	await page.locator('[data-testid="change"][data-in-force="true"]').waitFor();
	await page.getByTestId('change-slot').click();
	await page.getByTestId('decision-members').waitFor();
}

/** A proposal is made meanwhile, which cannot be chosen. */
async function losesQuorum(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	for (const id of ['n3', 'n4', 'n5']) stage.swarm.node(id).pause();
	for (const id of ['n3', 'n4', 'n5']) await stateBecomes(page, id, 'unknown');
	await page.getByTestId('no-quorum').waitFor();
}

async function regainQuorum({ swarm }: Stage): Promise<void> {
	for (const id of ['n3', 'n4', 'n5']) swarm.node(id).resume();
	for (const node of swarm.nodes) await node.ready();
}

async function breaksLinks(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	const cut = { method: 'PUT', body: JSON.stringify({ cut: true }) };
	await stage.swarm.node('n1').fetch('/v1/lab/links/n4', cut);
	await stage.swarm.node('n4').fetch('/v1/lab/links/n1', cut);
	await stage.swarm.node('n2').fetch('/v1/lab/links/n5', { method: 'PUT', body: JSON.stringify({ delayMs: 300 }) });
	await stage.swarm.node('n3').fetch('/v1/lab/links/n5', { method: 'PUT', body: JSON.stringify({ loss: 0.2 }) });
	await stage.swarm.node('n5').fetch('/v1/lab/links/n3', { method: 'PUT', body: JSON.stringify({ loss: 0.2 }) });
	await page.getByTestId('lab-faults').locator('li').nth(4).waitFor();
}

async function opensMenu(page: Page, stage: Stage): Promise<void> {
	await hearsAll(page, stage);
	await page.getByTestId('pick-n1-n3').click();
	await page.getByTestId('menu').waitFor();
}

async function healLinks({ swarm }: Stage): Promise<void> {
	for (const node of swarm.nodes) await node.fetch('/v1/lab/links', { method: 'DELETE' });
}

async function isAsked(page: Page): Promise<void> {
	await page.getByTestId('sign-in').waitFor();
}

async function breaksSandbox(page: Page): Promise<void> {
	await stateBecomes(page, 'n5', 'up');
	for (const [of, item] of [
		['n1-n3', 'Cut it'],
		['n4', 'Crash it'],
	] as const) {
		await page.getByTestId(`pick-${of}`).click();
		await page.getByRole('menuitem', { name: item }).click();
	}
	await stateBecomes(page, 'n4', 'unknown');
	await Promise.all([nextOutcome(page), page.getByTestId('propose-submit').click()]);
	await page.getByTestId('pick-n2').click();
	await page.getByTestId('menu').waitFor();
}

async function beginsStory(page: Page): Promise<void> {
	await page.locator('[data-testid="scene-text"][data-scene="1"][data-done="true"]').waitFor();
	await page.getByTestId('story-play').click();
	await page.getByTestId('story-play').getByText('Play all').waitFor();
}

async function endsStory(page: Page): Promise<void> {
	await page.locator('[data-testid="scene-text"][data-scene="end"]').waitFor();
}

async function takesRuleOut(page: Page, rule: RuleId): Promise<void> {
	await stateBecomes(page, 'n5', 'up');
	await page.getByTestId(`rule-${rule}`).click();
	await page.getByTestId('rule-out').waitFor();
}

async function breaksRule(page: Page, rule: RuleId): Promise<void> {
	await takesRuleOut(page, rule);
	await page.getByTestId('show-me').click();
	await page.locator('.lamp[data-broken="true"]').waitFor();
}

/** Two rivals, of whom one was refused, at the moment at which the value of the other one is chosen. */
export const README_VIEW: View = {
	name: 'readme',
	at: '?sandbox#story=rivals',
	reach: async (page) => {
		await page.locator('[data-testid="scene-text"][data-scene="3"][data-done="true"]').waitFor();
		await page.getByTestId('story-play').click();
		await page.getByTestId('story-play').getByText('Play all').waitFor();
	},
};

/** @param names take the place of those of the nodes */
async function opensTrace(page: Page, names: readonly string[]): Promise<void> {
	const text = names.reduce(
		(all, name, i) => all.replace(new RegExp(`\\bn${i + 1}\\b`, 'g'), name),
		await recordedText(FACTS_OF_REPLAY),
	);
	const buffer = Buffer.from(text);
	await page.getByTestId('trace-file').setInputFiles({ name: 'a.trace.json', mimeType: 'application/json', buffer });
	await page.getByTestId('trace-title').getByText('A long run of five nodes.').waitFor();
	await page.locator('[data-testid="rail"][data-now="true"]').waitFor();
	await page.getByTestId('event-before').click();
	await page.getByTestId('event-before').click();
	// Playwright scrolls the page to a button that stays in view at its bottom.
	await page.evaluate(() => scrollTo(0, 0));
}

async function recordedText(facts: number): Promise<string> {
	const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-pictures-'));
	try {
		const file = join(folder, 'a.trace.json');
		await record(file, facts);
		return readFileSync(file, 'utf8');
	} finally {
		rmSync(folder, { recursive: true });
	}
}
