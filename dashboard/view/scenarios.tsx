/** Two things to stage: a little traffic, and a duel of two proposers. Both are bounded and say what came of it. */
import { signal, useSignal } from '@preact/signals';
import type { ProposeAnswer } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { NodeModel } from '../model/node-model.ts';
import { bringPlaybackIntoView } from './proposals.ts';
import { calm, propose, story } from './state.ts';
import { playSlot, showSlot } from './steering.ts';

const TRAFFIC_EVERY_MS = 300;
const TRAFFIC_IN_FLIGHT_MAX = 8;
const DUEL_ROUNDS = 5;
const FRUITS = ['apple', 'cherry', 'fig', 'grape', 'lemon', 'mango', 'olive', 'peach', 'plum', 'quince'] as const;
const COLORS = ['amber', 'blue', 'green', 'ivory', 'pink', 'red', 'teal', 'violet'] as const;

interface Tally {
	readonly asked: number;
	readonly chosen: number;
	readonly refused: number;
	readonly unknown: number;
	readonly halts: number;
}

const NONE: Tally = { asked: 0, chosen: 0, refused: 0, unknown: 0, halts: 0 };
const traffic = signal<Tally>(NONE);
const timer = signal<ReturnType<typeof setInterval> | null>(null);
const duel = signal<{ readonly tally: Tally; readonly between: string; readonly running: boolean } | null>(null);

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
			<button
				type="button"
				class="wide"
				data-testid="traffic"
				aria-pressed={timer.value !== null}
				onClick={toggleTraffic}
			>
				{timer.value === null ? 'Light traffic' : 'Stop the traffic'}
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

/** Two of them, where nobody has picked others. */
export function duelPair(nodes: readonly NodeModel[]): readonly [NodeId, NodeId] {
	return [nodes[1]?.id ?? '', nodes[3]?.id ?? nodes[0]?.id ?? ''];
}

function toggleTraffic(): void {
	if (timer.value !== null) {
		clearInterval(timer.value);
		timer.value = null;
		return;
	}
	traffic.value = NONE;
	showSlot(null);
	timer.value = setInterval(() => {
		const { asked, chosen, refused, unknown } = traffic.value;
		const up = story.live.voters.filter((node) => node.isUp);
		const node = anyOf(up);
		if (!node || asked - chosen - refused - unknown >= TRAFFIC_IN_FLIGHT_MAX) return;
		traffic.value = { ...traffic.value, asked: asked + 1 };
		void propose(node.id, {
			key: anyOf(FRUITS) ?? 'fig',
			value: anyOf(COLORS) ?? 'red',
			route: 'leader',
			contest: 0,
		}).then((answer) => {
			traffic.value = counted(traffic.value, answer);
		});
	}, TRAFFIC_EVERY_MS);
}

/** Ends by playing back the decision whose proposer was refused most often. */
export async function stageDuel(a: NodeId, b: NodeId): Promise<void> {
	const between = `${a} × ${b}`;
	let tally = NONE;
	let hardest: (ProposeAnswer & { readonly outcome: 'chosen' }) | null = null;
	duel.value = { tally, between, running: true };
	for (let round = 1; round <= DUEL_ROUNDS; round++) {
		tally = { ...tally, asked: tally.asked + 2 };
		const proposals = [a, b].map((node) =>
			propose(node, { key: 'duel', value: `${node}, round ${round}`, route: 'self', contest: 0 }),
		);
		for (const answer of await Promise.all(proposals)) {
			tally = counted(tally, answer);
			if (answer.outcome === 'chosen' && (!hardest || haltsOf(answer) >= haltsOf(hardest))) hardest = answer;
		}
		duel.value = { tally, between, running: round < DUEL_ROUNDS };
	}
	if (!hardest) return;
	bringPlaybackIntoView();
	playSlot(
		hardest.slot,
		hardest.attempts.map((attempt) => attempt.ballot),
	);
}

function haltsOf({ attempts }: ProposeAnswer): number {
	return attempts.filter((attempt) => attempt.haltedBy !== '').length;
}

function counted(tally: Tally, answer: ProposeAnswer): Tally {
	const halts = tally.halts + haltsOf(answer);
	switch (answer.outcome) {
		case 'chosen':
			return { ...tally, chosen: tally.chosen + 1, halts };
		case 'kept':
		case 'refused':
			return { ...tally, refused: tally.refused + 1, halts };
		case 'unknown':
			return { ...tally, unknown: tally.unknown + 1, halts };
	}
}

function tallyText({ asked, chosen, refused, unknown, halts }: Tally): string {
	const parts = [`${asked} proposed`, `${chosen} chosen`];
	if (refused > 0) parts.push(`${refused} refused`);
	if (unknown > 0) parts.push(`${unknown} unknown`);
	if (halts > 0) parts.push(`${halts} attempt${halts === 1 ? '' : 's'} halted`);
	return `${parts.join(', ')}.`;
}

function anyOf<T>(items: readonly T[]): T | undefined {
	return items[Math.floor(Math.random() * items.length)];
}
