/** What a call fails with, and whether it is sent again: each row of the table in `shared/client/README.md`. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import type { Settle } from '../../shared/client/abort.ts';
import { writeRefused, writeResults } from '../../shared/client/node-frame.ts';
import { REFUSALS, type Refusal, STATUSES, type Status } from '../../shared/client/protocol.ts';
import { type GotBatch, type Settled, VirtualSwarm, watched } from './virtual.ts';

/** How a node, or the caller, makes a call fail. A node that is not to answer says nothing. */
interface Cause {
	write?(batch: GotBatch, out: Writer): void;
	read?(first: number, out: Writer): void;
	readonly closes?: true;
}

function refusing(why: Refusal): Cause {
	return {
		write: ({ first, count }, out) => writeRefused(out, 'write', first, count, why, false),
		read: (first, out) => writeRefused(out, 'read', first, 1, why, false),
	};
}

function resulting(status: Status): Cause {
	return { write: ({ first, count }, out) => writeResults(out, first, count, STATUSES.indexOf(status), 0) };
}

const NOTHING: Cause = {};

const CAUSES: Readonly<Record<string, Cause>> = {
	...Object.fromEntries(REFUSALS.map((why) => [`refused: \`${why}\``, refusing(why)])),
	'nothing, until its time is over': NOTHING,
	'that the swarm has forgotten the client': resulting('unknownClient'),
	'that its outcome is not kept any more': resulting('forgotten'),
	'`close`': { closes: true },
};

const REGISTER = 3;
const TIMEOUT_MS = 5000;

/** One call at a node that answers as the cause has it. */
class Trial {
	readonly #cause: Cause;
	readonly #swarm = new VirtualSwarm(['n1']);
	readonly #client = this.#swarm.client({ timeoutMs: TIMEOUT_MS });
	readonly #settled: Settled & Settle<unknown> = watched(this.#swarm.time);
	/** Whether the cause is at work. Before, the node answers the batch that registers the client, and swallows others. */
	#isOn = false;
	/** The number of copies of the call that came since then. */
	copies = 0;

	constructor(cause: Cause) {
		this.#cause = cause;
		this.#swarm.onWrite = (batch, out) => {
			if (this.#isOn) this.copies++;
			if (batch.kinds.includes(REGISTER)) return false;
			if (this.#isOn) cause.write?.(batch, out);
			return true;
		};
		this.#swarm.onRead = ({ first }, socket) => {
			this.copies++;
			const out = new Writer();
			cause.read?.(first, out);
			if (out.length > 0) socket.toClient(out.take());
			return true;
		};
	}

	/** A write that is not sent before, and of which no copy is lost. */
	unapplied(): string {
		if (this.#cause === NOTHING) this.#swarm.node('n1').answer = 'refuses the connection';
		else this.#register();
		this.#isOn = true;
		this.#put();
		return this.#end();
	}

	/** A write of which the first copy is lost with its connection. */
	perhapsApplied(): string {
		this.#register();
		this.#isOn = this.#cause === NOTHING;
		this.#put();
		this.#pass(100);
		this.#isOn = true;
		if (!this.#cause.closes) this.#swarm.node('n1').cut();
		return this.#end();
	}

	read(): string {
		this.#client.get('a', 'linearizable', undefined, this.#settled);
		return this.#end();
	}

	#register(): void {
		this.#client.put('first', new Uint8Array(0), 0n, null, undefined, watched(this.#swarm.time));
		this.#pass(100);
	}

	#put(): void {
		this.#client.put('a', new Uint8Array(0), 0n, null, undefined, this.#settled);
	}

	#pass(ms: number): void {
		this.#swarm.time.run(this.#swarm.time.nowMs + ms);
	}

	/** What became of the call, as the table writes it. */
	#end(): string {
		if (this.#cause.closes) this.#client.close();
		this.#pass(TIMEOUT_MS + 1000);
		const { times, value, error } = this.#settled;
		expect(times).toBe(1);
		if (value !== undefined) return 'it is sent under another identity';
		return error?.why === undefined ? `${error?.name}` : `${error.name} \`${error.why}\``;
	}
}

const document = readFileSync(new URL('../../shared/client/README.md', import.meta.url), 'utf8');
const [, table = ''] = /^\| what the client is told \|.*\n.*\n((?:\|.*\n)+)/m.exec(document) ?? [];
const ROWS = table
	.trim()
	.split('\n')
	.map((line) => line.split('|').slice(1, -1))
	.map((cells) => cells.map((cell) => cell.trim()) as [string, string, string, string, string]);

it('the table has a row for everything that a client may be told', () => {
	expect(ROWS.map(([what]) => what).sort()).toEqual(Object.keys(CAUSES).sort());
});

it.each(ROWS)(
	'told %s, a call is sent again (%s) and fails as the table says',
	(what, isSentAgain, no, perhaps, read) => {
		const cause = CAUSES[what] as Cause;
		const [unapplied, perhapsApplied] = [new Trial(cause), new Trial(cause)];
		if (no !== '') expect(unapplied.unapplied()).toBe(no);
		expect(perhapsApplied.perhapsApplied()).toBe(perhaps);
		if (read !== '') expect(new Trial(cause).read()).toBe(read);
		expect(Math.max(unapplied.copies, perhapsApplied.copies) > 1).toBe(isSentAgain === 'yes');
	},
);

it('a read that is denied takes no other read of its turn with it', () => {
	const swarm = new VirtualSwarm(['n1']);
	const asked: string[] = [];
	swarm.onRead = ({ first, keys }, socket) => {
		asked.push(keys.join(' '));
		if (!keys.includes('denied')) return false;
		const out = new Writer();
		writeRefused(out, 'read', first, keys.length, 'denied', false);
		socket.toClient(out.take());
		return true;
	};
	const client = swarm.client({ timeoutMs: TIMEOUT_MS });
	const abort = new AbortController();
	const [one, denied, other] = ['one', 'denied', 'other', 'given up'].map((key) => {
		const settled = watched(swarm.time);
		client.get(key, 'linearizable', key === 'given up' ? abort.signal : undefined, settled);
		return settled;
	});
	swarm.time.after(5, () => abort.abort());
	swarm.time.run(100);
	expect([one, denied, other].map((settled) => settled?.error?.why ?? settled?.value)).toEqual([null, 'denied', null]);
	expect(asked).toEqual(['one denied other given up', 'one', 'denied', 'other']);
	expect(client.callsCount).toBe(0);
	client.close();
});
