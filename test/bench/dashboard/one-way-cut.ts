/** One direction of a link is cut in a lab: how soon the page shows which one. */
import type { Page } from 'playwright-core';
import type { TestNode } from '../../process/swarm.ts';
import type { Bar } from './bar.ts';
import { quantile, spreadText } from './spread.ts';
import { staged } from './stage.ts';

const TARGET_MS = 1_500;

export const oneWayCut: Bar = {
	name: 'cut',
	measure: ({ rounds }) =>
		staged({ isLab: true, nodes: 3 }, async (stage) => {
			const page = await stage.open();
			await page.getByTestId('lab-heal').waitFor();
			const { nodes } = stage.swarm;
			const ms: number[] = [];
			let wrong = 0;
			for (let round = 0; round < rounds; round++) {
				for (const from of nodes) {
					for (const to of nodes) {
						if (from === to) continue;
						const beganMs = Date.now();
						const shown = cutShown(page, from.id, to.id);
						await setCut(from, to, true);
						const { atMs, label } = await shown;
						ms.push(atMs - beganMs);
						if (label !== labelOf(from.id, to.id)) wrong++;
						await setCut(from, to, false);
						await page.locator('[data-testid="lab-faults"]:not(:has(li))').waitFor({ state: 'attached' });
					}
				}
			}
			return [
				{
					bar: 'one-way cut',
					target: `shown in the right direction within ${TARGET_MS} ms`,
					measured: `after ${spreadText(ms)}; ${wrong} in the wrong direction`,
					isMet: quantile(ms, 1) <= TARGET_MS && wrong === 0,
				},
			];
		}),
};

/** The node to which the messages go has the fault. */
async function setCut(from: TestNode, to: TestNode, cut: boolean): Promise<void> {
	const answer = await to.fetch(`/v1/lab/links/${from.id}`, { method: 'PUT', body: JSON.stringify({ cut }) });
	if (!answer.ok) throw new Error(`the link is not cut: ${answer.status} ${await answer.text()}`);
}

/** As the handle of the link in the mesh is called. */
function labelOf(from: string, to: string): string {
	const [a, b] = [from, to].sort();
	return `Link between ${a} and ${b}, cut from ${from} to ${to}`;
}

/** Waits until the list of faults has this one. @returns when that was, and what the link in the mesh is called then */
async function cutShown(page: Page, from: string, to: string): Promise<{ atMs: number; label: string | null }> {
	const [a, b] = [from, to].sort();
	const shown = await page.waitForFunction(
		([said, link]) => {
			const items = [...document.querySelectorAll('[data-testid="lab-faults"] li')];
			if (!items.some((item) => item.textContent?.startsWith(said))) return null;
			const label = document.querySelector(`[data-testid="${link}"]`)?.getAttribute('aria-label') ?? null;
			return { atMs: performance.timeOrigin + performance.now(), label };
		},
		[`The messages of ${from} to ${to} are lost`, `pick-${a}-${b}`] as const,
	);
	return (await shown.jsonValue()) as { atMs: number; label: string | null };
}
