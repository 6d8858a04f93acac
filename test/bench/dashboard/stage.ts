/** A fresh swarm of real nodes, and a real browser that shows its page. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launch } from '../../browser/launch.ts';
import { stateBecomes, wide } from '../../browser/swarm-page.ts';
import { Swarm, type TestNode, until } from '../../process/swarm.ts';

export interface StageOptions {
	readonly nodes?: number;
	/** People may make faults in it. */
	readonly isLab?: true;
	/** More flags of the browser. */
	readonly flags?: readonly string[];
	/** Variables of the nodes, beside those of this process. */
	readonly environment?: Readonly<Record<string, string>>;
}

/** Long timings, so that a heartbeat that a busy machine delays does not make a new leader. */
const TIMINGS = { electionMinMs: 1_000, electionMaxMs: 1_500, requestMs: 20_000 };
const NODES = 5;
const WAIT_MAX_MS = 60_000;

export class Stage {
	readonly swarm: Swarm;
	readonly browser: Browser;

	private constructor(swarm: Swarm, browser: Browser) {
		this.swarm = swarm;
		this.browser = browser;
	}

	static async set({ nodes = NODES, isLab, flags, environment = {} }: StageOptions = {}): Promise<Stage> {
		const swarm = await Swarm.create({ size: nodes, timings: TIMINGS, environment });
		try {
			if (isLab) await startLab(swarm);
			else await swarm.start();
			return new Stage(swarm, await launch(flags));
		} catch (error) {
			await swarm.dispose();
			throw error;
		}
	}

	async strike(): Promise<void> {
		await this.browser.close();
		await this.swarm.dispose();
	}

	/** A blank page with a context of its own. */
	async blank(options: BrowserContextOptions = {}): Promise<Page> {
		const context = await this.browser.newContext({ viewport: wide, timezoneId: 'UTC', ...options });
		const page = await context.newPage();
		page.setDefaultTimeout(WAIT_MAX_MS);
		return page;
	}

	/** Shows what `node` serves, and waits until the page hears every node that runs. */
	async show(page: Page, node: TestNode = this.swarm.node('n2')): Promise<void> {
		await page.goto(node.url);
		for (const { id } of this.swarm.nodes) await stateBecomes(page, id, 'up');
	}

	async open(options: BrowserContextOptions = {}): Promise<Page> {
		const page = await this.blank(options);
		await this.show(page);
		return page;
	}
}

/** Sets a stage, and strikes it whatever happens. */
export async function staged<T>(options: StageOptions, use: (stage: Stage) => Promise<T>): Promise<T> {
	const stage = await Stage.set(options);
	try {
		return await use(stage);
	} finally {
		await stage.strike();
	}
}

async function startLab(swarm: Swarm): Promise<void> {
	const up = swarm.program(['up', '--lab', '--config', swarm.configFile]);
	await up.printed(/Ctrl-C stops it/);
	for (const node of swarm.nodes) {
		await until(`${node.id} is ready`, async () => (await node.fetch('/readyz').catch(() => null))?.ok || undefined);
	}
}
