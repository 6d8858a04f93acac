/** Draws a space-time diagram, and explains its signs. */
import type { ComponentChildren } from 'preact';
import { nameBallots } from '../model/ballot-names.ts';
import {
	type Arrow,
	type Drawing,
	type Mark,
	type QuorumMark,
	type QuorumName,
	quorumNames,
} from '../model/space-time-drawing.ts';
import { type Stretch, ticks, tickText } from '../model/space-time-window.ts';
import type { Entry } from '../model/tape.ts';
import { Glyph, type GlyphKind, glyphOfFact, SHAPES } from './glyph.tsx';
import { arrowsPath, BAND_PX, barsPath, headOf, type Lanes, toneOf, WRITE_AT_PX } from './space-time-paths.ts';

export const AXIS_PX = 24;
/** The room at the right end, pixels, so that what has just happened is not cut in half. */
export const EDGE_PX = 12;
/** The names of the quorums stand here. */
const SAID_PX = 40;
const BELOW_PX = 28;
/** So many marks are drawn at most; with more, the lines alone tell where much happens. */
const HEADS_MAX = 220;
const TICK_PX = 90;
const TICK_LETTER_PX = 7.3;
/** The colours of ballots. */
const BALLOT_TONES = 5;
/** It is named so far below its line, below the writes of the disk. */
const BALLOT_AT_PX = 22;
/** A ballot is named where its band is so long. */
const BALLOT_NAME_PX = 84;
/** So many times as far from one another are the lines where there is room. */
const HIGH = 1.6;

/** @param isHigh there is room beside the decision, which is as high */
export function lanesOf(count: number, isHigh: boolean): Lanes & { readonly height: number } {
	const gap = (count <= 5 ? 48 : count <= 7 ? 40 : 32) * (isHigh ? HIGH : 1);
	const yOf = (line: number) => AXIS_PX + SAID_PX + 14 + line * gap;
	return { yOf, height: yOf(Math.max(0, count - 1)) + BELOW_PX };
}

