/** A person may stage a little traffic, or a duel of two proposers. This file does it, and counts what came of it. */
import { computed, signal } from '@preact/signals';
import type { ProposeAnswer } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { NodeModel } from '../model/node-model.ts';
import { bringPlaybackIntoView } from './proposals.ts';
import { propose, story } from './state.ts';
import { playSlot, showSlot } from './steering.ts';

const TRAFFIC_EVERY_MS = 300;
const TRAFFIC_IN_FLIGHT_MAX = 8;
export const DUEL_ROUNDS = 5;
const FRUITS = ['apple', 'cherry', 'fig', 'grape', 'lemon', 'mango', 'olive', 'peach', 'plum', 'quince'] as const;
const COLORS = ['amber', 'blue', 'green', 'ivory', 'pink', 'red', 'teal', 'violet'] as const;

export interface Tally {
	readonly asked: number;
	readonly chosen: number;
	readonly refused: number;
	readonly unknown: number;
	readonly halts: number;
}

const NONE: Tally = { asked: 0, chosen: 0, refused: 0, unknown: 0, halts: 0 };
export const traffic = signal<Tally>(NONE);
const timer = signal<ReturnType<typeof setInterval> | null>(null);
/** The timer of the traffic that `traffic` counts. */
let newest: ReturnType<typeof setInterval> | null = null;
export const isTraffic = computed(() => timer.value !== null);
export const duel = signal<{ readonly tally: Tally; readonly between: string; readonly running: boolean } | null>(null);

/** Two of them, where nobody has picked others. */
export function duelPair(nodes: readonly NodeModel[]): readonly [NodeId, NodeId] {
	return [nodes[1]?.id ?? '', nodes[3]?.id ?? nodes[0]?.id ?? ''];
}

export function toggleTraffic(): void {
	if (timer.value !== null) {
		clearInterval(timer.value);
		timer.value = null;
		return;
	}
	traffic.value = NONE;
	showSlot(null);
	const own = setInterval(() => {
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
			// Once other traffic was begun, the tally is of that.
			if (own === newest) traffic.value = counted(traffic.value, answer);
		});
	}, TRAFFIC_EVERY_MS);
	timer.value = own;
	newest = own;
}

/** Ends by playing back the decision whose proposer was refused most often. @returns whether anything was chosen */
export async function stageDuel(a: NodeId, b: NodeId): Promise<boolean> {
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
	if (!hardest) return false;
	bringPlaybackIntoView();
	playSlot(
		hardest.slot,
		hardest.attempts.map((attempt) => attempt.ballot),
	);
	return true;
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

function anyOf<T>(items: readonly T[]): T | undefined {
	return items[Math.floor(Math.random() * items.length)];
}
