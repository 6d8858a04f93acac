/**
 * The space-time view: a line for each node, time to the right, and each message a slanted arrow from when it was sent to
 * when it arrived. It shows the moment of the page like every panel, and its playhead moves that.
 */
import { signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { type Drawing, drawn } from '../model/space-time-drawing.ts';
import { stretchName, zoomed } from '../model/space-time-window.ts';
import { isNoMember } from '../model/standing.ts';
import { countText } from '../model/why.ts';
import { useSeen } from './pace.ts';
import { SpaceTimeLegend } from './space-time-plot.tsx';
import { chosenStretch, type Shown, shown, width } from './space-time-shown.ts';
import { Stage, ZOOM_BY } from './space-time-stage.tsx';
import { SpaceTimeTable } from './space-time-table.tsx';
import { calm, directedCalmMs, moment, run, shownSlot, swarmShown } from './state.ts';

/** Nobody sees it where it is scrolled away. */
const isSeen = signal(false);

export function SpaceTimePanel() {
	const panel = useRef<HTMLElement>(null);
	useSeen(panel, isSeen);
	return (
		<section class="panel space-time-panel" id="space-time" aria-labelledby="space-time-title" ref={panel}>
			<div class="panel-head">
				<h2 id="space-time-title">Space-time</h2>
				<p class="space-time-why">
					Each line is a node, and time runs to the right. A slanted arrow is a message, from when it was sent to when
					it arrived.
				</p>
			</div>
			<Content />
		</section>
	);
}

interface View {
	readonly run: number;
	readonly nodes: readonly NodeId[];
	readonly shown: Shown;
	readonly drawing: Drawing;
}

function viewNow(): View {
	calm.value;
	directedCalmMs.value;
	const swarm = swarmShown();
	const nodes = swarm.nodes.map(({ id }) => id).filter((id) => !isNoMember(swarm.standing(id)));
	const now = shown();
	const { spaceTime, stretch, playheadMs, isOfDecision } = now;
	const drawing = drawn(spaceTime, {
		...stretch,
		px: width.value,
		nodes,
		playheadMs,
		through: moment.value?.at ?? Number.POSITIVE_INFINITY,
		isOfDecision,
	});
	return { run: run.value, nodes, shown: now, drawing };
}

function Content() {
	// It stays as it was while it is out of view. Whatever takes the focus in it comes into view.
	const last = useRef<View | null>(null);
	if (isSeen.value || last.current?.run !== run.value) last.current = viewNow();
	const { nodes, shown: now, drawing } = last.current;
	const { spaceTime, stretch, originMs, extent, hasDecision } = now;
	const zoomBy = (factor: number) => {
		chosenStretch.value = zoomed(stretch, factor, (stretch.fromMs + stretch.toMs) / 2, extent);
	};
	const slot = shownSlot.value;
	const isFit = chosenStretch.value === null;
	return (
		<>
			<div class="space-time-bar">
				<SpaceTimeLegend />
				<div class="buttons">
					<button
						type="button"
						class="quiet small"
						aria-label="Zoom out"
						data-testid="space-time-out"
						onClick={() => zoomBy(ZOOM_BY)}
					>
						−
					</button>
					<button
						type="button"
						class="quiet small"
						aria-label="Zoom in"
						data-testid="space-time-in"
						onClick={() => zoomBy(1 / ZOOM_BY)}
					>
						+
					</button>
					<button
						type="button"
						class="quiet small"
						data-testid="space-time-all"
						onClick={() => {
							chosenStretch.value = 'all';
						}}
						aria-pressed={chosenStretch.value === 'all'}
					>
						All
					</button>
					<button
						type="button"
						class="quiet small"
						data-testid="space-time-fit"
						aria-pressed={isFit}
						onClick={() => {
							chosenStretch.value = null;
						}}
					>
						{stretchName(slot, hasDecision)}
					</button>
				</div>
			</div>
			{slot > 0 && !hasDecision && (
				<p class="space-time-none">What was told of slot {countText(slot)} is not in this stretch of time.</p>
			)}
			<Stage nodes={nodes} drawing={drawing} shown={now} />
			<SpaceTimeTable drawing={drawing} originMs={originMs} spaceTime={spaceTime} />
		</>
	);
}
