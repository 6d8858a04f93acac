/**
 * What the page says of a change of members for a while: the change itself, and the nodes that it removed. Nobody could
 * follow a change otherwise, because it is in force a few milliseconds after it is chosen.
 */
import { signal } from '@preact/signals';
import type { MembersView } from '../../shared/feed.ts';
import type { Story } from '../model/story.ts';

/** How long it is said after the change is in force, unless a person has read it before. */
const NEWS_MS = 60_000;

/** The last change; null where it is no news. */
export const news = signal<MembersView | null>(null);

let seen: MembersView | null = null;
let ending: ReturnType<typeof setTimeout> | null = null;

/** Is called after facts were folded. */
export function followNews(story: Story): void {
	const swarm = story.live;
	const { last } = swarm.history;
	if (last !== seen) {
		// The first set that the page is told is no news, unless it is not yet in force.
		if (seen !== null || swarm.sets.length > 1) news.value = last;
		seen = last;
		stop();
	}
	const isOver = swarm.sets.length < 2 && (news.value !== null || swarm.gone.length > 0);
	if (!isOver || ending !== null) return;
	ending = setTimeout(() => endNews(story), NEWS_MS);
}

/** The change is no news any more, and the nodes that it removed are drawn no more. */
export function endNews(story: Story): void {
	stop();
	news.value = null;
	for (const { id } of story.live.gone) story.forget(id);
}

/** Another run begins, of which nothing is known yet. */
export function forgetNews(): void {
	stop();
	news.value = null;
	seen = null;
}

function stop(): void {
	if (ending !== null) clearTimeout(ending);
	ending = null;
}
