/** Reads the decision view from the page at one moment, as a person sees it. It does not judge it. */
import type { Page } from 'playwright-core';

export const rows = ['1a', '1b', '2a', '2b', 'learned'] as const;
export type Row = (typeof rows)[number];

/** The content of one cell; '' where it does not show something. */
export interface Mark {
	/** `sent`, `arrived`, `promised`, `refused`, `accepted` or `chosen`. */
	readonly state: string;
	/** The ballot; in a refusal, the higher one that was promised. */
	readonly ballot: string;
	/** Whether a promise or vote was counted: `true` or `false`. */
	readonly counted: string;
	/** The ballot of the acceptance that a promise reported. */
	readonly reported: string;
	/** How the slot was learned. */
	readonly how: string;
	/** Every ballot in the cell, with the text that is shown for it. */
	readonly names: readonly (readonly [ballot: string, text: string])[];
	readonly text: string;
}

export interface ShownDecision {
	readonly slot: number;
	/** The step, from 1; 0 for live. */
	readonly step: number;
	readonly steps: number;
	readonly stepText: string;
	/** All ballots that were tried, the lowest first. */
	readonly rounds: readonly string[];
	/** The ballot that is shown. */
	readonly round: string;
	readonly verdict: string;
	/** The cells that are not empty, by row and node, such as `1b n3`. */
	readonly cells: Readonly<Record<string, Mark>>;
	/** The cells of the present step. */
	readonly now: readonly string[];
	/** The numbers of promises and votes that the two bars show, and the number that is needed. */
	readonly bars: Readonly<Record<'1b' | '2b', { readonly count: number; readonly needed: number }>>;
	readonly why: Readonly<Record<Row, string>>;
}

export function readDecision(page: Page): Promise<ShownDecision> {
	return page.getByTestId('decision').evaluate((panel, rows): ShownDecision => {
		const text = (from: ParentNode, selector: string): string => from.querySelector(selector)?.textContent ?? '';
		const data = (element: Element | null | undefined, name: string): string =>
			element?.getAttribute(`data-${name}`) ?? '';
		const found = [...panel.querySelectorAll('td[data-testid^="cell-"]')].map((cell) => ({
			cell,
			name: data(cell, 'testid').replace(/^cell-(.+)-([^-]+)$/, '$1 $2'),
			mark: cell.querySelector('.mark'),
		}));
		const bar = (row: string): { count: number; needed: number } => {
			const element = panel.querySelector(`[data-testid="row-${row}"] .quorum-bar`);
			return { count: Number(data(element, 'count')), needed: Number(data(element, 'needed')) };
		};
		const stepText = panel.querySelector('[data-testid="step-text"]');
		return {
			slot: Number(data(panel, 'slot')),
			step: Number(data(stepText, 'step')) || 0,
			steps: Number(data(stepText, 'steps')),
			stepText: stepText?.textContent ?? '',
			rounds: [...panel.querySelectorAll('.rounds > [data-ballot]')].map((round) => data(round, 'ballot')),
			round: data(panel.querySelector('.rounds > [aria-pressed="true"], .rounds > .ballot'), 'ballot'),
			verdict: text(panel, '[data-testid="verdict"]'),
			cells: Object.fromEntries(
				found.flatMap(({ name, mark }) =>
					mark === null
						? []
						: [
								[
									name,
									{
										state: data(mark, 'state'),
										ballot: data(mark, 'ballot'),
										counted: data(mark, 'counted'),
										reported: data(mark.querySelector('[data-reported]'), 'reported'),
										how: data(mark, 'how'),
										names: [...mark.querySelectorAll('[data-ballot]')].map((label): [string, string] => [
											data(label, 'ballot'),
											label.textContent ?? '',
										]),
										text: mark.textContent ?? '',
									},
								],
							],
				),
			),
			now: found.filter(({ cell }) => cell.hasAttribute('data-now')).map(({ name }) => name),
			bars: { '1b': bar('1b'), '2b': bar('2b') },
			why: Object.fromEntries(rows.map((row) => [row, text(panel, `[data-testid="why-${row}"]`)])) as Record<
				(typeof rows)[number],
				string
			>,
		};
	}, rows);
}

/** Shows one of the ballots that were tried. A single one is shown already. */
export async function showRound(page: Page, ballot: string): Promise<void> {
	const buttons = page.locator('.rounds > .round');
	if ((await buttons.count()) === 0) return;
	const button = page.locator(`.rounds > .round[data-ballot="${ballot}"]`);
	if ((await button.getAttribute('aria-pressed')) !== 'true') await button.click();
	await page.locator(`.rounds > .round[data-ballot="${ballot}"][aria-pressed="true"]`).waitFor();
}
