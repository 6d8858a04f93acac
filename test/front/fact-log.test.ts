/** Lines of the log are for people at terminals, whatever strangers have sent. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { logFacts } from '../../server/log/facts.ts';
import { FactStream } from '../../server/replica/fact-stream.ts';

it('warn of what is wrong at a node, and when it is over', () => {
	const lines: { level: number; msg: string }[] = [];
	const facts = new FactStream('n1', 'epoch', () => 0);
	const end = logFacts(facts, pino({}, { write: (line) => lines.push(JSON.parse(line)) }));
	facts.tell({ kind: 'disk', what: 'hangs', detail: 'the disk has not answered for 2.0 s' });
	facts.tell({ kind: 'state', what: 'differs', detail: 'its state is not that of n2' });
	facts.tell({ kind: 'stall', ms: 300, detail: 'the event loop stood still for 300 ms' });
	facts.tell({ kind: 'clockSkew', peer: 'n2', aheadMs: 20_000 });
	facts.tell({ kind: 'clockSkew', peer: 'n2', aheadMs: 0 });
	end();
	expect(lines.map(({ level }) => level)).toEqual([40, 40, 40, 40, 40]);
	expect(lines.map(({ msg }) => msg)).toEqual([
		'the disk has not answered for 2.0 s',
		'its state is not that of n2',
		'the event loop stood still for 300 ms',
		"the clock of n2 is 20 seconds ahead of this node's",
		"the clock of n2 agrees with this node's again",
	]);
});

it('show nothing that a terminal obeys or that turns the text around', () => {
	const lines: string[] = [];
	const facts = new FactStream('n1', 'epoch', () => 0);
	const end = logFacts(facts, pino({}, { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) }));
	const why = 'propose: Unrecognized key: "\u001b[2J\u009b\u202eç\u2028\n漢"';
	facts.tell({ kind: 'malformed', door: 'feed', from: '127.0.0.1', why });
	end();
	expect(lines).toEqual(['feed: propose: Unrecognized key: "?[2J??ç??漢" (from 127.0.0.1)']);
});
