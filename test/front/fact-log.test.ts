/** Lines of the log are for people at terminals, whatever strangers have sent. */
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { logFacts } from '../../server/fact-log.ts';
import { FactStream } from '../../server/replica/fact-stream.ts';

it('show nothing that a terminal obeys or that turns the text around', () => {
	const lines: string[] = [];
	const facts = new FactStream('n1', 'epoch', () => 0);
	const end = logFacts(facts, pino({}, { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) }));
	const why = 'propose: Unrecognized key: "\u001b[2J\u009b\u202eç\u2028\n漢"';
	facts.tell({ kind: 'malformed', door: 'feed', from: '127.0.0.1', why });
	end();
	expect(lines).toEqual(['feed: propose: Unrecognized key: "?[2J??ç??漢" (from 127.0.0.1)']);
});
