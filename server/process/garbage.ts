/**
 * When V8 looks for garbage in the whole heap of a process that runs a node.
 *
 * The heap of a node is small beside the bytes of the messages that pass through it, which V8 counts as its own. They are
 * nearly all free again soon, and a look at the new space alone, which is cheap, would find that. But by default V8 looks
 * at the whole heap whenever a fraction of it was allocated, so under load a node with few keys did so several times a
 * second. Now the heap grows by a number of bytes, not by a fraction, until V8 looks at all of it again. The limit of the
 * heap stays as it is, and close to it V8 looks more often.
 *
 * The marking for that begins when half of the growth is used. Later than that, where the heap grows fast, it would not
 * end in time, and the process would stand still until it ends.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';

/** So many bytes may be garbage before V8 looks at the whole heap. */
const GROWTH_BYTES = 96 * 1024 * 1024;
/** The growth is told to V8 as a share of the heap, which changes. */
const TOLD_EVERY_MS = 1_000;
/** A larger heap grows as V8 sees fit, which is at least by a fraction of itself. */
const HEAP_BYTES_MAX = GROWTH_BYTES;
const AS_V8_SEES_FIT = 0;
/** Percent of the growth: above the first the marking begins in a pause, and above the second at once. */
const MARKING_BEGINS = { inPause: 50, atOnce: 75 };

/** For as long as the process lives. */
export function lookForGarbageLater(): void {
	setFlagsFromString(`--incremental-marking-soft-trigger=${MARKING_BEGINS.inPause}`);
	setFlagsFromString(`--incremental-marking-hard-trigger=${MARKING_BEGINS.atOnce}`);
	tellGrowth();
	setInterval(tellGrowth, TOLD_EVERY_MS).unref();
}

function tellGrowth(): void {
	const heapBytes = getHeapStatistics().used_heap_size;
	const percent = heapBytes > HEAP_BYTES_MAX ? AS_V8_SEES_FIT : Math.round((100 * GROWTH_BYTES) / heapBytes);
	setFlagsFromString(`--heap-growing-percent=${percent}`);
}
