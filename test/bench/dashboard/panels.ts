/** Reads at one moment what every panel of the page shows of the nodes. It does not judge it. */
import type { Page } from 'playwright-core';

export interface PanelsOfNode {
	readonly seq: number;
	readonly role: string;
	readonly promised: string | null;
	readonly accepted: string;
	/** Such as `12 · revision 9`. */
	readonly chosenThrough: string;
	/** By slot of the grid: `chosen`, `accepted` and so on. */
	readonly marks: Readonly<Record<string, string>>;
	/** The ballot at which the node stands on the ladder; null where that is none of those shown. */
	readonly rung: string | null;
	/** What the mesh says of it, such as `leader, linked with 4`. */
	readonly mesh: string;
	/** Whether the decision that is shown says that the node knows its value. */
	readonly hasLearned: boolean | null;
}

export interface Panels {
	/** By id, of those that are up. */
	readonly nodes: Readonly<Record<string, PanelsOfNode>>;
	/** The slot of the decision. */
	readonly slot: number;
	/** The ballots on the ladder. */
	readonly rungs: readonly string[];
	readonly keys: {
		readonly node: string;
		readonly revision: number;
		/** Key, value and revision of each. */
		readonly rows: readonly (readonly string[])[];
	} | null;
}

export function readPanels(page: Page): Promise<Panels> {
	return page.evaluate((): Panels => {
		const text = (from: ParentNode | null | undefined, selector: string): string =>
			from?.querySelector(selector)?.textContent ?? '';
		const nodes: Record<string, PanelsOfNode> = {};
		const said = text(document, '#mesh p.sr').split('; ');
		for (const card of document.querySelectorAll<HTMLElement>('.card[data-state="up"]')) {
			const id = card.dataset.testid?.slice('node-'.length) ?? '';
			const row = (term: string): Element | null =>
				[...card.querySelectorAll('dl > div')].find((one) => text(one, 'dt') === term)?.querySelector('dd') ?? null;
			const marks: Record<string, string> = {};
			for (const cell of document.querySelectorAll<HTMLElement>('.slot-cell')) {
				const [, slot = '', of] = /^slot-(\d+)-(.+)$/.exec(cell.dataset.testid ?? '') ?? [];
				if (of === id) marks[slot] = cell.dataset.mark ?? '';
			}
			const learned = document.querySelector(`[data-testid="cell-learned-${id}"]`);
			nodes[id] = {
				seq: Number(card.dataset.seq),
				role: text(card, '.role'),
				promised: row('promised')?.querySelector('[data-ballot]')?.getAttribute('data-ballot') ?? null,
				accepted: row('accepted')?.textContent ?? '',
				chosenThrough: row('chosen through')?.textContent ?? '',
				marks,
				rung: document.querySelector(`[data-testid="rail-${id}"] td.held`)?.getAttribute('data-ballot') ?? null,
				mesh: said.find((each) => each.startsWith(`${id}, `))?.slice(id.length + 2) ?? '',
				hasLearned: learned && learned.querySelector('.mark') !== null,
			};
		}
		const table = document.querySelector<HTMLElement>('[data-testid="keys-table"]');
		return {
			nodes,
			slot: Number(document.querySelector<HTMLElement>('[data-testid="decision"]')?.dataset.slot),
			rungs: [...document.querySelectorAll('.ladder thead [data-ballot]')].map(
				(rung) => rung.getAttribute('data-ballot') ?? '',
			),
			keys: table && {
				node: table.dataset.node ?? '',
				revision: Number(text(table, 'caption .mono')),
				rows: [...table.querySelectorAll('tbody tr')].map((row) =>
					[...row.querySelectorAll('td')].slice(0, 3).map((cell) => cell.textContent ?? ''),
				),
			},
		};
	});
}
