/**
 * Draws numbers over time, each with what it was at the moment that the page shows, and as a table. A column is hatched
 * where no node was heard.
 */
import '../style/metrics.css';
import type { ComponentChildren } from 'preact';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { behindOf, type Metrics, type Numbers, standOf } from '../model/metrics.ts';
import { isNoMember } from '../model/standing.ts';
import { countText, msText } from '../model/why.ts';
import { NodeName } from './node-name.tsx';
import { windowOf } from './rail-window.ts';
import { Scroller } from './scroller.tsx';
import { calm, directedCalmMs, isDirected, moment, nowMs, shownMs, spanMs, story, swarmShown } from './state.ts';

/** Live, the shortest of these that has all that is known, or the last one. */
const LENGTHS_MS = [60_000, 120_000, 300_000] as const;
const COLUMNS_MAX = 64;
const ROWS_MAX = 12;
/** A number of the moment is one of so large a part of the span before it. */
const RECENT = 1 / 30;

interface Drawn {
	readonly startMs: number;
	readonly endMs: number;
	/** The moment that the page shows. */
	readonly atMs: number;
	readonly columns: readonly Numbers[];
}

export function MetricsCharts() {
	calm.value;
	directedCalmMs.value;
	moment.value;
	const { metrics } = story;
	const span = windowOf(lengthMs(metrics));
	const atMs = Math.min(shownMs(), span.endMs);
	const drawn: Drawn = { ...span, atMs, columns: metrics.columns(span.startMs, span.endMs, COLUMNS_MAX) };
	const recentMs = RECENT * (span.endMs - span.startMs);
	const recent = metrics.before(atMs, recentMs);
	const { perSecond, p50Ms, p99Ms, refusals } = recent;
	return (
		<>
			<p class="muted metrics-note">
				The last {lengthText(span.endMs - span.startMs)}. The numbers are of the {lengthText(recentMs)} before the
				moment that the page shows. How long a write takes is by the leader’s clock, from its proposal until it is
				applied. <Swatch of="gap" /> No node was heard then, or nobody led.
			</p>
			<div class="metrics-grid">
				<Chart
					title="Commands a second"
					drawn={drawn}
					values={[drawn.columns.map((each) => each.perSecond)]}
					text={rateText}
				>
					<strong data-testid="metric-rate">{perSecond === null ? '–' : rateText(perSecond)}</strong>
				</Chart>
				<Chart
					title="Writes take"
					drawn={drawn}
					values={[drawn.columns.map(({ p50Ms }) => p50Ms), drawn.columns.map(({ p99Ms }) => p99Ms)]}
					text={msText}
				>
					<Swatch of="p50" /> half within{' '}
					<strong data-testid="metric-p50">{p50Ms === null ? '–' : msText(p50Ms)}</strong>, <Swatch of="p99" /> 99 %
					within <strong data-testid="metric-p99">{p99Ms === null ? '–' : msText(p99Ms)}</strong>
				</Chart>
				<Chart
					title="Refusals"
					drawn={drawn}
					values={[drawn.columns.map((each) => each.refusals)]}
					text={percentText}
					kind="nack"
				>
					<strong data-testid="metric-refusals">{refusals === null ? '–' : percentText(refusals)}</strong> of the
					answers
				</Chart>
				<Nodes drawn={drawn} metrics={metrics} />
			</div>
			<Table {...span} metrics={metrics} />
		</>
	);
}

function lengthMs({ beginMs }: Metrics): number {
	if (isDirected()) return spanMs();
	const knownMs = nowMs() - (beginMs ?? nowMs());
	return LENGTHS_MS.find((ms) => ms >= knownMs) ?? LENGTHS_MS[2];
}

