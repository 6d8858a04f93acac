/** Data on stdout, errors on stderr, and an exit status that a script can rely on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Output } from '../../server/cli/output.ts';
import { run } from '../../server/cli/program.ts';
import { type FakeApi, fakeApi } from './api.ts';

let folder = '';
let first: FakeApi;
let second: FakeApi;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), 'swarm-cli-'));
	first = await fakeApi();
	second = await fakeApi();
	const nodes = [first, second].map(({ port }, index) => ({ id: `n${index + 1}`, port }));
	writeFileSync(join(folder, 'swarm.json'), JSON.stringify({ name: 'swarm', nodes }));
});
afterEach(async () => {
	await first.close();
	await second.close();
	rmSync(folder, { recursive: true });
});

interface Ended {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** Arguments are split at spaces. */
async function swarm(line: string, stdin = ''): Promise<Ended> {
	const stdout = new PassThrough();
	const stderr = new PassThrough();
	const serve = () => ({ stdout: new Output(stdout), stderr: new Output(stderr), stopSignals: [] });
	const terminal = { stdin: Readable.from([stdin]), stdout, stderr, environment: {}, workingDir: folder, serve };
	const args = line.split(' ').filter((arg) => arg !== '');
	const status = await run(args, { path: 'unused', version: '1.2.3' }, terminal);
	stdout.end();
	stderr.end();
	return { status, stdout: await text(stdout), stderr: await text(stderr) };
}

describe('a wrong command line', () => {
	it.each([
		['', 'Usage: paxos-swarm'],
		['frobnicate', "error: unknown command 'frobnicate'"],
		['pit a b', 'Did you mean put?'],
		['get', "error: missing required argument 'key'"],
		['get a b', 'error: too many arguments'],
		['get a --nonsense', "error: unknown option '--nonsense'"],
		['put a b --cas x', 'It must be a whole number.'],
		['put a b --cas 99999999999999999999', 'It must be at most 18446744073709551615.'],
		['put a/../b c', 'The key '],
		['status --base-port 80000', 'It must be a port, 1 to 65535.'],
		['up --memory --data-dir x', '--memory keeps nothing on disk'],
		['put a b --endpoint nowhere', 'It must look like http://127.0.0.1:7101.'],
		['get ..', '".." cannot be a key.'],
		['propose a b', 'Say at which node: --at ID; swarm.json names n1, n2.'],
		['propose a b --at n7', 'There is no node "n7"; swarm.json names n1, n2.'],
		['propose a b --at n1 --slot 3', '--slot contests a slot, which takes both phases: add --route self.'],
		['propose a b --at n1 --route self --slot 0', 'It must be a slot: 1 or more.'],
		['propose a b --at n1 --route x', 'Allowed choices are leader, self.'],
		['node n7', 'There is no node "n7"; swarm.json names n1, n2.'],
		['node n1 --memory', 'it must never rejoin'],
	])('"%s" ends with status 2 and says why on stderr', async (line, why) => {
		const { status, stdout, stderr } = await swarm(line);
		expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
		expect(stderr).toContain(why);
		expect([...first.asked, ...second.asked]).toEqual([]);
	});

	it('a wrong swarm.json ends with status 1 and says where', async () => {
		writeFileSync(join(folder, 'swarm.json'), '{"name": "swarm"}');
		const { status, stderr } = await swarm('get a');
		expect({ status, stderr }).toEqual({
			status: 1,
			stderr: 'swarm.json: nodes: is missing: it must be a list of 1 to 9 nodes\n',
		});
	});
});

describe('help', () => {
	it.each(['up', 'node', 'init', 'put', 'get', 'del', 'propose', 'status', 'schema'])(
		'of %s is data, has an example, and is no error',
		async (command) => {
			const { status, stdout, stderr } = await swarm(`${command} --help`);
			expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
			expect(stdout).toContain(`Example:\n  paxos-swarm ${command}`);
		},
	);

	it('tells the version', async () => {
		expect(await swarm('--version')).toEqual({ status: 0, stdout: '1.2.3\n', stderr: '' });
	});
});

