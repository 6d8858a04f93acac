import { expect, test } from 'vitest';
import { ballotNumber, clock, compareBallotTexts, nameBallots } from '../../dashboard/model/ballot-names.ts';

const MS = Date.UTC(2026, 10, 23, 14, 2, 11);
const ballot = (ns: string, node: string, ms = MS) => `${ms + Number(ns.slice(0, 3))}${ns.slice(3)}@${node}`;

test('a ballot is shown with three digits of the second when they tell all on show apart', () => {
	const [a, b] = [ballot('207000003', 'n3'), ballot('913000000', 'n4')];
	expect(nameBallots([a, b]).full(a)).toBe(`n3 ${clock(MS)}.207`);
});

test('the fraction grows until ballots with different times look different, even of different nodes', () => {
	const [a, b] = [ballot('207000003', 'n3'), ballot('207000008', 'n4')];
	const names = nameBallots([a, b]);
	expect(names.full(a)).toBe(`n3 ${clock(MS)}.207000003`);
	expect(names.full(b)).toBe(`n4 ${clock(MS)}.207000008`);
});

test('the short name drops only what all ballots on show have in common', () => {
	const [a, b] = [ballot('207000000', 'n3'), ballot('913000000', 'n4')];
	expect(nameBallots([a, b]).short(a)).toBe('…207 n3');
	const nextSecond = ballot('100000000', 'n2', MS + 1000);
	expect(nameBallots([a, nextSecond]).short(a)).toBe(`…${clock(MS).slice(6)}.207 n3`);
	expect(nameBallots([a, b]).short(nextSecond)).toBe(`n2 ${clock(MS + 1000)}.100`);
});

test('order is that of the whole number, then of the node, and no ballot is below all', () => {
	const ballots = [ballot('207000003', 'n4'), '', ballot('207000003', 'n3'), ballot('100000000', 'n5'), '99@n9'];
	expect(ballots.toSorted(compareBallotTexts)).toEqual([
		'',
		'99@n9',
		ballot('100000000', 'n5'),
		ballot('207000003', 'n3'),
		ballot('207000003', 'n4'),
	]);
});

test('the whole integer keeps every digit', () => {
	const text = ballot('207000003', 'n3');
	expect(ballotNumber(text).replace(/\u2009/g, '')).toBe(text.slice(0, -3));
});

test('no ballot is called none', () => {
	expect(nameBallots([]).full('')).toBe('none');
	expect(nameBallots([]).short('')).toBe('none');
});
