/** The facts in words, newest first, by kind and by text. It stands still while it is being read. */
import { useSignal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import type { Fact } from '../../shared/fact.ts';
import { nameBallots } from '../model/ballot-names.ts';
import { ballotOf, slotOf } from '../model/decision-index.ts';
import { type FactGroup, factText, groupOf } from '../model/fact-text.ts';
import { recordOf } from '../model/record.ts';
import type { Entry } from '../model/tape.ts';
import { countText } from '../model/why.ts';
import { Time } from './ballot.tsx';
import { Glyph, glyphOfFact } from './glyph.tsx';
import { inspectEntry } from './inspecting.ts';
import { NodeName, shownChars } from './node-name.tsx';
import { usePace } from './pace.ts';
import { moveFocus } from './roving.ts';
import { Scroller } from './scroller.tsx';
import { isDirected, moment, nowMs, run, story, wallMs } from './state.ts';
import { showSlot } from './steering.ts';
import { saveTrace, TraceFiles } from './trace-files.tsx';

const ROWS_MAX = 120;
const SHOWN_FIRST = [
	'phase1',
	'phase2',
	'nack',
	'chosen',
	'members',
	'snapshots',
	'leader',
	'links',
	'health',
] as const;
const CHIPS: readonly (readonly [FactGroup, string])[] = [
	['phase1', 'phase 1'],
	['phase2', 'phase 2'],
	['nack', 'refusals'],
	['chosen', 'chosen'],
	['members', 'members'],
	['snapshots', 'snapshots'],
	['leader', 'leadership'],
	['links', 'links'],
	['health', 'health'],
	['messages', 'messages'],
	['beats', 'heartbeats'],
	['disk', 'disk'],
];

export function Log() {
	const shown = useSignal<ReadonlySet<FactGroup>>(new Set(SHOWN_FIRST));
	const filter = useSignal('');
	const paused = useSignal(false);
	const reading = useSignal(false);
	const stop = paused.value || reading.value;
	const panel = useRef<HTMLElement>(null);
	const shows = usePace(panel);
	const through = moment.peek()?.at;
	const version = `${run.value} ${stop ? '' : shows}`;
	const rows = useMemo(() => rowsOf(shown.value, filter.value, through), [version, shown.value, filter.value, through]);
	const nameChars = Math.max(...story.live.nodes.map(({ id }) => shownChars(id)));
	const list = useMemo(
		() => (
			// What happened begins at one place in all rows.
			<ol style={{ '--name-chars': nameChars }}>
				{rows.map(({ entry, text }, index) => (
					<Row key={entry.index} entry={entry} text={text} isFirst={index === 0} />
				))}
			</ol>
		),
		[rows, nameChars],
	);
	return (
		<section class="panel log-panel" id="log" aria-labelledby="log-title" ref={panel}>
			<div class="panel-head">
				<h2 id="log-title">Event log</h2>
				{story.skippedCount > 0 && (
					<p class="muted" data-testid="skipped">
						<small>{skippedText()}</small>
					</p>
				)}
				<input
					id="log-filter"
					type="search"
					placeholder="Filter: n3 slot 41 nack"
					aria-label="Filter the log by text"
					data-testid="log-filter"
					value={filter.value}
					onInput={(event) => {
						filter.value = event.currentTarget.value;
					}}
				/>
				<button
					type="button"
					class="quiet small"
					data-testid="log-pause"
					aria-pressed={paused.value}
					onClick={() => {
						paused.value = !paused.value;
					}}
				>
					{paused.value ? 'Resume' : 'Pause'}
				</button>
			</div>
			<fieldset class="chips" aria-label="Kinds of events">
				{CHIPS.map(([group, label]) => (
					<button
						type="button"
						key={group}
						class="chip"
						data-testid={`chip-${group}`}
						aria-pressed={shown.value.has(group)}
						onClick={() => {
							const next = new Set(shown.value);
							if (!next.delete(group)) next.add(group);
							shown.value = next;
						}}
					>
						{label}
					</button>
				))}
			</fieldset>
			<Scroller
				class="log-rows"
				label={`Events, ${stop ? 'held while you read' : 'newest first'}; arrow keys move`}
				onReading={(now) => {
					reading.value = now;
				}}
			>
				{rows.length === 0 ? (
					<p class="empty">{filter.value ? 'No event matches the filter.' : 'Events appear here as they happen.'}</p>
				) : (
					list
				)}
			</Scroller>
			{!isDirected() && <TraceFiles onSave={save} />}
		</section>
	);
}

/** What the nodes have only counted. */
function skippedText(): string {
	const oneOf = story.untold.oneOf(nowMs());
	if (oneOf === 1) return `${countText(story.skippedCount)} more were counted by their nodes, not sent`;
	if (oneOf === Number.POSITIVE_INFINITY) return 'the nodes only count their decisions now, because there are so many';
	return `under this load about 1 of ${countText(Math.max(2, Math.round(oneOf)))} decisions is shown, and the others are counted by their nodes`;
}

/** All that this page was told and still has, to be opened at the moment that it shows. */
function save(): void {
	const saved = new Date(wallMs()).toISOString();
	const title = `What a page was told of the swarm ${story.live.name}, saved at ${saved}`;
	saveTrace(recordOf(story, moment.peek(), title), `swarm-${saved.replace(/[:.]/g, '-')}`);
}

function Row({ entry, text, isFirst }: { entry: Entry; text: string; isFirst: boolean }) {
	const { fact } = entry;
	const slot = fact.kind === 'members' ? fact.chosenAt : slotOf(fact);
	return (
		<li
			class={isLandmark(fact) ? 'landmark' : ''}
			data-testid="log-row"
			data-kind={fact.kind}
			data-node={fact.node}
			data-slot={slot || undefined}
		>
			<Time ms={fact.time} />
			<b>
				<NodeName id={fact.node} />
			</b>
			<Glyph kind={glyphOfFact(fact)} size={12} />
			<button
				type="button"
				class="log-text"
				title={text}
				tabIndex={isFirst ? 0 : -1}
				onClick={() => inspectEntry(entry)}
				onKeyDown={(event) => moveFocus(event, 'ol', '.log-text')}
			>
				<bdi>{text}</bdi>
			</button>
			{slot > 0 && (
				<button type="button" class="link" onClick={() => showSlot(slot)} aria-label={`Show slot ${slot}`}>
					{slot}
				</button>
			)}
		</li>
	);
}

/** What the log begins anew with: other members, or a cut below which no slot is kept. */
function isLandmark(fact: Fact): boolean {
	return fact.kind === 'members' || fact.kind === 'installed' || (fact.kind === 'snapshot' && fact.what === 'trimmed');
}

function rowsOf(groups: ReadonlySet<FactGroup>, filter: string, through?: number): { entry: Entry; text: string }[] {
	const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
	const exact = nameBallots([]);
	const wanted = ({ fact }: Entry) => {
		if (!groups.has(groupOf(fact))) return false;
		if (words.length === 0) return true;
		const text = `${fact.node} ${fact.kind} ${factText(fact, exact)}`.toLowerCase();
		return words.every((word) => text.includes(word));
	};
	const found = story.tape.newest(ROWS_MAX, wanted, through);
	const names = nameBallots(
		found.flatMap(({ fact }) => [ballotOf(fact), fact.kind === 'refused' ? fact.promised : '']),
	);
	return found.map((entry) => ({ entry, text: factText(entry.fact, names) }));
}