describe('put', () => {
	it('sends the bytes of the value, with its conditions', async () => {
		first.answer = { body: 'true' };
		expect(await swarm('put a/b red --cas 7 --flags 3304740253564472344')).toEqual({
			status: 0,
			stdout: '',
			stderr: '',
		});
		expect(first.asked).toEqual([{ method: 'PUT', url: '/v1/kv/a%2Fb?cas=7&flags=3304740253564472344', body: 'red' }]);
	});

	it('reads the value from stdin for "-"', async () => {
		first.answer = { body: 'true' };
		expect((await swarm('put color -', 'r\0d\n')).status).toBe(0);
		expect(first.asked[0]?.body).toBe('r\0d\n');
	});

	it('sends nothing where stdin has more than a value may have', async () => {
		const { status, stderr } = await swarm('put color -', 'x'.repeat(524_289));
		expect({ status, stderr }).toEqual({ status: 1, stderr: 'The value is over 524288 bytes.\n' });
		expect(first.asked).toEqual([]);
	});

	it('ends with status 3 where the compare-and-set did not match', async () => {
		first.answer = { body: 'false' };
		const { status, stdout, stderr } = await swarm('put color red --cas 7 --json');
		expect(status).toBe(3);
		expect(JSON.parse(stdout)).toEqual({ key: 'color', done: false });
		expect(stderr).toBe('"color" was left as it is: its ModifyIndex is not 7.\n');
	});

	it('ends with status 1 and the words of the node where it was refused', async () => {
		first.answer = { status: 413, body: 'Request body(9 bytes) too large, max size: 5 bytes.' };
		const { status, stderr } = await swarm('put color red');
		expect({ status, stderr }).toEqual({ status: 1, stderr: 'Request body(9 bytes) too large, max size: 5 bytes.\n' });
	});

	it('tries the next node where nobody listens', async () => {
		await first.close();
		second.answer = { body: 'true' };
		expect((await swarm('put color red')).status).toBe(0);
		expect(second.asked).toHaveLength(1);
	});

	it('tries the next node where the first one surely did not do it', async () => {
		first.answer = { status: 500, headers: { 'X-Swarm-Outcome': 'not-applied' }, body: 'No cluster leader' };
		second.answer = { body: 'true' };
		expect((await swarm('put color red')).status).toBe(0);
	});

	it.each([
		['the connection broke', { hangUp: true }],
		['the node does not know', { status: 500, headers: { 'X-Swarm-Outcome': 'unknown' }, body: 'timeout' }],
		['the node does not say', { status: 502, body: 'proxy' }],
	] as const)('is never tried again where it may have happened: %s', async (_, answer) => {
		first.answer = answer;
		const { status, stderr } = await swarm('put color red');
		expect(status).toBe(4);
		expect(stderr).toContain('The outcome is unknown: it may have happened, or may yet.');
		expect(second.asked).toEqual([]);
	});

	it('asks the endpoint that was given, and no other', async () => {
		second.answer = { status: 500, headers: { 'X-Swarm-Outcome': 'not-applied' }, body: 'No cluster leader' };
		const endpoint = `http://127.0.0.1:${second.port}`;
		const { status, stderr } = await swarm(`put color red --endpoint ${endpoint}/`);
		expect({ status, stderr }).toEqual({
			status: 4,
			stderr: `No node could answer.\n${endpoint}: No cluster leader\n`,
		});
		expect(first.asked).toEqual([]);
	});
});

describe('get', () => {
	it('prints the value and not a byte more', async () => {
		first.answer = { body: 'red' };
		expect(await swarm('get color --stale')).toEqual({ status: 0, stdout: 'red', stderr: '' });
		expect(first.asked[0]?.url).toBe('/v1/kv/color?stale&raw');
	});

	it('prints what the API says with --json, numbers of 64 bits unharmed', async () => {
		first.answer = { body: '[{"Flags":3304740253564472344}]' };
		expect((await swarm('get color --json')).stdout).toBe('[{"Flags":3304740253564472344}]');
	});

	it('ends with status 3 where there is no such key', async () => {
		first.answer = { status: 404 };
		expect(await swarm('get color')).toEqual({ status: 3, stdout: '', stderr: 'There is no key "color".\n' });
	});

	it('is asked of the next node after any failure', async () => {
		first.answer = { hangUp: true };
		second.answer = { body: 'red' };
		expect((await swarm('get color')).stdout).toBe('red');
	});

	it('ends with status 4 where no node answers, and says what each of them did', async () => {
		first.answer = { status: 500, body: 'No cluster leader' };
		await second.close();
		const { status, stderr } = await swarm('get color');
		expect(status).toBe(4);
		expect(stderr.split('\n')).toEqual([
			'No node could answer.',
			`http://127.0.0.1:${first.port}: No cluster leader`,
			`http://127.0.0.1:${second.port}: no connection (ECONNREFUSED)`,
			'',
		]);
	});
});

describe('del', () => {
	it('ends with status 0 also where there was no such key, and 3 where the compare-and-set did not match', async () => {
		first.answer = { body: 'true' };
		expect(await swarm('del color')).toEqual({ status: 0, stdout: '', stderr: '' });
		first.answer = { body: 'false' };
		expect((await swarm('del color --cas 7')).status).toBe(3);
		expect(first.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
			'DELETE /v1/kv/color',
			'DELETE /v1/kv/color?cas=7',
		]);
	});
});

