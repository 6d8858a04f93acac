/** The space-time diagram in words, for those who do not see it. */
import { useSignal } from '@preact/signals';
import { nameBallots } from '../model/ballot-names.ts';
import { ballotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import { placeThrough, type SpaceTime } from '../model/space-time.ts';
import type { Drawing } from '../model/space-time-drawing.ts';
import { tickText } from '../model/space-time-window.ts';
import type { Entry } from '../model/tape.ts';
import { inspectEntry } from './inspecting.ts';
import { NodeName } from './node-name.tsx';
import { Scroller } from './scroller.tsx';

const ROWS_MAX = 150;

interface Row {
	readonly entry: Entry;
	/** What became of it, of a message. */
	readonly end: string;
}

export function SpaceTimeTable(props: { drawing: Drawing; spaceTime: SpaceTime; originMs: number }) {
	const { drawing, spaceTime, originMs } = props;
	const isOpen = useSignal(false);
	return (
		<details
			class="space-time-table"
			data-testid="space-time-table"
			onToggle={({ currentTarget }) => {
				isOpen.value = currentTarget.open;
			}}
		>
			<summary>The same as a table</summary>
			{isOpen.value && <Table rows={rowsOf(drawing)} spaceTime={spaceTime} originMs={originMs} />}
		</details>
	);
}

function Table({ rows, spaceTime, originMs }: { rows: readonly Row[]; spaceTime: SpaceTime; originMs: number }) {
	const shown = rows.slice(0, ROWS_MAX);
	const names = nameBallots(shown.map(({ entry }) => ballotOf(entry.fact)));
	return (
		<Scroller class="space-time-rows" label="What happened, in order">
			<table>
				<caption>
					{rows.length > shown.length
						? `The first ${shown.length} of ${rows.length} things in view. Zoom in for the others.`
						: `${rows.length} things are in view.`}
				</caption>
				<thead>
					<tr>
						<th scope="col">time</th>
						<th scope="col">node</th>
						<th scope="col">what happened</th>
					</tr>
				</thead>
				<tbody>
					{shown.map(({ entry, end }) => (
						<tr key={entry.index}>
							<td class="mono">{tickText((placeThrough(spaceTime, entry.at) ?? originMs) - originMs)}</td>
							<td>
								<NodeName id={entry.node} />
							</td>
							<td>
								<button type="button" class="link plain" onClick={() => inspectEntry(entry)}>
									<bdi>{factText(entry.fact, names)}</bdi>
								</button>
								{end !== '' && <span class="muted">{end}</span>}
							</td>
						</tr>
					))}
				</tbody>
			</table>
		</Scroller>
	);
}

function rowsOf({ arrows, marks }: Drawing): Row[] {
	const messages = arrows.map(({ message, end }) => ({ entry: message.sent.entry, end: ENDS[end] }));
	return [...messages, ...marks.map(({ entry }) => ({ entry, end: '' }))].sort((a, b) => a.entry.at - b.entry.at);
}

const ENDS = { arrived: 'arrived', flying: 'is on its way', lost: 'is lost' } as const;
