/**
 * A node that reads a long log answers at once that it is alive, and tells its progress. It can be stopped meanwhile.
 */
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { LoopFigures } from '../../server/process/loop-watch.ts';
import { openFolder } from '../../server/storage/folder.ts';
import { Log } from '../../shared/disk/log.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import { encodeCommand } from '../../shared/store/command.ts';
import { get, put } from '../process/client.ts';
import { Swarm, type TestNode, until } from '../process/swarm.ts';

const SLOTS = 4000;
const COMMANDS_OF_SLOT = 100;
const RECORDS_OF_FLUSH = 200;

let swarm: Swarm;
let n1: TestNode;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 1 });
	n1 = swarm.node('n1');
	onTestFailed(() => swarm.report());
	expect((await swarm.run('init')).status).toBe(0);
	await writeLongLog();
});
afterEach(() => swarm.dispose());

test('while it reads its log it lives and is not ready, refuses what it is asked, and has all of it in the end', async () => {
	const program = n1.launch();
	const notReady = await until('it says how far it is', () => ask('/readyz', /\[-\]log failed: \d+ % done, \d+ /));
	expect(notReady.status).toBe(503);
	expect([(await n1.fetch('/livez')).status, (await n1.fetch('/livez/store')).status]).toEqual([200, 200]);
	const refused = await put(n1, 'color', 'red');
	expect([refused.status, (await n1.fetch('/')).status]).toEqual([500, 503]);
	expect(refused.headers.get('x-swarm-outcome')).toBe('not-applied');
	expect(await refused.text()).toMatch(/^No cluster leader: this node starts \(\d+ % done, /);
	const status = await swarm.run('status');
	expect(status).toMatchObject({
		status: 4,
		stdout: expect.stringMatching(/n1 .* no answer: it starts: \d+ % done, /),
	});
	const second = await swarm.run('up');
	expect(second).toMatchObject({ status: 0, stdout: expect.stringContaining('already runs') });
	await n1.ready();
	expect(program.stdout).toMatch(/^n1: \d+ % done, \d+ slots of its log are applied$/m);
	expect(await get(n1, `k${SLOTS}-${COMMANDS_OF_SLOT - 1}`)).toBe('x');
	const { loop, keys } = (await (await n1.fetch('/v1/swarm')).json()) as { loop: LoopFigures; keys: number };
	expect(keys).toBe(SLOTS * COMMANDS_OF_SLOT);
	expect(loop).toMatchObject({ over250Ms: 0 });
});

test('up says how far it is, and a Ctrl-C meanwhile stops it at once', async () => {
	const up = swarm.program(['up', '--config', swarm.configFile]);
	await up.printed(/^n1: \d+ % done, /m);
	up.signal('SIGINT');
	expect(await up.ended).toBe(0);
	expect(up.stdout).not.toContain('n1 ready');
	expect(await swarm.processes()).toEqual([]);
});

test('SIGTERM while it reads its log ends it with status 0', async () => {
	n1.launch();
	await until('it says how far it is', () => ask('/readyz', /% done/));
	expect(await n1.stop()).toBe(0);
});

async function ask(path: string, pattern: RegExp): Promise<Response | undefined> {
	const response = await n1.fetch(path);
	return pattern.test(await response.text()) ? response : undefined;
}

/** Writes a long log, as the node itself would have written it. */
async function writeLongLog(): Promise<void> {
	const folder = openFolder(swarm.dataDir, 'n1', 'test');
	await new Promise<void>((resolve, reject) => {
		const { log } = Log.open(folder.disk, folder, {
			durable: (through) => {
				if (through === 2 * SLOTS + 1) resolve();
			},
			failed: reject,
			flushed: () => undefined,
			room: () => undefined,
		});
		const ballot = { ms: 1_700_000_000_000, ns: 0, node: 'n1' };
		const client = 'client-of-the-test';
		const opening = encodeCommand({ client, sequence: 1, receivedThrough: 0 }, { kind: 'registerClient', client });
		log.append([{ kind: 'promised', ballot }]);
		let records: DurableRecord[] = [];
		for (let slot = 1; slot <= SLOTS; slot++) {
			const commands = Array.from({ length: COMMANDS_OF_SLOT }, (_, index) => {
				const sequence = 2 + (slot - 1) * COMMANDS_OF_SLOT + index;
				const identity = { client, sequence, receivedThrough: sequence - 1 };
				const value = new TextEncoder().encode('x');
				return encodeCommand(identity, { kind: 'put', key: `k${slot}-${index}`, value, flags: 0n, cas: null });
			});
			const value = batchValue(Buffer.concat(slot === 1 ? [opening, ...commands] : commands));
			records.push({ kind: 'accepted', slot, ballot, value }, { kind: 'chosen', through: slot });
			if (records.length < RECORDS_OF_FLUSH && slot < SLOTS) continue;
			log.append(records);
			log.flush();
			records = [];
		}
	});
	await folder.close();
}
