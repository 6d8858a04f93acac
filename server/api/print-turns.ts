/**
 * When answers may be printed that many requests get at once, such as reads that wait for a leader, and transactions that
 * are chosen together. A bounded part of them is printed in each turn of the event loop, so that it goes on between them.
 */
import { Turns } from '../process/turns.ts';

/**
 * A turn prints no more answers once it has printed so many bytes, to all connections. So many in Base64 take some 5 ms on a
 * slow machine.
 */
const BYTES_OF_TURN_FULL = 262_144;
/** An answer takes as long as so many bytes of a value, beside what is in it. */
const ANSWER_BYTES = 2048;
const turns = new Turns(BYTES_OF_TURN_FULL);

/** Resolves when an answer may be printed. @param bytes those of the keys and values in it, as far as they are known */
export function turnToPrint(bytes: number): Promise<void> {
	return new Promise((resolve) => turns.run(resolve, bytes + ANSWER_BYTES));
}
