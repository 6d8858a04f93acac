/** How long the bytes that a `Writer` hands over stay as they are. */
import { expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';

it('writes over nothing that was taken', () => {
	const out = new Writer(4);
	const taken: Uint8Array[] = [];
	for (let byte = 0; byte < 20; byte++) {
		out.u8(byte);
		taken.push(out.take());
	}
	expect(taken.map(([byte]) => byte)).toEqual(Array.from({ length: 20 }, (_, byte) => byte));
});

it('writes over what was taken once it may, so that no memory is added', () => {
	const out = new Writer(4);
	out.u8(1);
	const first = out.take();
	out.reuse();
	out.u8(2);
	const second = out.take();
	expect([first.byteOffset, first.buffer]).toEqual([second.byteOffset, second.buffer]);
	expect([...first]).toEqual([2]);
});

it('does not write over what is not taken yet', () => {
	const out = new Writer(4);
	out.u8(1);
	out.reuse();
	out.u8(2);
	expect([...out.take()]).toEqual([1, 2]);
});