describe('propose', () => {
	const attempts = [{ ballot: '1795428788840771728@n2', haltedBy: '1795428788840771729@n1', givenUp: false }];
	const chosen = { outcome: 'chosen', slot: 41, ballot: '1795428788840771729@n1', chosenAt: '1795428788840771729@n1' };
	const value = { digest: 'd', bytes: 3, commands: 1, text: 'put color = red' };

	it('asks the very node that was named, by the leader unless told otherwise', async () => {
		second.answer = { body: JSON.stringify({ ...chosen, revision: 7, attempts }) };
		const { status, stdout } = await swarm('propose color red --at n2');
		expect(status).toBe(0);
		expect(stdout).toMatch(
			/^campaign n2 [\d:.]{12}: halted by a promise to n1 [\d:.]{12}\nchosen in slot 41 at ballot n1 /,
		);
		expect(second.asked[0]).toMatchObject({ method: 'POST', url: '/v1/swarm/propose' });
		expect(JSON.parse(second.asked[0]?.body ?? '')).toEqual({
			key: 'color',
			value: 'red',
			route: 'leader',
			contest: 0,
		});
		expect(first.asked).toEqual([]);
	});

	it('contests a slot, and ends with status 3 where that keeps its value', async () => {
		first.answer = { body: JSON.stringify({ outcome: 'kept', slot: 41, ballot: '5@n1', value, attempts: [] }) };
		const { status, stdout } = await swarm('propose color blue --at n1 --route self --slot 41');
		expect({ status, stdout }).toEqual({ status: 3, stdout: 'slot 41 keeps put color = red; yours was not chosen\n' });
		expect(JSON.parse(first.asked[0]?.body ?? '')).toMatchObject({ route: 'self', contest: 41 });
	});

	it.each([
		['refused', 500, 4],
		['unknown', 500, 4],
		['refused', 400, 1],
	])('%s with HTTP status %i ends with status %i and the reason', async (outcome, http, status) => {
		first.answer = { status: http, body: JSON.stringify({ outcome, why: 'because', attempts: [] }) };
		const ended = await swarm('propose color red --at n1');
		expect(ended.status).toBe(status);
		expect(ended.stdout).toContain('because');
	});

	it('prints the whole answer with --json', async () => {
		const answer = { ...chosen, revision: 7, attempts };
		first.answer = { body: JSON.stringify(answer) };
		expect(JSON.parse((await swarm('propose color red --at n1 --json')).stdout)).toEqual(answer);
	});
});

describe('status', () => {
	const members = [
		{ id: 'n1', role: 'leader', ballot: '1795428788840771728@n1', linked: true },
		{ id: 'n2', role: 'follower', ballot: '1795428788840771728@n1', linked: false },
	];
	const answer = { node: 'n1', leader: 'n1', chosenThrough: 12, appliedThrough: 11, revision: 9, keys: 3, members };

	it('has a line for each node in its own words, also for one that does not answer', async () => {
		first.answer = { body: JSON.stringify(answer) };
		await second.close();
		const { status, stdout } = await swarm('status');
		const [head, ...lines] = stdout.split('\n');
		expect(status).toBe(0);
		expect(head).toMatch(/^NODE {2}ADDRESS +ROLE +BALLOT +CHOSEN {2}APPLIED {2}REVISION {2}KEYS {2}LINKS$/);
		expect(lines[0]).toMatch(/^n1 {4}http:\S+ {2}leader {2}n1 [\d:.]{12} {2}12 +11 +9 +3 +0 of 1$/);
		expect(lines[1]).toMatch(/^n2 {4}http:\S+ {2}no answer: no connection \(ECONNREFUSED\)$/);
		expect(lines[2]).toBe('The leader is n1.');
	});

	it('ends with status 4 where no node hears a leader', async () => {
		first.answer = { body: JSON.stringify({ ...answer, leader: null }) };
		second.answer = { status: 403, body: 'not you' };
		const { status, stdout } = await swarm('status');
		expect(status).toBe(4);
		expect(stdout).toContain('no answer: not you');
		expect(stdout).toContain('There is no leader.');
	});

	it('says where nodes hear different leaders', async () => {
		first.answer = { body: JSON.stringify(answer) };
		second.answer = { body: JSON.stringify({ ...answer, node: 'n2', leader: 'n2' }) };
		expect((await swarm('status')).stdout).toContain('Nodes hear different leaders: n1, n2.');
	});
});

describe('schema', () => {
	it('is JSON on stdout', async () => {
		const { status, stdout } = await swarm('schema');
		expect({ status, title: JSON.parse(stdout).title }).toEqual({ status: 0, title: 'swarm.json' });
	});
});