export function Plot(props: {
	readonly drawing: Drawing;
	readonly nodes: readonly string[];
	readonly lanes: ReturnType<typeof lanesOf>;
	readonly width: number;
	readonly stretch: Stretch;
	readonly originMs: number;
	readonly quorums: readonly QuorumMark[];
	readonly selected: Entry | null;
}) {
	const { drawing, nodes, lanes, width, stretch, originMs, quorums, selected } = props;
	const { height } = lanes;
	const { arrows, marks, bands, gaps, writes } = drawing;
	const xOf = (ms: number) => ((ms - stretch.fromMs) / (stretch.toMs - stretch.fromMs)) * width;
	const ballots = [...new Set(bands.map(({ ballot }) => ballot))].sort();
	const names = nameBallots(ballots);
	const quorumsSaid = quorumNames(quorums, xOf, width);
	const end = drawing.playhead ?? width;
	const telling = arrows.filter((arrow) => toneOf(arrow) !== 'other' || arrow.end === 'lost');
	const chosen = arrows.find(({ message }) => message.sent.entry === selected || message.received?.entry === selected);
	const mark = marks.find(({ entry }) => entry === selected);
	return (
		<svg class="space-time-plot" width={width + EDGE_PX} height={height} aria-hidden="true">
			<rect class="st-axis" x={0} y={0} width={width + EDGE_PX} height={AXIS_PX} />
			{ticks(stretch, originMs, width / TICK_PX).map((ms) => (
				<Tick key={ms} x={xOf(ms + originMs)} text={tickText(ms)} width={width} height={height} />
			))}
			{nodes.map((node, line) => (
				<path key={node} class="st-line" d={`M0 ${lanes.yOf(line)}H${end.toFixed(1)}`} />
			))}
			{ballots.map((ballot, tone) => (
				<path
					key={ballot}
					class={`st-band b-${tone % BALLOT_TONES}`}
					d={barsPath(
						bands.filter((band) => band.ballot === ballot),
						lanes,
						BAND_PX,
					)}
				/>
			))}
			<path class="st-write" d={barsPath(writes, lanes, 3, WRITE_AT_PX)} />
			{gaps.map((gap) => (
				<g key={`${gap.line} ${gap.x1}`} class={`st-gap ${gap.kind}`}>
					<path class="st-gap-hole" d={barsPath([gap], lanes, BAND_PX + 4)} />
					<path class="st-gap-line" d={`M${gap.x1.toFixed(1)} ${lanes.yOf(gap.line)}H${gap.x2.toFixed(1)}`} />
					{gap.kind === 'silent' && <path class="st-end" d={`M${gap.x1.toFixed(1)} ${lanes.yOf(gap.line) - 8}v16`} />}
					{gap.isRestart && gap.isOver && (
						<circle class="st-start" cx={gap.x2.toFixed(1)} cy={lanes.yOf(gap.line)} r={4.5} />
					)}
				</g>
			))}
			<Lines arrows={arrows.filter((arrow) => toneOf(arrow) === 'other')} tone="other" lanes={lanes} />
			{PHASES.map((tone) => (
				<Lines key={tone} arrows={telling.filter((arrow) => toneOf(arrow) === tone)} tone={tone} lanes={lanes} />
			))}
			{quorums.map((quorum) => (
				<Quorum
					key={`${quorum.kind} ${quorum.entry.index}`}
					quorum={quorum}
					x={xOf(quorum.ms)}
					name={quorumsSaid.get(quorum)}
					nodes={nodes}
					lanes={lanes}
				/>
			))}
			{chosen && <path class="st-chosen" d={arrowsPath([chosen], lanes)} />}
			{arrows.length <= HEADS_MAX && (
				<Heads arrows={arrows.filter((arrow) => !telling.includes(arrow))} lanes={lanes} isSmall />
			)}
			<Heads
				arrows={telling.length <= HEADS_MAX ? telling : telling.filter(({ end }) => end === 'lost')}
				lanes={lanes}
			/>
			<Marks marks={marks} lanes={lanes} />
			{mark && <circle class="st-chosen" cx={mark.x} cy={lanes.yOf(mark.line)} r={10} />}
			{bands.map((band) =>
				band.x2 - band.x1 < BALLOT_NAME_PX ? null : (
					<text
						key={`${band.line} ${band.ballot}`}
						class="st-ballot"
						x={band.x1 + 3}
						y={lanes.yOf(band.line) + BALLOT_AT_PX}
					>
						{names.short(band.ballot)}
					</text>
				),
			)}
		</svg>
	);
}

/** A line through the diagram, and its time where that has room. */
function Tick({ x, text, width, height }: { x: number; text: string; width: number; height: number }) {
	return (
		<g class="st-tick" transform={`translate(${x.toFixed(1)} 0)`}>
			<path d={`M0 ${AXIS_PX - 5}V${height}`} />
			{x + 4 + text.length * TICK_LETTER_PX < width && (
				<text x={4} y={15}>
					{text}
				</text>
			)}
		</g>
	);
}

const PHASES: readonly GlyphKind[] = ['prepare', 'promise', 'accept', 'accepted', 'nack', 'learn'];

function Lines({ arrows, tone, lanes }: { arrows: readonly Arrow[]; tone: GlyphKind | 'other'; lanes: Lanes }) {
	if (arrows.length === 0) return null;
	const dense = tone === 'other' && arrows.length > HEADS_MAX ? 'dense' : '';
	return <path class={`st-arrow t-${tone} ${dense}`} d={arrowsPath(arrows, lanes)} />;
}

function Heads({ arrows, lanes, isSmall }: { arrows: readonly Arrow[]; lanes: Lanes; isSmall?: boolean }) {
	return (
		<>
			{arrows.slice(0, HEADS_MAX).map((arrow) => {
				const { glyph, x, y, turn } = headOf(arrow, lanes);
				return (
					<path
						key={arrow.message.id}
						class={`shape g-${glyph}`}
						d={SHAPES[glyph]}
						transform={`translate(${x} ${y}) rotate(${turn}) scale(${isSmall ? 0.5 : 0.85})`}
					/>
				);
			})}
		</>
	);
}

