/**
 * What the page says of a change of members for a while: the change itself, and the nodes that it removed. Nobody could
 * follow a change otherwise, because it is in force a few milliseconds after it is chosen.
 */
import { signal } from '@preact/signals';
import type { MembersView } from '../../shared/feed.ts';
import type { SwarmModel } from '../model/swarm-model.ts';

/** How long it is said after the change is in force. */
const NEWS_MS = 20_000;

/** The last change; null where it is no news. */
export const news = signal<MembersView | null>(null);

let seen: MembersView | null = null;
let ending: ReturnType<typeof setTimeout> | null = null;

/** Is called after facts were folded. */
export function followNews(swarm: SwarmModel): void {
	const { last } = swarm.history;
	if (last !== seen) {
		// The first set that the page is told is no news, unless it is not yet in force.
		if (seen !== null || swarm.sets.length > 1) news.value = last;
		seen = last;
		stop();
	}
	const isOver = swarm.sets.length < 2 && (news.value !== null || swarm.gone.length > 0);
	if (!isOver || ending !== null) return;
	ending = setTimeout(() => {
		ending = null;
		news.value = null;
		for (const { id } of swarm.gone) swarm.forget(id);
	}, NEWS_MS);
}

function stop(): void {
	if (ending !== null) clearTimeout(ending);
	ending = null;
}
