/**
 * The recent slots, newest on the right, one button each: what every node holds, and how many votes. A slot's
 * marks are said in its button's name, so the drawing needs no twin.
 */
import { useRef } from 'preact/hooks';
import { membersText } from '../../shared/fact.ts';
import { type SlotColumn, type SlotMark, slotGrid } from '../model/slot-grid.ts';
import { countText, list } from '../model/why.ts';
import { inspected } from './inspecting.ts';
import { NodeName } from './node-name.tsx';
import { usePace } from './pace.ts';
import { moveFocus } from './roving.ts';
import { shownSlot, swarmShown } from './state.ts';
import { showSlot } from './steering.ts';
import { useWidth } from './width.ts';

const COLUMN_PX = 30;
const COLUMN_TOUCH_PX = 44;
const GRID_PADDING_PX = 8;
const COLUMNS_MIN = 4;
const COLUMNS_MAX = 48;
const LEGEND: readonly (readonly [SlotMark, string])[] = [
	['promised', 'promised'],
	['accepted', 'accepted'],
	['chosen', 'chosen'],
	['trimmed', 'in the snapshot'],
];

export function Slots() {
	const panel = useRef<HTMLElement>(null);
	usePace(panel);
	const grid = useRef<HTMLFieldSetElement>(null);
	const width = useWidth(grid);
	const columnPx = matchMedia('(max-width: 760px)').matches ? COLUMN_TOUCH_PX : COLUMN_PX;
	const fitting = Math.floor((width - GRID_PADDING_PX) / columnPx);
	const columns = slotGrid(swarmShown(), Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, fitting)));
	const shown = shownSlot.peek();
	const focusable = columns.some((column) => column.slot === shown) ? shown : columns.at(-1)?.slot;
	return (
		<section class="panel slots-panel" id="slots" aria-labelledby="slots-title" ref={panel}>
			<div class="panel-head">
				<h2 id="slots-title">Recent slots</h2>
				<p class="legend">
					{LEGEND.map(([mark, text]) => (
						<span key={mark}>
							<Mark mark={mark} /> {text}
						</span>
					))}
				</p>
			</div>
			<div class={`slot-grid ${columns.length === 0 ? 'bare' : ''}`}>
				<div class="slot-names" aria-hidden="true">
					<span />
					{swarmShown().nodes.map((node) => (
						<span key={node.id}>
							<NodeName id={node.id} />
						</span>
					))}
					<span>votes</span>
				</div>
				<fieldset class="slot-columns" ref={grid} aria-label="Slots; arrow keys move">
					{columns.map((column) => (
						<Column
							key={column.slot}
							column={column}
							shown={column.slot === shown}
							focusable={column.slot === focusable}
						/>
					))}
					{columns.length === 0 && <p class="empty">Slots appear here as soon as something is proposed.</p>}
				</fieldset>
			</div>
		</section>
	);
}

function Column({ column, shown, focusable }: { column: SlotColumn; shown: boolean; focusable: boolean }) {
	const { slot, marks, votes } = column;
	return (
		<button
			type="button"
			class={`slot-column ${column.isFirst ? 'first' : ''} ${column.brings ? 'brings' : ''}`}
			data-testid={`slot-${slot}`}
			aria-pressed={shown}
			data-first={column.isFirst || undefined}
			data-brings={column.brings?.from}
			title={`slot ${slot}: ${said(column)}${shown ? '; press again to inspect it' : ''}`}
			tabIndex={focusable ? 0 : -1}
			onClick={() => {
				if (shown) inspected.value = { kind: 'slot', slot };
				showSlot(slot);
			}}
			onKeyDown={(event) => moveFocus(event, 'fieldset', 'button')}
		>
			<span class="slot-number">{slot < 10_000 ? slot : `…${String(slot).slice(-3)}`}</span>
			<span class="sr">{sentence(column)}</span>
			{marks.map(({ node, mark }) => (
				<span key={node} class="slot-cell" data-testid={`slot-${slot}-${node}`} data-mark={mark}>
					<Mark mark={mark} />
				</span>
			))}
			<span class={`slot-votes ${column.isReached ? 'reached' : ''}`} data-votes={votes}>
				{votes ?? '–'} <span class="sr">votes</span>
			</span>
		</button>
	);
}

/** The ring is the promise, what is in it the acceptance; a diamond is chosen. */
function Mark({ mark }: { mark: SlotMark }) {
	return (
		<svg class={`slot-mark k-${mark}`} width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true">
			{mark === 'chosen' || mark === 'trimmed' ? (
				<path d="M0-6 6 0 0 6-6 0z" />
			) : mark === 'unknown' ? (
				<path d="M-4 4 4-4" />
			) : (
				<circle r="5" />
			)}
			{mark === 'accepted' && <rect x="-2.5" y="-2.5" width="5" height="5" />}
		</svg>
	);
}

/** The value, and what it is to the members. */
function said({ slot, text, brings, isFirst }: SlotColumn): string {
	const value = brings ? `members ${membersText(brings.members)} from slot ${countText(brings.from)} on` : text;
	return isFirst ? `${value || 'value not known'}; from slot ${countText(slot)} on other members decide` : value;
}

function sentence(column: SlotColumn): string {
	const { marks } = column;
	const text = said(column);
	const kinds: SlotMark[] = ['trimmed', 'chosen', 'accepted', 'promised', 'none', 'unknown'];
	const held = kinds.flatMap((kind) => {
		const nodes = marks.filter(({ mark }) => mark === kind).map(({ node }) => node);
		return nodes.length === 0
			? []
			: [`${kind === 'none' ? 'nothing' : kind === 'trimmed' ? 'in the snapshot' : kind} at ${list(nodes)}`];
	});
	return `${text || 'value not known'}: ${held.join('; ')};`;
}