/** What happens on the lines themselves. A choice is larger than the rest. */
function Marks({ marks, lanes }: { marks: readonly Mark[]; lanes: Lanes }) {
	const told = marks.filter(({ entry, isOfDecision }) => isOfDecision || LOUD.has(entry.fact.kind));
	return (
		<>
			{told.slice(-HEADS_MAX).map(({ entry, x, line }) => {
				if (!MARKED.has(entry.fact.kind)) return null;
				const glyph = glyphOfFact(entry.fact);
				const scale = entry.fact.kind === 'chosen' ? 1.05 : 0.8;
				return (
					<path
						key={entry.index}
						class={`shape g-${glyph}`}
						d={SHAPES[glyph]}
						transform={`translate(${x.toFixed(1)} ${lanes.yOf(line)}) scale(${scale})`}
					/>
				);
			})}
		</>
	);
}

/** The counting of answers is shown where it reaches a quorum, and a promise by its band. */
const MARKED: ReadonlySet<string> = new Set([
	'campaign',
	'refused',
	'halted',
	'givenUp',
	'proposed',
	'accepted',
	'chosen',
	'members',
	'installed',
	'nodeFault',
	'linkFault',
	'linkDown',
]);

/** These are shown of other decisions too. */
const LOUD: ReadonlySet<string> = new Set([
	'campaign',
	'halted',
	'givenUp',
	'members',
	'nodeFault',
	'linkFault',
	'linkDown',
]);

/** A ring where the proposer has counted enough, and above it how many. */
function Quorum(props: {
	readonly quorum: QuorumMark;
	readonly x: number;
	/** Undefined where it has no room. */
	readonly name: QuorumName | undefined;
	readonly nodes: readonly string[];
	readonly lanes: Lanes;
}) {
	const { quorum, x, name, nodes, lanes } = props;
	const line = nodes.indexOf(quorum.entry.node);
	if (line < 0) return null;
	const y = lanes.yOf(line);
	const row = AXIS_PX + (quorum.kind === 'votes' ? 32 : 15);
	return (
		<g class={`st-quorum ${quorum.kind}`}>
			<path d={`M${x.toFixed(1)} ${row - 10}V${y - 10}`} />
			<circle cx={x.toFixed(1)} cy={y} r={10} />
			{name && (
				<text x={name.isBefore ? name.to : name.from} y={row} text-anchor={name.isBefore ? 'end' : 'start'}>
					{name.text}
				</text>
			)}
		</g>
	);
}

export function SpaceTimeLegend() {
	return (
		<ul class="space-time-key" aria-label="Signs of the diagram">
			<Sign text="prepare">
				<Glyph kind="prepare" size={13} />
			</Sign>
			<Sign text="promise">
				<Glyph kind="promise" size={13} />
			</Sign>
			<Sign text="accept">
				<Glyph kind="accept" size={13} />
			</Sign>
			<Sign text="accepted">
				<Glyph kind="accepted" size={13} />
			</Sign>
			<Sign text="refused or lost">
				<Glyph kind="nack" size={13} />
			</Sign>
			<Sign text="knows it chosen">
				<Glyph kind="learn" size={13} />
			</Sign>
			<Sign text="quorum counted">
				<svg width="14" height="14" viewBox="-8 -8 16 16" aria-hidden="true" class="st-quorum votes">
					<circle r="6" />
				</svg>
			</Sign>
			<Sign text="band: ballot promised">
				<svg width="22" height="12" aria-hidden="true">
					<path class="st-band b-0" d="M0 1h22v10h-22z" />
					<path class="st-line" d="M0 6h22" />
				</svg>
			</Sign>
			<Sign text="disk writes">
				<svg width="18" height="12" aria-hidden="true">
					<path class="st-line" d="M0 3h18" />
					<path class="st-write" d="M3 8h12v3h-12z" />
				</svg>
			</Sign>
			<Sign text="not heard">
				<svg width="22" height="12" aria-hidden="true" class="st-gap silent">
					<path class="st-end" d="M2 0v12" />
					<path class="st-gap-line" d="M2 6h20" />
				</svg>
			</Sign>
		</ul>
	);
}

function Sign({ text, children }: { text: string; children: ComponentChildren }) {
	return (
		<li>
			{children} {text}
		</li>
	);
}
