/**
 * What a log must remember though the segments are trimmed in which it was written: the highest promise, and the last
 * slot that is known to be chosen. Each segment begins with both, as they were before its first frame.
 */
import { ID_CHARS_MAX, MalformedError, type Reader, VARINT_BYTES_MAX, Writer } from '../bytes/bytes.ts';
import { type Ballot, compareBallots, NO_BALLOT } from '../paxos/ballot.ts';
import type { Slot } from '../paxos/message.ts';
import { type DurableRecord, readRecord, writeRecord } from '../paxos/record.ts';

/** Two records: a ballot of two integers and a node, and a slot. */
export const CARRIED_BYTES_MAX = 3 * (1 + VARINT_BYTES_MAX) + ID_CHARS_MAX;

export class Carried {
	#promised: Ballot;
	#chosenThrough: Slot;

	constructor(promised = NO_BALLOT, chosenThrough: Slot = 0) {
		this.#promised = promised;
		this.#chosenThrough = chosenThrough;
	}

	/** @throws MalformedError */
	static read(from: Reader): Carried {
		const [promised, chosen] = [readRecord(from), readRecord(from)];
		if (promised.kind !== 'promised' || chosen.kind !== 'chosen') {
			throw new MalformedError('a segment does not begin with a promise');
		}
		return new Carried(promised.ballot, chosen.through);
	}

	copy(): Carried {
		return new Carried(this.#promised, this.#chosenThrough);
	}

	add(record: DurableRecord): void {
		switch (record.kind) {
			case 'promised':
			case 'accepted':
				if (compareBallots(record.ballot, this.#promised) > 0) this.#promised = record.ballot;
				return;
			case 'chosen':
				if (record.through > this.#chosenThrough) this.#chosenThrough = record.through;
				return;
			case 'learned':
				return;
		}
	}

	/** The bytes that the first frame of a segment begins with. */
	bytes(): Uint8Array {
		const out = new Writer(CARRIED_BYTES_MAX);
		writeRecord(out, { kind: 'promised', ballot: this.#promised });
		writeRecord(out, { kind: 'chosen', through: this.#chosenThrough });
		return out.take();
	}

	/** The records of a promise and of chosen slots, each where there is one. */
	records(): DurableRecord[] {
		const records: DurableRecord[] = [];
		if (this.#promised.node !== '') records.push({ kind: 'promised', ballot: this.#promised });
		if (this.#chosenThrough > 0) records.push({ kind: 'chosen', through: this.#chosenThrough });
		return records;
	}
}
