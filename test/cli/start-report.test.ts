/**
 * The progress of nodes that start is a bar on a terminal and some lines elsewhere, and is left out where it is quick.
 */
import { Writable } from 'node:stream';
import { beforeEach, expect, it } from 'vitest';
import { Output } from '../../server/cli/output.ts';
import { fitted } from '../../server/cli/progress-bar.ts';
import { StartReport } from '../../server/cli/start-report.ts';
import type { StartProgress } from '../../server/replica/memory.ts';

let nowMs: number;
beforeEach(() => {
	nowMs = 5000;
});

interface Screen {
	readonly report: StartReport;
	written(): string;
}

function screen(isTTY: boolean, columns = 80, environment = {}): Screen {
	let text = '';
	const stream = new Writable({
		write: (chunk, _encoding, done) => {
			text += chunk;
			done();
		},
	});
	const output = new Output(Object.assign(stream, { isTTY, columns }));
	return { report: new StartReport(output, environment, () => nowMs), written: () => text };
}

const at = (percent: number): StartProgress => ({ doing: 'applying', count: percent * 10, percent });

it('says nothing of a start that does not take long', () => {
	for (const isTTY of [true, false]) {
		const { report, written } = screen(isTTY);
		report.update('n1', at(40));
		nowMs += 999;
		report.update('n1', at(90));
		report.update('n1', null);
		expect(written()).toBe('');
	}
});

it('writes a line for each tenth of the work where there is no terminal, or a dumb one', () => {
	for (const { report, written } of [screen(false), screen(true, 80, { TERM: 'dumb' })]) {
		report.update('n1', at(0));
		nowMs += 1000;
		for (const percent of [5, 12, 14, 37, 39, 41]) report.update('n1', at(percent));
		report.say('n2 ready');
		report.update('n1', null);
		expect(written().split('\n')).toEqual([
			'n1: 12 % done, 120 slots of its log are applied',
			'n1: 37 % done, 370 slots of its log are applied',
			'n1: 41 % done, 410 slots of its log are applied',
			'n2 ready',
			'',
		]);
	}
});

it('draws one line on a terminal, not wider than it, and takes it away for each other line and in the end', () => {
	const { report, written } = screen(true, 40);
	report.update('n1', at(0));
	nowMs += 1000;
	report.update('n1', at(50));
	report.update('n2', at(100));
	report.update('n3', at(0));
	report.say('n4 ready');
	for (const id of ['n1', 'n2', 'n3']) report.update(id, null);
	const drawn = written().split('\r\x1b[K');
	expect(drawn[0]).toBe('██████████░░░░░░░░░░ n1 50 %');
	expect(drawn).toContain('n4 ready\n██████████░░░░░░░░░░ n1 50 %  n2 100 %');
	for (const line of drawn) expect(line.replace('n4 ready\n', '').length).toBeLessThan(40);
	expect(drawn.at(-1)).toBe('');
});

it.each([
	['whole where the terminal does not tell its width', 'a value', 0, 'a value'],
	['of 79 columns then', 'x'.repeat(90), 0, 'x'.repeat(79)],
	['one column shorter than the terminal', 'a value', 4, 'a v'],
	['without half of a character', 'a😀b', 3, 'a'],
])('a line is %s', (_, line, columns, shown) => {
	expect(fitted(line, columns)).toBe(shown);
});