/** One list of values is drawn as columns, two as lines. */
function Chart(props: {
	title: string;
	drawn: Drawn;
	values: readonly (readonly (number | null)[])[];
	text: (value: number) => string;
	kind?: string;
	children: ComponentChildren;
}) {
	const { title, drawn, values, text, kind = 'learn', children } = props;
	const top = roundedUp(Math.max(0, ...values.flat().map((value) => value ?? 0)));
	const height = (value: number) => (top > 0 ? (100 * value) / top : 0);
	return (
		<figure class="metric" data-kind={kind}>
			<figcaption>
				<h3>{title}</h3> <span>{children}</span>
			</figcaption>
			<div class="metric-plot">
				<span class="metric-top mono" aria-hidden="true">
					{top > 0 && text(top)}
				</span>
				<Plot drawn={drawn}>
					{values.length === 1
						? drawn.columns.map((column, i) => (
								<Column key={i} drawn={drawn} of={column} height={height(values[0]?.[i] ?? 0)} />
							))
						: values.map((line, i) => (
								<path key={i} class={i === 0 ? 'line' : 'line upper'} d={lineOf(drawn, line, height)} />
							))}
				</Plot>
			</div>
		</figure>
	);
}

/** A row for each node: a band where it leads, and how far it is behind elsewhere. */
function Nodes({ drawn, metrics }: { drawn: Drawn; metrics: Metrics }) {
	const swarm = swarmShown();
	const nodes = swarm.nodes.filter(({ id }) => !isNoMember(swarm.standing(id)));
	const stand = standOf(swarm);
	const behind = behindOf(stand);
	const most = roundedUp(Math.max(1, ...drawn.columns.flatMap((column) => [...column.behind.values()])));
	return (
		<figure class="metric metric-nodes">
			<figcaption>
				<h3>Who leads, and who is behind</h3>{' '}
				<span class="muted">
					<Swatch of="leads" /> leads, <Swatch of="behind" /> is behind by up to{' '}
					{most === 1 ? '1 slot' : `${countText(most)} slots`}
				</span>
			</figcaption>
			{nodes.map(({ id, isUp }) => (
				<div key={id} class="metric-node" data-testid={`metric-node-${id}`}>
					<NodeName id={id} />
					<Plot drawn={drawn} isGap={({ leader, behind }) => leader === null || (leader !== '' && !behind.has(id))}>
						{drawn.columns.map((column, i) => (
							<Column
								key={i}
								drawn={drawn}
								of={column}
								kind={column.leader === id ? 'leads' : 'behind'}
								height={column.leader === id ? 100 : (100 * (column.behind.get(id) ?? 0)) / most}
							/>
						))}
					</Plot>
					<span>{isUp ? standText(id, stand.leader, behind, metrics.behindMs(id, drawn.atMs)) : 'not heard'}</span>
				</div>
			))}
		</figure>
	);
}

/** What a colour of the charts stands for is said behind it. */
function Swatch({ of }: { of: 'p50' | 'p99' | 'leads' | 'behind' | 'gap' }) {
	return <i class={`swatch of-${of}`} aria-hidden="true" />;
}

function standText(id: NodeId, leader: NodeId, behind: ReadonlyMap<NodeId, number>, sinceMs: number | null): string {
	if (id === leader) return 'leads';
	const slots = behind.get(id);
	if (slots === undefined) return 'no leader';
	if (slots === 0) return 'up to date';
	return `${countText(slots)} slot${slots === 1 ? '' : 's'}${sinceMs === null ? '' : `, ${lengthText(sinceMs)}`}`;
}

/** The plane of a drawing, 100 by 100, with the gaps and the moment that the page shows. */
function Plot(props: { drawn: Drawn; isGap?: (of: Numbers) => boolean; children: ComponentChildren }) {
	const { drawn, isGap = ({ leader }) => leader === null, children } = props;
	const at = placeOf(drawn, drawn.atMs);
	return (
		<div class="metric-plane" aria-hidden="true">
			<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
				{drawn.columns.map(
					(column, i) => isGap(column) && <Column key={i} drawn={drawn} of={column} kind="gap" height={100} />,
				)}
				{children}
				{at < 100 && <rect class="later" x={at} y={0} width={100 - at} height={100} />}
			</svg>
			<i class="playhead" style={{ left: `${at}%` }} />
		</div>
	);
}

