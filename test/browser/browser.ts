/**
 * The browser of the tests: a real Chromium, which all files that run in one process share, and which ends with it. A
 * page that logs or throws an error fails the test that opened it.
 */

import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { launch } from './launch.ts';

export interface PageOptions extends BrowserContextOptions {
	/**
	 * Complaints that this test causes itself. A browser logs each refused connection as an error, so a test that stops
	 * a node has to name it.
	 */
	readonly expectedComplaints?: readonly RegExp[];
}

export interface TestBrowser {
	/** A page with a context of its own, closed with the test that opened it; call it inside a test. */
	openPage(options?: PageOptions): Promise<Page>;
}

/** A page draws as often as it can, and two of them leave a small machine nothing for what they show. */
const FRAME_PAUSE_MS = 60;

let running: Promise<Browser> | undefined;

/** @throws {Error} as of `launch` */
export async function launchBrowser(): Promise<TestBrowser> {
	running ??= launch();
	const browser = await running;
	return { openPage: (options) => openPage(browser, options) };
}

/** The unexpected complaints of a page so far, in order. */
export function complaintsAbout(page: Page, expected: readonly RegExp[]): readonly string[] {
	return (complaints.get(page) ?? []).filter((complaint) => !expected.some((known) => known.test(complaint)));
}

const complaints = new WeakMap<Page, string[]>();

async function openPage(browser: Browser, options: PageOptions = {}): Promise<Page> {
	const { expectedComplaints = [], ...contextOptions } = options;
	const context = await browser.newContext(contextOptions);
	await context.addInitScript(drawSeldom, FRAME_PAUSE_MS);
	const page = await context.newPage();
	listen(page);
	onTestFinished(async () => {
		await context.close();
		const surprising = complaintsAbout(page, expectedComplaints);
		if (surprising.length > 0) throw new Error(`the page complained:\n${surprising.join('\n')}`);
	});
	return page;
}

/** Runs in the page: what asks for the next frame gets one after `pauseMs` at the earliest. */
function drawSeldom(pauseMs: number): void {
	const nextFrame = window.requestAnimationFrame.bind(window);
	const waiting = new Map<number, ReturnType<typeof setTimeout>>();
	let last = 0;
	window.requestAnimationFrame = (draw) => {
		const id = ++last;
		const begin = () => nextFrame((nowMs) => waiting.delete(id) && draw(nowMs));
		waiting.set(id, setTimeout(begin, pauseMs));
		return id;
	};
	window.cancelAnimationFrame = (id) => {
		clearTimeout(waiting.get(id));
		waiting.delete(id);
	};
}

function listen(page: Page): void {
	const heard: string[] = [];
	complaints.set(page, heard);
	page.on('console', (message) => {
		if (message.type() === 'error') heard.push(`console: ${message.text()} (${message.location().url})`);
	});
	page.on('pageerror', (error) => heard.push(`thrown: ${error.stack ?? error.message}`));
	page.on('crash', () => heard.push('the page crashed'));
}
