/** Requests with a name at one node: copies of one that come together, and every way in which one ends. */
import { beforeEach, describe, expect, it } from 'vitest';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import type { Batch, Refusal, Submitter } from '../../shared/replica/batch.ts';
import { type NamedAnswer, NamedRequests } from '../../shared/replica/named-requests.ts';
import { type PartOfTransaction, readCommands } from '../../shared/store/command.ts';
import type { Result } from '../../shared/store/result.ts';

const REQUEST = '~a';
const PUT: PartOfTransaction = { kind: 'put', key: 'k', value: Uint8Array.of(7), flags: 0n, cas: null };
const DELETE: PartOfTransaction = { kind: 'delete', key: 'k', cas: null };

/** The table of submissions, in which batches wait until the test says what becomes of them. */
class Table {
	readonly submitters = new Map<string, Submitter>();
	readonly batches: Batch[] = [];
	refusal: Refusal | null = null;

	listen(client: string, submitter: Submitter): void {
		this.submitters.set(client, submitter);
	}

	unlisten(client: string, submitter: Submitter): void {
		if (this.submitters.get(client) === submitter) this.submitters.delete(client);
	}

	submit(batch: Batch): Refusal | null {
		if (this.refusal === null) this.batches.push(batch);
		return this.refusal;
	}

	tell(sequence: number, result: Result): void {
		this.submitters.get(REQUEST)?.result(sequence, result, 5, NO_BALLOT);
	}
}

let table: Table;
let requests: NamedRequests;
let answers: NamedAnswer[];
let parts: string[];
let keepsOutcomes: boolean;
beforeEach(() => {
	table = new Table();
	requests = new NamedRequests(table, { nowMs: () => 0, machine: { keepsOutcomesOf: () => keepsOutcomes } });
	answers = [];
	parts = [];
	keepsOutcomes = true;
});

function submit(content = 3, operations: readonly PartOfTransaction[] = [PUT]): void {
	requests.submit(
		{ name: REQUEST, content, isTransaction: operations.length > 1, timeoutMs: 9, operations: () => operations },
		(index, { kind, ok }) => parts.push(`${index} ${kind} ${ok}`),
		(answer) => answers.push(answer),
	);
}

const applied = (revision: number, ok = true): Result => ({ kind: 'applied', revision, ok });
const duplicate = (revision: number, ok = true): Result => ({ kind: 'duplicate', revision, ok });

describe('a request with a name', () => {
	it('is registered, and then proposed under sequences that its contents say', () => {
		submit();
		expect(table.batches.map(({ bytes }) => readCommands(bytes))).toMatchObject([
			[{ identity: { client: REQUEST, sequence: 1 }, operation: { kind: 'registerClient' } }],
		]);
		table.tell(1, applied(4));
		expect(readCommands((table.batches[1] as Batch).bytes)).toMatchObject([
			{ identity: { client: REQUEST, sequence: 192, receivedThrough: 0 }, operation: { kind: 'put', key: 'k' } },
		]);
		table.tell(192, applied(6, false));
		expect(answers).toEqual([{ outcome: 'chosen', ok: false, registered: 4, slot: 5 }]);
		expect([requests.count, table.submitters.size]).toEqual([0, 0]);
	});

	it('is told what became of a copy, by whichever node it was proposed', () => {
		submit(3, [PUT, DELETE]);
		// The copy was registered and applied elsewhere; only what comes behind the own registration counts.
		table.tell(192, applied(5));
		table.tell(1, duplicate(4));
		table.tell(500, applied(9));
		table.tell(192, duplicate(5, false));
		expect(answers).toEqual([]);
		table.tell(193, duplicate(6));
		expect(parts).toEqual(['0 duplicate false', '1 duplicate true']);
		expect(answers).toEqual([{ outcome: 'chosen', ok: false, registered: 4, slot: 5 }]);
	});

	it('and its copies at one node have one batch and one answer', () => {
		submit();
		table.tell(1, applied(4));
		submit();
		expect([table.batches.length, requests.count]).toEqual([2, 1]);
		table.tell(192, applied(5));
		expect(answers).toEqual(Array(2).fill({ outcome: 'chosen', ok: true, registered: 4, slot: 5 }));
		expect(parts).toEqual(Array(2).fill('0 applied true'));
		submit();
		expect([table.batches.length, requests.count]).toEqual([3, 1]);
	});

	it('is refused where the store says that its name is taken', () => {
		submit(4);
		table.tell(1, duplicate(4));
		table.tell(256, { kind: 'forgotten' });
		expect(answers).toMatchObject([{ outcome: 'taken' }]);
	});

	it('is decided by the log where others of its name are open at the node, and ends by itself', () => {
		submit(4);
		submit(3);
		submit(3);
		submit(5);
		const [, , last] = table.batches as [Batch, Batch, Batch];
		expect([table.batches.length, requests.count]).toEqual([3, 3]);
		last.submitter.ended(last, { kind: 'unknown', why: 'timeout', detail: 'not in time' });
		expect(answers.splice(0)).toMatchObject([{ outcome: 'unknown' }]);
		table.tell(1, duplicate(4));
		table.tell(256, { kind: 'forgotten' });
		expect(answers.splice(0)).toEqual([{ outcome: 'taken' }]);
		table.tell(1, duplicate(4));
		table.tell(192, duplicate(5));
		const chosen = { outcome: 'chosen', ok: true, registered: 4, slot: 5 };
		expect(answers).toEqual([chosen, chosen]);
		expect([requests.count, table.submitters.size]).toEqual([0, 0]);
	});

	it('is forgotten where its name was evicted, or its outcome was dropped', () => {
		submit();
		table.tell(1, { kind: 'unknownClient' });
		keepsOutcomes = false;
		for (const result of [{ kind: 'forgotten' }, { kind: 'unknownClient' }] as const) {
			submit();
			table.tell(1, duplicate(4));
			table.tell(192, result);
		}
		expect(answers).toEqual(Array(3).fill({ outcome: 'forgotten' }));
		expect([requests.count, table.submitters.size]).toEqual([0, 0]);
	});

	it('is unknown where this copy has no result, whenever that is', () => {
		table.refusal = { why: 'stopping', detail: 'the node is stopping' };
		submit();
		table.refusal = null;
		submit();
		const [registration] = table.batches as [Batch];
		registration.submitter.ended(registration, { kind: 'unknown', why: 'timeout', detail: 'not in time' });
		submit();
		table.refusal = { why: 'diskFull', detail: 'no room' };
		table.tell(1, applied(4));
		// What comes later is nobody's.
		registration.submitter.ended(registration, { kind: 'refused', why: 'stopping', detail: 'twice' });
		const refused = (detail: string) => `it was not taken in now (${detail}), and an earlier copy may have been`;
		expect(answers).toEqual(
			[refused('the node is stopping'), 'not in time', refused('no room')].map((detail) => ({
				outcome: 'unknown',
				detail,
			})),
		);
		expect([requests.count, table.submitters.size]).toEqual([0, 0]);
	});
});
