/** The watchers of a node, and the way to them. */
import type { FactBatch, NodeSnapshot, Recall } from '../../shared/feed.ts';

export interface Watcher {
	/** Whether it wants to be told what was before it came. */
	readonly wantsRecall: boolean;
	/** Whether everything that was sent to it has left this process. */
	ready(): boolean;
}

/** Sends to watchers, with one call for all that get the same, so that it is encoded once. */
export interface Outlet<W extends Watcher> {
	batch(to: readonly W[], batch: FactBatch): void;
	snapshot(to: readonly W[], snapshot: NodeSnapshot): void;
	recall(to: W, recall: Recall): void;
}
