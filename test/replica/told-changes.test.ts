/** What watchers are told of the changes of keys: each for what it is, bounded, and never the whole id of a session. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyChange } from '../../shared/key-change.ts';
import { History } from '../../shared/replica/history.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import { TOLD_CHANGES_MAX, toldChanges } from '../../shared/replica/told-changes.ts';
import type { Operation, PartOfTransaction } from '../../shared/store/command.ts';
import type { SessionAttributes } from '../../shared/store/sessions.ts';
import { acquire, bytesOf, CLIENT, Client, encodeTransaction, put, release, sessionId } from '../store/commands.ts';

const SESSION = sessionId(7);
const ATTRIBUTES: SessionAttributes = { name: '', node: 'n1', ttlMs: 10_000, lockDelayMs: 0, behavior: 'release' };

let client: Client;
let history: History;

beforeEach(() => {
	client = new Client();
	history = new History(client.store.revision, { ...REPLICA_LIMITS, historyChangesMax: 40 });
	client.store.listener = history;
});

function apply(...operations: readonly Operation[]): void {
	for (const operation of operations) client.apply(operation);
}

function create(behavior: SessionAttributes['behavior']): Operation {
	return { kind: 'createSession', session: SESSION, attributes: { ...ATTRIBUTES, behavior } };
}

function end(renewed: number | null): Operation {
	return { kind: 'endSession', session: SESSION, renewed };
}

function causes(after = 0): string[] {
	return toldChanges(history, after).list.map(({ cause, key }) => `${cause} ${key}`);
}

describe('the changes that are told', () => {
	it('are those above a revision, with values, flags and revisions', () => {
		apply(put('color', 'red'), put('color', 'blue', null, 7n), { kind: 'delete', key: 'color', cas: null });
		expect(toldChanges(history, 2)).toEqual({
			after: 2,
			list: [
				{
					key: 'color',
					cause: 'put',
					revision: 3,
					isTogether: false,
					written: { value: 'blue', bytes: 4, isWhole: true, flags: '7', session: '', lockIndex: 0 },
				},
				{ key: 'color', cause: 'delete', revision: 4, isTogether: false, written: null },
			],
		});
		expect(toldChanges(history, 4)).toEqual({ after: 4, list: [] });
	});

	it('name locks, and the ways in which a session lets go', () => {
		apply(
			create('release'),
			acquire('a', SESSION, 'x'),
			acquire('b', SESSION, 'x'),
			release('b', SESSION, 'y'),
			end(null),
		);
		expect(causes()).toEqual(['acquire a', 'acquire b', 'release b', 'letGoAtEnd a']);
		const renewed = (): number => client.store.session(SESSION)?.renewedRevision ?? 0;
		apply(create('release'), acquire('a', SESSION, 'x'));
		apply(end(renewed()));
		expect(causes().slice(4)).toEqual(['acquire a', 'letGoAtTimeOut a']);
		apply(create('delete'), acquire('a', SESSION, 'x'));
		apply(end(renewed()));
		expect(causes().slice(6)).toEqual(['acquire a', 'deletedAtTimeOut a']);
		apply(create('delete'), acquire('a', SESSION, 'x'), end(null));
		expect(causes().slice(8)).toEqual(['acquire a', 'deletedAtEnd a']);
	});

	it('never have the whole id of a session', () => {
		apply(create('release'), acquire('a', SESSION, 'x'));
		const told = toldChanges(history, 0);
		expect(JSON.stringify(told)).not.toContain(SESSION);
		expect(told.list[0]?.written).toMatchObject({ session: '00000007…', lockIndex: 1 });
	});

	it('say which of them were made together, and which keys were deleted with others', () => {
		const identity = { client: CLIENT, sequence: 2, receivedThrough: 1 };
		const parts: PartOfTransaction[] = [
			{ kind: 'put', key: 'a', value: bytesOf('1'), flags: 0n, cas: null },
			{ kind: 'check', key: 'c', cas: 0 },
			{ kind: 'put', key: 'b', value: bytesOf('2'), flags: 0n, cas: null },
		];
		client.store.apply(encodeTransaction(identity, parts));
		client.send({ client: CLIENT, sequence: 5, receivedThrough: 4 }, { kind: 'deletePrefix', prefix: '' });
		const told = toldChanges(history, 0).list.map(({ cause, key, isTogether }) => [cause, key, isTogether]);
		expect(told).toEqual([
			['put', 'a', true],
			['put', 'b', true],
			['deletePrefix', '', false],
		]);
	});

	it('are the newest, where they are too many or too long, and say above which revision they are all', () => {
		for (let i = 0; i < 30; i++) apply(put(`k${i}`, 'v'));
		const many = toldChanges(history, 0);
		expect(many.list.length).toBe(TOLD_CHANGES_MAX);
		expect(many.list.at(-1)?.revision).toBe(client.store.revision);
		expect(many.after).toBe((many.list[0] as KeyChange).revision - 1);
		for (let i = 0; i < 6; i++) apply(put(`${i}${'k'.repeat(1_500)}`, 'v'));
		const long = toldChanges(history, 0);
		expect(long.list.length).toBe(2);
		expect(long.after).toBe((long.list[0] as KeyChange).revision - 1);
	});

	it('begin where the history does', () => {
		for (let i = 0; i < 50; i++) apply(put('k', `${i}`));
		history.restart(client.store.revision);
		expect(toldChanges(history, 0)).toEqual({ after: client.store.revision, list: [] });
		apply(put('k', 'new'));
		expect(toldChanges(history, 0)).toMatchObject({ after: client.store.revision - 1, list: [{ key: 'k' }] });
	});
});