function Column(props: { drawn: Drawn; of: Numbers; height: number; kind?: string }) {
	const { drawn, of, height, kind = 'column' } = props;
	if (height <= 0) return null;
	const from = Math.max(0, placeOf(drawn, of.fromMs));
	const to = Math.min(100, placeOf(drawn, of.toMs));
	return <rect class={kind} x={from} y={100 - height} width={Math.max(0, to - from)} height={height} />;
}

/** The line is broken where there is no value. A value between two gaps is a short stroke. */
function lineOf(drawn: Drawn, values: readonly (number | null)[], height: (value: number) => number): string {
	let isDrawn = false;
	return values
		.flatMap((value, i) => {
			const column = drawn.columns[i];
			if (value === null || !column) {
				isDrawn = false;
				return [];
			}
			const y = 100 - height(value);
			const from = `${isDrawn ? 'L' : 'M'}${placeOf(drawn, column.fromMs)} ${y}`;
			isDrawn = true;
			return [from, `H${Math.min(100, placeOf(drawn, column.toMs))}`];
		})
		.join('');
}

function placeOf({ startMs, endMs }: Pick<Drawn, 'startMs' | 'endMs'>, ms: number): number {
	return (100 * (ms - startMs)) / (endMs - startMs);
}

function Table({ startMs, endMs, metrics }: { startMs: number; endMs: number; metrics: Metrics }) {
	return (
		<details class="metrics-table">
			<summary>As a table</summary>
			<Scroller class="scroll-x" label="Metrics as a table">
				<table data-testid="metrics-table">
					<thead>
						<tr>
							{['until', 'commands a second', 'p50', 'p99', 'refusals', 'leader', 'slots behind'].map((name) => (
								<th key={name} scope="col">
									{name}
								</th>
							))}
						</tr>
					</thead>
					<tbody>
						{metrics.columns(startMs, endMs, ROWS_MAX).map((row) => (
							<tr key={row.fromMs}>
								<th scope="row">{whenText(Math.min(row.toMs, endMs), endMs)}</th>
								<td>{row.perSecond === null ? 'no node was heard' : rateText(row.perSecond)}</td>
								<td>{row.p50Ms === null ? '–' : msText(row.p50Ms)}</td>
								<td>{row.p99Ms === null ? '–' : msText(row.p99Ms)}</td>
								<td>{row.refusals === null ? '–' : percentText(row.refusals)}</td>
								<td>{row.leader === null ? '–' : row.leader || 'none'}</td>
								<td>{behindText(row)}</td>
							</tr>
						))}
					</tbody>
				</table>
			</Scroller>
		</details>
	);
}

function behindText({ behind, leader }: Numbers): string {
	const others = [...behind].filter(([node, slots]) => node !== leader && slots > 0);
	if (behind.size === 0) return '–';
	return others.length === 0 ? 'none' : others.map(([node, slots]) => `${node} ${countText(slots)}`).join(', ');
}

function whenText(ms: number, endMs: number): string {
	if (isDirected()) return `${ms.toFixed(1)} ms`;
	return ms >= endMs ? 'the end' : `${((endMs - ms) / 1000).toFixed(0)} s before the end`;
}

function lengthText(ms: number): string {
	if (ms >= 120_000) return `${(ms / 60_000).toFixed(0)} minutes`;
	return ms >= 1000 ? `${Number((ms / 1000).toFixed(1))} s` : msText(ms);
}

function rateText(perSecond: number): string {
	return perSecond >= 100 || Number.isInteger(perSecond) ? countText(Math.round(perSecond)) : perSecond.toFixed(1);
}

function percentText(part: number): string {
	return `${(100 * part).toFixed(part > 0 && part < 0.1 ? 1 : 0)} %`;
}

/** The next of 1, 2, 5, 10, 20 and so on. */
function roundedUp(value: number): number {
	if (value <= 0) return 0;
	const decade = 10 ** Math.floor(Math.log10(value));
	return decade * (value <= decade ? 1 : value <= 2 * decade ? 2 : value <= 5 * decade ? 5 : 10);
}
