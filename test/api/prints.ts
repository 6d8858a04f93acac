/** Counts the values that are printed in Base64, in each turn of the event loop. */
import { vi } from 'vitest';

/** @returns a function that ends it, and tells how many were printed in each turn in which any was */
export function countPrints(): () => number[] {
	const print = Buffer.prototype.toString;
	const byTurn = new Map<number, number>();
	let turn = 0;
	let isOver = false;
	const spy = vi.spyOn(Buffer.prototype, 'toString').mockImplementation(function (this: Buffer, ...how) {
		if (how[0] === 'base64') byTurn.set(turn, (byTurn.get(turn) ?? 0) + 1);
		return print.apply(this, how);
	});
	const next = (): void => {
		turn++;
		if (!isOver) setImmediate(next);
	};
	setImmediate(next);
	return () => {
		isOver = true;
		spy.mockRestore();
		return [...byTurn.values()];
	};
}
