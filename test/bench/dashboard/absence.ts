/**
 * A node is killed and started again, is away for long, or a tab sleeps, or the browser's clock is wrong: how soon the page
 * says that the node is unknown, and how soon it is right once the node, or the tab, is back.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { cardOf, readCard, snapshotOf } from '../../browser/swarm-page.ts';
import { put } from '../../process/client.ts';
import { type TestNode, until } from '../../process/swarm.ts';
import type { Bar, Measured } from './bar.ts';
import { quantile, spreadText } from './spread.ts';
import { type Stage, staged } from './stage.ts';
import { shownAt, watchStates } from './states.ts';

const UNKNOWN_MS_MAX = 1_500;
const RIGHT_MS_MAX = 1_000;
const TARGET = `unknown within ${UNKNOWN_MS_MAX} ms, right within ${RIGHT_MS_MAX} ms of the return`;
const HOUR_MS = 3_600_000;
const SETTLE_MS = 1_500;

/** Times in milliseconds. */
interface Absences {
	readonly unknown: number[];
	readonly right: number[];
	/** What the card says, and what the node says of itself, where these differ. */
	readonly wrong: string[];
}

interface Way {
	readonly fall: (node: TestNode) => unknown;
	/** Resolves with the time at which the node was back, milliseconds since 1970. */
	readonly rise: (node: TestNode) => Promise<number>;
}

const KILLED: Way = {
	fall: (node) => node.kill(),
	rise: async (node) => {
		node.launch();
		return until(`${node.id} answers`, async () => ((await node.fetch('/livez')).ok ? Date.now() : undefined));
	},
};

const STOPPED: Way = {
	fall: (node) => node.pause(),
	rise: async (node) => {
		node.resume();
		return Date.now();
	},
};

export const absence: Bar = {
	name: 'absence',
	measure: ({ rounds, away }) =>
		staged({}, async (stage) => [
			await measured(stage, 'a node killed and started again', rounds, 0, KILLED),
			await measured(stage, 'a node stopped and resumed', rounds, 0, STOPPED),
			await measured(stage, `a node away for ${away} s`, 1, away, STOPPED),
			await measured(stage, 'the browser’s clock an hour ahead', rounds, 0, STOPPED, HOUR_MS),
			await measured(stage, 'the browser’s clock an hour behind', rounds, 0, KILLED, -HOUR_MS),
			await measured(stage, 'the browser’s clock set back by an hour meanwhile', rounds, 0, STOPPED, 'setBack'),
			await asleep(stage, away),
		]),
};

async function measured(
	stage: Stage,
	bar: string,
	rounds: number,
	awayS: number,
	way: Way,
	clock: number | 'setBack' = 0,
): Promise<Measured> {
	const page = await stage.blank();
	await page.addInitScript(shiftClock, clock === 'setBack' ? 0 : clock);
	await stage.show(page);
	await watchStates(page);
	const found: Absences = { unknown: [], right: [], wrong: [] };
	for (let round = 0; round < rounds; round++) {
		await delay(SETTLE_MS);
		const node = await aFollower(stage);
		if (clock === 'setBack')
			await page.evaluate((ms) => Object.assign(window, { shiftMs: ms }), -(round + 1) * HOUR_MS);
		const fellMs = Date.now();
		await way.fall(node);
		found.unknown.push((await shownAt(page, node.id, 'unknown', fellMs)) - fellMs);
		await Promise.all(
			stage.swarm.nodes
				.filter((other) => other !== node)
				.map((other) => put(other, 'meanwhile', `${round} ${other.id}`)),
		);
		await delay(awayS * 1_000);
		const roseMs = await way.rise(node);
		found.right.push((await shownAt(page, node.id, 'up', fellMs)) - roseMs);
		await node.ready().catch(() => undefined);
		const difference = await differenceLeft(page, node);
		if (difference !== '') found.wrong.push(difference);
	}
	await page.context().close();
	return {
		bar,
		target: TARGET,
		measured: `unknown after ${spreadText(found.unknown)}; known again after ${spreadText(found.right)}; ${found.wrong.length} times not as the node says itself`,
		isMet:
			quantile(found.unknown, 1) <= UNKNOWN_MS_MAX &&
			quantile(found.right, 1) <= RIGHT_MS_MAX &&
			found.wrong.length === 0,
		...(found.wrong.length > 0 && { note: [...new Set(found.wrong)].join('; ') }),
	};
}

/** The tab sleeps. Meanwhile a node is killed, and the others write. */
async function asleep(stage: Stage, awayS: number): Promise<Measured> {
	const page = await stage.open();
	const session = await page.context().newCDPSession(page);
	const sleep = (state: 'frozen' | 'active') => session.send('Page.setWebLifecycleState', { state });
	const node = await aFollower(stage);
	const others = stage.swarm.nodes.filter((other) => other !== node);
	await sleep('frozen');
	await node.kill();
	await Promise.all(others.map((other) => put(other, 'asleep', other.id)));
	await delay(awayS * 1_000);
	const wokeMs = Date.now();
	await sleep('active');
	const rightMs = (await allRightAt(page, others, node)) - wokeMs;
	await node.start();
	await page.context().close();
	return {
		bar: `a tab asleep for ${awayS} s, in which a node is killed`,
		target: `right within ${RIGHT_MS_MAX} ms of the return`,
		measured: `all cards are right after ${Math.round(rightMs)} ms`,
		isMet: rightMs <= RIGHT_MS_MAX,
	};
}

/** When all cards of `up` say what their nodes say, and that of `gone` is unknown, milliseconds since 1970. */
async function allRightAt(page: Page, up: readonly TestNode[], gone: TestNode): Promise<number> {
	const wanted = await Promise.all(
		up.map(async (node) => [node.id, String((await snapshotOf(node)).chosenThrough)] as const),
	);
	const right = await page.waitForFunction(
		([through, lost]) => {
			const card = (id: string) => document.querySelector<HTMLElement>(`[data-testid="node-${id}"]`)?.dataset;
			const isRight =
				through.every(([id, slot]) => card(id)?.chosenThrough === slot) && card(lost)?.state === 'unknown';
			return isRight ? performance.timeOrigin + performance.now() : null;
		},
		[wanted, gone.id] as const,
	);
	return (await right.jsonValue()) as number;
}

/** One that the page does not come from, so that the others go on. */
async function aFollower(stage: Stage): Promise<TestNode> {
	const leader = await stage.swarm.leader();
	return stage.swarm.nodes.findLast((node) => node !== leader && node.id !== 'n2') as TestNode;
}

/** '' as soon as the card says what the node says itself; after the time for that the difference. */
async function differenceLeft(page: Page, node: TestNode): Promise<string> {
	const deadlineMs = Date.now() + RIGHT_MS_MAX;
	for (;;) {
		const [shown, told] = [await readCard(page, node.id), cardOf(await snapshotOf(node))].map((card) =>
			JSON.stringify(card),
		);
		if (shown === told) return '';
		if (Date.now() > deadlineMs) return `${node.id}: ${shown} is shown, ${told} is told`;
		await delay(SETTLE_MS / 30);
	}
}

/** Runs in the page before anything else: its time of day is another one, by `window.shiftMs`. */
function shiftClock(byMs: number): void {
	const state = Object.assign(window, { shiftMs: byMs });
	const { now } = Date;
	Date.now = () => now() + state.shiftMs;
}
