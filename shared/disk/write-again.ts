/**
 * Makes sure of what was read at the start. The last frame is written once more, because it may have been read from the
 * system's memory though its flush failed or was never done. What is left of a torn one is overwritten with zeros, so that
 * the next frame finds none of it.
 */
import type { Disk } from './disk.ts';
import { segmentName } from './manifest.ts';
import type { LogState } from './notes.ts';
import type { Place, Recovered } from './recover.ts';

/** @param done called once all of it is durable, unless the log ends before */
export function writeAgain(disk: Disk, { last, end, remains }: Recovered, log: LogState, done: () => void): void {
	const writes: (Place & { readonly bytes: Uint8Array })[] = remains.map(({ segment, offset, bytes }) => ({
		segment,
		offset,
		bytes: new Uint8Array(bytes),
	}));
	if (last) writes.unshift({ ...end, offset: end.offset - last.bytes.length, bytes: last.bytes });
	const writeNext = (): void => {
		const write = writes.shift();
		if (!write) return done();
		disk.write(segmentName(write.segment), write.offset, write.bytes, (error) => {
			if (log.succeeded(error)) writeNext();
		});
	};
	writeNext();
}
