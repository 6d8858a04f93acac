/**
 * The swarm and page of the dashboard's tests: real nodes, which the test itself watches too, and the page that one of
 * them serves. `swarm-page.ts` uses and reads the page.
 */
import type { Page } from 'playwright-core';
import { expect, onTestFailed } from 'vitest';
import type { Fact } from '../../shared/fact.ts';
import { Swarm, type TestNode } from '../process/swarm.ts';
import { Watch } from '../process/watch.ts';
import { launchBrowser, type PageOptions, type TestBrowser } from './browser.ts';
import { stateBecomes, wide } from './swarm-page.ts';

/**
 * Long timings, so that a heartbeat that a busy machine delays does not make a new leader during a test. Each heartbeat
 * costs every node and every page that hears of it, so there are few.
 */
const timings = { electionMinMs: 1_500, electionMaxMs: 2_000, heartbeatMs: 300, requestMs: 20_000 };
const waitMaxMs = 60_000;

/** Five running nodes, five watchers and a browser. */
export class Stage {
	readonly swarm: Swarm;
	readonly browser: TestBrowser;
	readonly #watches: Watch[];

	private constructor(swarm: Swarm, browser: TestBrowser, watches: Watch[]) {
		this.swarm = swarm;
		this.browser = browser;
		this.#watches = watches;
	}

	/** @param environment variables of the nodes, beside those of this process */
	static async set(environment: Readonly<Record<string, string>> = {}): Promise<Stage> {
		const swarm = await Swarm.create({ size: 5, timings, environment });
		try {
			await swarm.start();
			const watches = await Promise.all(swarm.nodes.map(Watch.open));
			return new Stage(swarm, await launchBrowser(), watches);
		} catch (error) {
			await swarm.dispose();
			throw error;
		}
	}

	async strike(): Promise<void> {
		for (const watch of this.#watches) watch.close();
		await this.swarm.dispose();
	}

	/** Opens the page that `node` serves, and waits until it hears every node. It is called inside a test. */
	async open(node: TestNode, options: PageOptions = {}): Promise<Page> {
		onTestFailed(() => {
			process.stderr.write(this.swarm.transcript());
		});
		const page = await this.browser.openPage({ viewport: wide, timezoneId: 'UTC', ...options });
		page.setDefaultTimeout(waitMaxMs);
		await page.goto(node.url);
		for (const { id } of this.swarm.nodes) await stateBecomes(page, id, 'up');
		return page;
	}

	/** The facts of all nodes so far. */
	get facts(): readonly Fact[] {
		return this.#watches.flatMap(({ facts }) => facts);
	}

	/** Whether the facts are complete: none was only counted, and no number is missing. */
	get toldAll(): boolean {
		return this.#watches.every(({ skipped, gaps }) => skipped === 0 && gaps === 0);
	}
}

export function poll<T>(ask: () => T): ReturnType<typeof expect.poll<T>> {
	return expect.poll(ask, { timeout: waitMaxMs, interval: 50 });
}
