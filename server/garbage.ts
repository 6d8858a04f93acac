/**
 * When V8 looks for garbage in the whole heap of a process that runs a node.
 *
 * The heap of a node with few keys is small, and V8 lets it grow by some 20 MiB until the next collection of all of it.
 * By default the marking for that begins as soon as less than the size of the new space, 16 MiB, is left. The bytes of
 * messages count, although nearly all of them are free when the new space alone is collected, which is cheap. So under
 * load such a node marked its whole heap several times a second. Now the marking begins when half of that growth is used.
 * Later than that, where the heap grows fast, it would not end in time, and the process would stand still until it ends.
 * The limit of the heap stays as it is.
 */
import { setFlagsFromString } from 'node:v8';

/** Percent of the growth: above the first the marking begins in a pause, and above the second at once. */
const MARKING_BEGINS = { inPause: 50, atOnce: 75 };

export function markHeapLater(): void {
	setFlagsFromString(`--incremental-marking-soft-trigger=${MARKING_BEGINS.inPause}`);
	setFlagsFromString(`--incremental-marking-hard-trigger=${MARKING_BEGINS.atOnce}`);
}
