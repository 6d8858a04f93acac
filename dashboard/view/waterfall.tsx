/** Below a decision, when asked: where the time of the shown round went. The table is the drawing, a bar for each span. */
import { signal } from '@preact/signals';
import type { Round } from '../model/decision.ts';
import { type Span, type SpanKind, type Waterfall, waterfallOf } from '../model/waterfall.ts';
import { msText } from '../model/why.ts';
import { Glyph, type GlyphKind } from './glyph.tsx';
import { NodeName } from './node-name.tsx';
import { gathered } from './shown-decision.ts';
import { moment, story } from './state.ts';

/** It stays open while other slots are looked at, and costs nothing while it is closed. */
const isOpen = signal(false);

export function WhereTimeWent({ round }: { round: Round }) {
	return (
		<details
			class="waterfall"
			open={isOpen.value}
			data-testid="waterfall"
			onToggle={({ currentTarget }) => {
				isOpen.value = currentTarget.open;
			}}
		>
			<summary>Where the time went</summary>
			{isOpen.value && <Told round={round} />}
		</details>
	);
}

function Told({ round }: { round: Round }) {
	const waterfall = waterfallOf(round, gathered.value.entries, story.tape, moment.value?.at);
	if (waterfall === 'notTold') {
		return <p class="muted">It is not known: the page was not told when {round.proposer} began.</p>;
	}
	if (waterfall === 'setBack') {
		return <p class="muted">It is not known: the clock of {round.proposer} was set back meanwhile.</p>;
	}
	return <Spans round={round} waterfall={waterfall} />;
}

function Spans({ round, waterfall: { since, spans, totalMs } }: { round: Round; waterfall: Waterfall }) {
	const isDiskKnown = spans.some(({ diskMs }) => diskMs !== null);
	const lacksPhase1 = since === 'proposed' && round.onceAbove === undefined;
	return (
		<>
			<table>
				<caption>
					Times are counted from when {round.proposer} {since === 'campaign' ? 'began to prepare' : 'proposed'}, by its
					clock alone, because the clocks of two nodes cannot be compared. The pale end of a bar is the time until the
					answer was counted.
				</caption>
				<thead>
					<tr>
						<th scope="col">until</th>
						<th scope="col">when</th>
						<th scope="col">took</th>
						{isDiskKnown && <th scope="col">its disk</th>}
					</tr>
				</thead>
				<tbody>
					{spans.map((span) => (
						<Row key={`${span.kind} ${span.node}`} span={span} totalMs={totalMs} isDiskKnown={isDiskKnown} />
					))}
				</tbody>
			</table>
			<p class="muted">
				{lacksPhase1 && 'Phase 1 is not known. '}
				{isDiskKnown
					? 'The last column is how long the flush took that the answer waited for, where no other flush ended meanwhile. '
					: 'How long the disks took is not known. '}
				How long the command had waited before, and when its answer left, no fact tells.
			</p>
		</>
	);
}

function Row({ span, totalMs, isDiskKnown }: { span: Span; totalMs: number; isDiskKnown: boolean }) {
	const { kind, node, fromMs, toMs, countedMs, isRefusal, diskMs } = span;
	const glyph = isRefusal ? 'nack' : GLYPHS[kind];
	const percent = (ms: number) => `${(totalMs > 0 ? ms / totalMs : 0) * 100}%`;
	const bar = (part: string, from: number, to: number) => (
		<i class={part} style={{ left: percent(from), width: percent(to - from) }} />
	);
	return (
		<tr data-testid={`span-${kind}-${node}`} data-kind={glyph}>
			<th scope="row">
				<Glyph kind={glyph} size={12} /> {isRefusal ? 'refusal' : NAMES[kind]}
				{(kind === 'promise' || kind === 'vote') && (
					<>
						{' '}
						of <NodeName id={node} />
					</>
				)}
			</th>
			<td class="track">
				{fromMs !== null && toMs !== null && bar('span', fromMs, toMs)}
				{toMs !== null && countedMs !== null && countedMs > toMs && bar('counting', toMs, countedMs)}
				<span class={toMs === null ? 'muted' : 'sr'}>{whenText(span)}</span>
			</td>
			<td class="ms">{fromMs === null || toMs === null ? '–' : msText(toMs - fromMs)}</td>
			{isDiskKnown && <td class="ms">{diskMs === null ? '–' : msText(diskMs)}</td>}
		</tr>
	);
}

const NAMES: Readonly<Record<SpanKind, string>> = {
	promise: 'promise',
	proposed: 'proposed',
	vote: 'vote',
	chosen: 'quorum: chosen',
	applied: 'applied',
	halted: 'halted',
	givenUp: 'given up',
};

const GLYPHS: Readonly<Record<SpanKind, GlyphKind>> = {
	promise: 'promise',
	proposed: 'accept',
	vote: 'accepted',
	chosen: 'learn',
	applied: 'learn',
	halted: 'nack',
	givenUp: 'nack',
};

function whenText({ fromMs, toMs, countedMs }: Span): string {
	if (toMs === null) return countedMs === null ? 'no answer is known' : `not known; counted at ${msText(countedMs)}`;
	const from = fromMs === null ? 'from a time that is not known' : `from ${msText(fromMs)}`;
	const counted = countedMs === null ? '' : `, counted at ${msText(countedMs)}`;
	return `${from} to ${msText(toMs)}${counted}`;
}
