/** A node's output never stops it, whatever happens to its reader. */
import { Writable } from 'node:stream';
import { expect, it, vi } from 'vitest';
import { OUTPUT_BYTES_MAX, Output } from '../../server/cli/output.ts';

/** A stream whose reader takes nothing until it is told to. */
class Slow extends Writable {
	readonly taken: string[] = [];
	#blocked: (() => void) | null = null;

	override _write(chunk: Buffer, _encoding: string, done: () => void): void {
		this.taken.push(String(chunk));
		this.#blocked = done;
	}

	/** Takes all writes that wait, and then stands still again. */
	take(): void {
		while (this.#blocked) {
			const done = this.#blocked;
			this.#blocked = null;
			done();
		}
	}
}

it('leaves lines out beyond a bound, and says how many once the reader has caught up', async () => {
	const stream = new Slow();
	const output = new Output(stream);
	const large = 'x'.repeat(OUTPUT_BYTES_MAX);
	output.write(large);
	output.write('the last one\n');
	for (let left = 0; left < 3; left++) output.write('left out\n');
	expect(stream.writableLength).toBeLessThan(2 * OUTPUT_BYTES_MAX);
	stream.take();
	await vi.waitFor(() => expect(stream.taken.at(-1)).toMatch(/^3 lines were left out here/));
	expect(stream.taken.slice(0, 2)).toEqual([large, 'the last one\n']);
	stream.take();
	output.write('and on\n');
	expect(stream.taken.at(-1)).toBe('and on\n');
});

it('is not ended by a stream that fails, time and again', () => {
	const stream = new Slow();
	const output = new Output(stream);
	for (const code of ['ENOSPC', 'EIO', 'EPIPE']) stream.emit('error', Object.assign(new Error(code), { code }));
	output.write('and on\n');
	expect(stream.taken).toEqual(['and on\n']);
});

it('makes a terminal non-blocking, and leaves other streams as they are', () => {
	const setBlocking = vi.fn();
	const stream = (isTTY: boolean) => Object.assign(new Writable(), { isTTY, _handle: { setBlocking } });
	new Output(stream(false));
	expect(setBlocking).not.toHaveBeenCalled();
	new Output(stream(true));
	expect(setBlocking).toHaveBeenCalledExactlyOnceWith(false);
});
