/** Two things to stage: a little traffic, and a duel of two proposers. Both are bounded and say what came of it. */
import { useSignal } from '@preact/signals';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { DUEL_ROUNDS, duel, duelPair, isTraffic, stageDuel, type Tally, toggleTraffic, traffic } from './staging.ts';
import { calm, story } from './state.ts';

export function Scenarios() {
	calm.value;
	const pair = useSignal<readonly [NodeId, NodeId] | null>(null);
	const nodes = story.live.voters;
	const isThere = pair.value?.every((id) => nodes.some((node) => node.id === id));
	const [a, b] = (isThere && pair.value) || duelPair(nodes);
	const running = duel.value?.running ?? false;
	return (
		<section class="panel scenarios-panel" aria-labelledby="scenarios-title">
			<h2 id="scenarios-title">Make something happen</h2>
			<button type="button" class="wide" data-testid="traffic" aria-pressed={isTraffic.value} onClick={toggleTraffic}>
				{isTraffic.value ? 'Stop the traffic' : 'Light traffic'}
			</button>
			<p class="tally" data-testid="traffic-tally">
				{traffic.value.asked === 0
					? 'A few puts a second, at random nodes, through the leader.'
					: tallyText(traffic.value)}
			</p>
			<div class="duel">
				<NodeSelect
					label="first"
					value={a}
					onChange={(id) => {
						pair.value = [id, b];
					}}
				/>
				<span aria-hidden="true">×</span>
				<NodeSelect
					label="second"
					value={b}
					onChange={(id) => {
						pair.value = [a, id];
					}}
				/>
				<button
					type="button"
					data-testid="duel"
					disabled={running || a === b || a === ''}
					onClick={() => void stageDuel(a, b)}
				>
					{running ? 'Duelling…' : 'Stage a duel'}
				</button>
			</div>
			<p class="tally" data-testid="duel-tally" aria-live="polite">
				{duel.value
					? `${duel.value.between}: ${tallyText(duel.value.tally)}`
					: `Both propose with both phases at once, ${DUEL_ROUNDS} times; nacks halt the lower ballot.`}
			</p>
		</section>
	);
}

function NodeSelect({ label, value, onChange }: { label: string; value: NodeId; onChange: (id: NodeId) => void }) {
	return (
		<select
			aria-label={`The ${label} node of the duel`}
			data-testid={`duel-${label}`}
			value={value}
			onChange={(event) => onChange(event.currentTarget.value)}
		>
			{story.live.voters.map(({ id }) => (
				<option key={id} value={id}>
					{id}
				</option>
			))}
		</select>
	);
}

function tallyText({ asked, chosen, refused, unknown, halts }: Tally): string {
	const parts = [`${asked} proposed`, `${chosen} chosen`];
	if (refused > 0) parts.push(`${refused} refused`);
	if (unknown > 0) parts.push(`${unknown} unknown`);
	if (halts > 0) parts.push(`${halts} attempt${halts === 1 ? '' : 's'} halted`);
	return `${parts.join(', ')}.`;
}
