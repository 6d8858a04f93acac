/**
 * The tour of a running swarm: one sentence or two and one button at a time, from a first decision to the stories of the
 * sandbox. It shows itself where nothing is written yet, so that it writes into no swarm that is in use unless it is asked.
 */
import { computed, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ProposeAnswer } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { taskText } from '../model/task-text.ts';
import { countText } from '../model/why.ts';
import { proposeAndPlay } from './proposals.ts';
import { duelPair, stageDuel } from './staging.ts';
import { calm, isDirected, story } from './state.ts';

const KEY = 'tour';
const STORIES = '?sandbox#story=dead-proposer';

/** Where the tour stands: what is asked next, and what came of the question before. */
type Stop =
	| { readonly asks: 'watch' }
	| { readonly asks: 'change'; readonly slot: Slot; readonly at: NodeId }
	| { readonly asks: 'duel'; readonly slot: Slot; readonly at: NodeId }
	| { readonly asks: 'stories' };

/** Null while there is no tour. */
const stop = signal<Stop | null>(null);
export const isTouring = computed(() => stop.value !== null);
let isClosed = false;
let isBusy = false;

export function takeTour(): void {
	isClosed = false;
	stop.value = { asks: 'watch' };
	requestAnimationFrame(() => document.getElementById('tour-next')?.focus());
}

export function Tour() {
	calm.value;
	const { health, voters, newestSlot } = story.live;
	// A quorum knows of everything that may have been written.
	const isFresh = newestSlot === 0 && health.some(({ up, needed }) => up >= needed);
	useEffect(() => {
		if (isFresh && !isDirected() && !isClosed) stop.value ??= { asks: 'watch' };
	}, [isFresh]);
	const { value } = stop;
	if (value === null) return null;
	return (
		<section class="notice tour" id="tour" aria-label="Tour" data-testid="tour" data-stop={value.asks}>
			<p>{saidAt(value, voters.length)}</p>
			<span class="buttons">
				<button type="button" class="primary" id="tour-next" data-testid="tour-next" onClick={() => void goOn(value)}>
					{BUTTONS[value.asks]}
				</button>
				<button type="button" class="quiet" data-testid="tour-close" onClick={close}>
					Close
				</button>
			</span>
		</section>
	);
}

const BUTTONS: Readonly<Record<Stop['asks'], string>> = {
	watch: 'Watch a decision',
	change: 'Try to change it',
	duel: 'Let two propose at once',
	stories: 'On to the stories',
};

function saidAt(stop: Stop, voters: number): string {
	switch (stop.asks) {
		case 'watch':
			return taskText(voters);
		case 'change':
			return `Watch: ${stop.at} asks all nodes for a promise, and then for a vote. More than half have voted, so “red” is chosen in slot ${countText(stop.slot)}. Can another node still change it?`;
		case 'duel':
			return `Watch: the promises told ${stop.at} of “red”, so it had to propose “red” again. Slot ${countText(stop.slot)} keeps its value for ever. What if two nodes propose at the same moment?`;
		case 'stories':
			return 'Watch: a node that has promised the higher ballot refuses the lower one, and its proposer tries again. No value is lost. What if nodes die, or the network falls apart?';
	}
}

function close(): void {
	isClosed = true;
	stop.value = null;
}

/** Where nothing came of it, the form says why, and the same is asked again. */
async function goOn(from: Stop): Promise<void> {
	if (isBusy) return;
	isBusy = true;
	const next = await after(from);
	isBusy = false;
	if (next && stop.value === from) stop.value = next;
}

async function after(from: Stop): Promise<Stop | null> {
	const up = story.live.voters.filter(({ isUp }) => isUp);
	switch (from.asks) {
		case 'watch': {
			const at = up[0]?.id ?? '';
			const answer = await propose(at, 'red', 0);
			return answer.outcome === 'chosen' ? { asks: 'change', slot: answer.slot, at } : null;
		}
		case 'change': {
			const at = up.find(({ id }) => id !== from.at)?.id ?? from.at;
			const answer = await propose(at, 'blue', from.slot);
			return answer.outcome === 'kept' ? { asks: 'duel', slot: from.slot, at } : null;
		}
		case 'duel':
			return up.length < 2 || (await stageDuel(...duelPair(up))) ? { asks: 'stories' } : null;
		case 'stories':
			location.assign(STORIES);
			return null;
	}
}

function propose(at: NodeId, value: string, contest: Slot): Promise<ProposeAnswer> {
	return proposeAndPlay(at, { key: KEY, value, route: 'self', contest });
}
