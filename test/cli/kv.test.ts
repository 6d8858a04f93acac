/** The commands of `kv`, at a node with a real store behind its real HTTP door, and at stand-ins where a node fails. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../server/cli/terminal.ts';
import { TestNode } from '../api/node.ts';
import { type Ended, FakeSwarm, type RunOptions } from './fake-swarm.ts';

let fake: FakeSwarm;
let node: TestNode;
beforeEach(async () => {
	fake = await FakeSwarm.create();
	node = await new TestNode().start();
});
afterEach(async () => {
	await fake.close();
	await node.stop();
	expect(node.errors).toEqual([]);
});

const url = (): string => `http://127.0.0.1:${node.port}`;

/** A command of `kv` at the node. */
function kv(line: string, stdin: string | Buffer = '', options: RunOptions = {}): Promise<Ended> {
	return fake.run(`kv ${line} --endpoints ${url()}`, stdin, options);
}

async function done(line: string, stdin: string | Buffer = ''): Promise<string> {
	const { status, stdout, stderr } = await kv(line, stdin);
	expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
	return stdout;
}

describe('kv put, get and del', () => {
	it('write, read and delete a value', async () => {
		expect(await done('put color red --flags 18446744073709551615')).toBe('');
		expect(await done('get color')).toBe('red');
		expect(JSON.parse(await done('get color -w json'))).toMatchObject([{ Key: 'color', Value: 'cmVk' }]);
		expect(await done('get color -w table')).toBe(
			'KEY    FLAGS                 CREATED  MODIFIED  BYTES  VALUE\ncolor  18446744073709551615  2        2         3      red\n',
		);
		expect(await done('del color -w json')).toBe('{"key":"color","done":true}\n');
		expect(await kv('get color')).toMatchObject({ status: 3, stderr: 'There is no key "color".\n' });
	});

	it('are there by other names too', async () => {
		await done('put a/1 x');
		await done('put a/2 x');
		expect((await fake.run(`delete a/ --recurse --endpoints ${url()}`)).status).toBe(0);
		expect((await kv('ls')).stdout).toBe('');
	});

	it('put takes the value from a file or from stdin, and "@@" for a value that begins with "@"', async () => {
		writeFileSync(join(fake.folder, 'value'), 'of the\0file\n');
		await done('put file @value');
		await done('put stdin -', 'of stdin');
		await done('put text @@value');
		expect([await done('get file'), await done('get stdin'), await done('get text')]).toEqual([
			'of the\0file\n',
			'of stdin',
			'@value',
		]);
		const { status, stderr } = await kv('put file @missing');
		expect([status, stderr]).toEqual([1, expect.stringContaining('ENOENT')]);
	});

	it.each(['put a @', 'import ', 'txn '])('%s names the file that it cannot read', async (line) => {
		for (const [file, why] of [
			['.', '.: cannot be read: it is a folder'],
			['none', 'none: cannot be read: ENOENT'],
		]) {
			const { status, stderr } = await kv(`${line}${file}`);
			expect([status, stderr]).toEqual([1, expect.stringContaining(why as string)]);
		}
		expect((await kv('put a @')).stderr).toBe('"": cannot be read: it is a folder\n');
	});

	it('put for short writes what begins with "@" as it is', async () => {
		expect((await fake.run(`put text @@value --endpoints ${url()}`)).status).toBe(0);
		expect(await done('get text')).toBe('@@value');
	});

	it('obey conditions, and say with status 3 that one does not hold', async () => {
		await done('put color red --cas 0');
		expect(await kv('put color red --cas 0')).toMatchObject({
			status: 3,
			stderr: '"color" was left as it is: it exists.\n',
		});
		expect((await kv('del color --cas 7 -w table')).stdout).toBe('KEY    DONE\ncolor  no\n');
		await done('del color --cas 2');
	});

	it('end a value with a line break on a terminal only, and cut tables where the terminal ends', async () => {
		await done(`put color ${'red'.repeat(30)}`);
		expect((await kv('get color', '', { isTTY: true })).stdout).toBe(`${'red'.repeat(30)}\n`);
		const { stdout } = await kv('get color -w table', '', { isTTY: true });
		expect(stdout.split('\n').map(({ length }) => length)).toEqual([45, 59, 0]);
	});

	it('show what is no text in a table', async () => {
		await done('put binary -', Buffer.from([0xff, 0x00]));
		await done('put lines -', 'a\nb');
		const { stdout } = await kv('ls -w table');
		expect(stdout).toMatch(/^binary .* base64:\/wA=\nlines .* "a\\nb"$/m);
	});
});

describe('kv ls', () => {
	beforeEach(async () => {
		for (const key of ['app/b/1', 'app/a', 'app/b/2', 'other']) await done(`put ${key} x`);
	});

	it.each([
		['ls', 'app/a\napp/b/1\napp/b/2\nother\n'],
		['ls app/ --separator /', 'app/a\napp/b/\n'],
		['ls app/b -w json', '[\n"app/b/1",\n"app/b/2"\n]\n'],
		['ls app/b/2 --stale', 'app/b/2\n'],
	])('"%s" prints the keys', async (line, stdout) => {
		expect(await done(line)).toBe(stdout);
	});

	it.each(['', '-w json', '-w table'])('ends with status 3 where there is none %s', async (flags) => {
		expect(await kv(`ls none ${flags}`)).toEqual({
			status: 3,
			stdout: '',
			stderr: 'There is no key that begins with "none".\n',
		});
	});

	it('is asked of the next node where the first one fails before the list, and not after', async () => {
		const endpoints = `--endpoints http://127.0.0.1:${fake.first.port},${url()}`;
		fake.first.answer = { status: 500, body: 'No cluster leader' };
		expect((await fake.run(`kv ls other ${endpoints}`)).stdout).toBe('other\n');
		fake.first.answer = { body: '["a","b' };
		const { status, stdout, stderr } = await fake.run(`kv ls ${endpoints}`);
		expect([status, stdout]).toEqual([4, 'a\n']);
		expect(stderr).toContain('The list was cut off, and what was printed is not the whole.');
	});
});

it.each(['kv ls', 'kv ls -w json', 'kv export'])('%s ends at once where its reader has what it wants', async (line) => {
	const item = line === 'kv export' ? '{"Key":"a","Flags":0,"Value":null,"CreateIndex":2,"ModifyIndex":2}' : '"a"';
	fake.first.answer = { headers: { 'Content-Length': '1000' }, body: `[${item},` };
	const ended = await fake.run(`${line} --endpoint http://127.0.0.1:${fake.first.port}`, '', { leaves: true });
	expect(ended).toMatchObject({ status: 0, stderr: '' });
});

describe('kv export and import', () => {
	it('bring all keys into another swarm, with their flags and bytes', async () => {
		await done('put a -', Buffer.from([0, 255, 10]));
		await done('put b/{"flags":1} "[,]" --flags 18446744073709551615');
		await done('put c -', '');
		await done(`put large -`, 'x'.repeat(524_288));
		for (let i = 0; i < 200; i++) await done(`put many/${i} ${i}`);
		const exported = await done('export');
		expect(JSON.parse(exported).slice(0, 3)).toMatchObject([
			{ key: 'a', flags: 0, value: 'AP8K' },
			{ key: 'b/{"flags":1}' },
			{ key: 'c', flags: 0, value: '' },
		]);
		const second = await new TestNode().start();
		try {
			const at = `--endpoints http://127.0.0.1:${second.port}`;
			expect(await fake.run(`kv import - ${at}`, exported)).toEqual({
				status: 0,
				stdout: '204 keys were written\n',
				stderr: '',
			});
			expect((await fake.run(`kv export ${at}`)).stdout).toBe(exported);
			// Most keys came in transactions.
			expect(second.replica.submitted.length + second.replica.transactions.length).toBeLessThan(10);
		} finally {
			await second.stop();
		}
	});

	it('export into a file that is there only as a whole, and replace none unless told so', async () => {
		await done('put app/a x');
		const path = join(fake.folder, 'app.json');
		expect(await done('export app/ --out app.json')).toBe('1 key is in app.json\n');
		expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual([{ key: 'app/a', flags: 0, value: 'eA==' }]);
		expect(await kv('export none --out app.json')).toMatchObject({ status: 1, stdout: '' });
		expect(await done('export none --out app.json --force')).toBe('0 keys are in app.json\n');
		expect(readFileSync(path, 'utf8')).toBe('[]\n');
		fake.first.answer = { body: '[{"Key":"a"' };
		const cut = await fake.run(`kv export --out cut.json --endpoint http://127.0.0.1:${fake.first.port}`);
		expect([cut.status, existsSync(join(fake.folder, 'cut.json'))]).toEqual([4, false]);
	});

	it('draw a bar on a terminal, and take it away', async () => {
		for (let i = 0; i < 130; i++) await done(`put many/${i} ${i}`);
		const { stderr } = await kv('export --out all.json', '', { isTTY: true });
		expect(stderr).toBe('\r\x1b[Kexporting: 64 keys\r\x1b[Kexporting: 128 keys\r\x1b[K');
		const { stderr: importing, stdout } = await kv('import all.json', '', { isTTY: true });
		expect([stdout, importing.startsWith('\r\x1b[K█'), importing.endsWith('importing 100 %\r\x1b[K')]).toEqual([
			'130 keys were written\n',
			true,
			true,
		]);
	});

	it('import an export of Consul', async () => {
		const item = '{\n\t\t"key": "config/",\n\t\t"flags": 3304740253564472344,\n\t\t"value": ""\n\t}';
		// Other programs that print JSON put a space before each colon.
		const spaced = item.replace('config/', 'spaced/').replaceAll('":', '" :');
		expect(await done('import -', `[\n\t${item},${spaced}\n]\n`)).toBe('2 keys were written\n');
		expect(node.replica.store.get('config/')?.flags).toBe(3304740253564472344n);
		expect(node.replica.store.get('spaced/')?.flags).toBe(3304740253564472344n);
	});

	it.each([
		['not JSON', 'it is not a JSON list'],
		['[{"key":"a"}', 'it is not a whole JSON list'],
		['[{"key":"/a"}]', 'item 0: key: begins with a slash. '],
		['[{"key":"a\\u200d"}]', 'item 0: key: has the character U+200D, which cannot be printed. '],
		['[{"key":7}]', 'item 0: key: is no text. '],
		['[{"key":"a","value":"?"}]', 'item 0: value: is not Base64. '],
		['[{"key":"a","flags":"x"}', 'it is not a whole JSON list'],
		['[{"key":"a","value":7}]', 'item 0: value: is not Base64. '],
		['[17]', 'item 0: is no object such as {"key":"color","flags":0,"value":"cmVk"}. '],
		['[nope]', 'item 0 is not JSON'],
		['[{"key":"a"}}', 'it is not a JSON list'],
		['[{"key":"a"},]', 'it is not a JSON list'],
		['[,{"key":"a"}]', 'it is not a JSON list'],
		['[{"key":"a","flags":-1}]', 'item 0: flags: is no unsigned integer of 64 bits'],
		['[{"key":"a","flags":1.5}]', 'item 0: flags: is no unsigned integer of 64 bits'],
		['[{"key":"a","flags":18446744073709551616}]', 'item 0: flags: is no unsigned integer of 64 bits'],
		['[{"key":"a","flags":true}]', 'item 0: flags: is no unsigned integer of 64 bits'],
	])('import nothing of %s', async (text, why) => {
		const { status, stderr } = await kv('import -', text);
		expect(status).toBe(1);
		expect(stderr).toContain(why);
		expect(node.replica.store.keysCount).toBe(0);
	});

	it('an import does no more than to write keys, whatever stands in its fields', async () => {
		await done('put app/a 1');
		for (const flags of [
			'0,\\"Verb\\":\\"delete-tree\\"',
			'0}},{\\"KV\\":{\\"Verb\\":\\"delete-tree\\",\\"Key\\":\\"\\"',
		]) {
			const { status, stderr } = await kv('import -', `[{"key":"app/"},{"key":"app/","flags":"${flags}"}]`);
			expect([status, stderr]).toEqual([1, expect.stringContaining('item 1: flags: ')]);
		}
		expect(await done('get app/a')).toBe('1');
	});

	it('an import ends where an item has no end', async () => {
		const { status, stderr } = await kv('import -', `[{"key":"${'x'.repeat(1_048_577)}`);
		expect([status, stderr]).toEqual([1, '-: an item has more than 1048576 characters. Nothing was written.\n']);
	});

	it('say how many keys an import has written that failed on its way', async () => {
		const items = Array.from({ length: 100 }, (_, i) => `{"key":"k${i}","value":""}`);
		const { status, stderr } = await kv('import -', `[${items.join(',')},{"key":""}]`);
		expect([status, stderr]).toEqual([
			1,
			'-: item 100: key: is empty. The first 64 keys were written, and no others.\n',
		]);
		expect(node.replica.store.keysCount).toBe(64);
	});

	it('say so of one key too', async () => {
		// A transaction has room for one of them.
		const value = Buffer.alloc(300_000).toString('base64');
		const items = ['a', 'b'].map((key) => `{"key":"${key}","value":"${value}"}`);
		const { stderr } = await kv('import -', `[${items.join(',')},{"key":""}]`);
		expect(stderr).toBe('-: item 2: key: is empty. The first key was written, and no others.\n');
	});

	it.each([
		['of the first ones', [], 'The first 64 keys may have been written, or may yet be, and no others.'],
		[
			'of some behind others',
			[{ body: '{"Results":[],"Errors":null}' }],
			'The first 64 keys were written, the next 36 may have been or may yet be, and no others.',
		],
	])(
		'an import does not say of keys that they were not written where that is unknown, %s',
		async (_, before, extent) => {
			const items = Array.from({ length: 100 }, (_, i) => `{"key":"k${i}","value":""}`);
			fake.first.next.push(...before, { hangUp: true });
			// The try behind that one surely did nothing.
			fake.first.answer = { status: 403, body: 'ACL not found' };
			const endpoint = `--endpoint http://127.0.0.1:${fake.first.port}`;
			const { status, stderr } = await fake.run(`kv import - ${endpoint}`, `[${items.join(',')}]`);
			expect([status, stderr]).toEqual([1, `ACL not found\n${extent}\n`]);
		},
	);

	it('an import tries a write again whose outcome is unknown', async () => {
		fake.first.next.push({ status: 500, headers: { 'X-Swarm-Outcome': 'unknown' }, body: 'timeout' });
		fake.first.answer = { body: '{"Results":[],"Errors":null}' };
		const items = '[{"key":"a","value":""},{"key":"b","value":""}]';
		const ended = await fake.run(`kv import - --endpoint http://127.0.0.1:${fake.first.port}`, items);
		expect(ended).toEqual({ status: 0, stdout: '2 keys were written\n', stderr: '' });
		expect(fake.first.asked).toHaveLength(2);
		expect(fake.first.asked[0]).toEqual(fake.first.asked[1]);
	});
});

describe('kv txn', () => {
	const operations = JSON.stringify([
		{ KV: { Verb: 'set', Key: 'color', Value: 'cmVk', Flags: 7 } },
		{ KV: { Verb: 'get', Key: 'color' } },
	]);

	it('prints what the operations of a file have written and read', async () => {
		writeFileSync(join(fake.folder, 'ops.json'), operations);
		expect(await done('txn ops.json')).toBe('2 color\n2 color red\n');
		expect(JSON.parse(await done('txn -w json', operations))).toMatchObject({ Errors: null });
		expect((await done('txn -w table', operations)).split('\n')[2]).toMatch(/^color +7 +2 +2 +3 +red$/);
	});

	it('reads no more of a file than a transaction may have', async () => {
		const { status, stderr } = await kv('txn', ' '.repeat(524_289));
		expect([status, stderr]).toEqual([1, 'The transaction is over 524288 bytes.\n']);
	});

	it('ends with status 3 and names the conditions that do not hold, and changes nothing', async () => {
		const body = JSON.stringify([
			{ KV: { Verb: 'set', Key: 'a', Value: '' } },
			{ KV: { Verb: 'check-index', Key: 'b', Index: 4 } },
		]);
		const { status, stdout, stderr } = await kv('txn', body);
		expect([status, stdout, stderr.split('\n')[0]]).toEqual([3, '', 'Nothing was changed.']);
		expect(stderr).toMatch(/^operation 1: /m);
		expect(node.replica.store.keysCount).toBe(0);
		expect(await kv('txn', 'no JSON')).toMatchObject({ status: 1 });
	});
});

describe('kv watch', () => {
	it('prints each change in a line, and a transaction as one event', async () => {
		await done('put app/a one');
		await done('put app/b -', 'two\n');
		await done('del app/a');
		await done('del app/ --recurse');
		await done('txn', JSON.stringify(['app/c', 'app/d'].map((Key) => ({ KV: { Verb: 'set', Key, Value: 'eA==' } }))));
		expect(await done('watch app/ --index 0 --count 5')).toBe(
			'2 put app/a one\n3 put app/b "two\\n"\n4 del app/a\n5 del-prefix app/\n6 put app/c x\n7 put app/d x\n',
		);
		const lines = (await done('watch app/ --index 3 --count 3 -w json')).trim().split('\n');
		expect(lines.map((line) => JSON.parse(line))).toMatchObject([
			{ Index: 4, Changes: [{ Key: 'app/a', Deleted: true }] },
			{ Index: 5, Changes: [{ Prefix: 'app/', Deleted: true }] },
			{ Index: 7, Changes: [{ Key: 'app/c' }, { Key: 'app/d' }] },
		]);
	});

	it('is colored on a terminal, unless NO_COLOR is set', async () => {
		await done('put a x');
		await done('del a');
		const line = 'watch --index 0 --count 2';
		const colored = '2 \x1b[32mput\x1b[39m a x\n3 \x1b[31mdel\x1b[39m a\n';
		expect((await kv(line, '', { isTTY: true })).stdout).toBe(colored);
		const plain = { isTTY: true, environment: { NO_COLOR: '1' } };
		expect((await kv(line, '', plain)).stdout).toBe('2 put a x\n3 del a\n');
	});

	it('goes on behind the last event at another node, and prints none twice', async () => {
		const event = (id: number) => `id: ${id}\ndata: [{"Key":"a","Value":"eA==","ModifyIndex":${id}}]\n\n`;
		fake.first.answer = { body: `: keep-alive\nid: 6\n\n${event(7)}${event(8)}id: 9\ndata: [{"Key` };
		fake.second.answer = { body: `${event(9)}${event(10)}` };
		expect(await fake.run('kv watch a --count 4')).toEqual({
			status: 0,
			stdout: '7 put a x\n8 put a x\n9 put a x\n10 put a x\n',
			stderr: '',
		});
		expect(fake.first.headers[0]).not.toHaveProperty('last-event-id');
		expect(fake.second.headers[0]).toMatchObject({ 'last-event-id': '8' });
	});

	it('ends with status 1 where changes are not kept any more, and with 4 where no node answers', async () => {
		fake.first.answer = { body: 'event: compacted\ndata: {"Index":5,"Message":"Read again."}\n\n' };
		expect(await fake.run('kv watch a --index 5')).toEqual({ status: 1, stdout: '', stderr: 'Read again.\n' });
		fake.first.answer = { status: 503, body: 'too many' };
		fake.second.answer = { hangUp: true };
		const { status, stderr } = await fake.run('kv watch a');
		expect([status, stderr.split('\n').length]).toEqual([4, 4]);
		expect(stderr).toMatch(/^No node goes on with the watch\.\nhttp\S+: too many\nhttp\S+: no answer \(\w+\)\n$/);
	});
});

describe('the nodes that are asked', () => {
	const environment = () => ({ CONSUL_HTTP_ADDR: `127.0.0.1:${fake.second.port}`, CONSUL_HTTP_TOKEN: 'secret' });

	it('are those of CONSUL_HTTP_ADDR, with the token of CONSUL_HTTP_TOKEN', async () => {
		fake.second.answer = { body: 'red' };
		expect((await fake.run('kv get color', '', { environment: environment() })).stdout).toBe('red');
		expect(fake.second.headers[0]).toMatchObject({ 'x-consul-token': 'secret' });
		expect(fake.first.asked).toEqual([]);
	});

	it.each([
		['--endpoint', () => `--endpoint http://127.0.0.1:${fake.first.port}`],
		['--endpoints', () => `--endpoints http://127.0.0.1:${fake.first.port}/,${url()}`],
		['--config', () => '--config swarm.json'],
	])('are those of %s before that', async (_, flags) => {
		fake.first.answer = { body: 'red' };
		expect((await fake.run(`get color ${flags()}`, '', { environment: environment() })).stdout).toBe('red');
		expect(fake.second.asked).toEqual([]);
	});

	it('have so long for an answer as --timeout says', async () => {
		fake.first.answer = { silent: true };
		const { status, stderr } = await fake.run(
			`get color --timeout 50ms --endpoint http://127.0.0.1:${fake.first.port}`,
		);
		expect(status).toBe(4);
		expect(stderr).toContain('no answer within 50 ms');
	});

	it.each([
		['get a --endpoints nowhere', 2, 'It must look like http://127.0.0.1:7101.'],
		['get a --endpoints http://a --endpoint http://b', 2, 'cannot be used with'],
		['get a --timeout soon', 2, 'It must be a time such as 5s or 250ms.'],
		['get a -w xml', 2, 'Allowed choices are simple, json, table.'],
		['kv watch a -w table', 2, 'Allowed choices are simple, json.'],
		['kv watch a --count 0', 2, 'It must be 1 or more.'],
		['kv frobnicate', 2, "error: unknown command 'frobnicate'"],
		['kv ls ..', 2, '".." cannot be a key.'],
		['kv ls a/../b', 2, 'The prefix has the segment "..".'],
		['kv put a -x', 2, 'goes behind "--": paxos-swarm kv put [options] -- KEY VALUE'],
	])('are none for "%s"', async (line, status, why) => {
		const ended = await fake.run(line);
		expect([ended.status, ended.stdout]).toEqual([status, '']);
		expect(ended.stderr).toContain(why);
		expect([...fake.first.asked, ...fake.second.asked]).toEqual([]);
	});

	it.each(['', '<html>', '{}', 'null', '[1]', '[nope]', '[{"Key":1}]'])(
		'may be those of another program, which answers %j',
		async (body) => {
			fake.first.answer = { body };
			const at = `--endpoint http://127.0.0.1:${fake.first.port}`;
			for (const line of [
				'kv put a b',
				'kv del a',
				'kv get a -w table',
				'kv ls',
				'kv ls -w table',
				'kv export',
				'kv txn',
				'session list',
				'session create',
				'member list',
				'leader transfer',
			]) {
				const { status, stdout, stderr } = await fake.run(`${line} ${at}`);
				expect([line, stdout.replace(/^\[\n/, '')]).toEqual([line, '']);
				expect([line, stderr]).toEqual([
					line,
					expect.stringMatching(/^(This is not the answer of a node|No node could answer)/),
				]);
				expect([EXIT.error, EXIT.unavailable]).toContain(status);
			}
		},
	);

	it('have a millisecond at least for an answer', async () => {
		const { status, stderr } = await fake.run('kv get a --timeout 0.9ms');
		expect([status, stderr]).toEqual([2, expect.stringContaining('It must be a time such as 5s or 250ms.')]);
	});

	it.each(['http://:x', 'http://name:word@127.0.0.1:7101', '127.0.0.1:7101?stale', '127.0.0.1:7101/#'])(
		'cannot be at %s',
		async (written) => {
			const { status, stderr } = await fake.run('get a', '', { environment: { CONSUL_HTTP_ADDR: written } });
			expect([status, stderr]).toEqual([1, `CONSUL_HTTP_ADDR: must look like 127.0.0.1:7101, not "${written}"\n`]);
			const flag = await fake.run(`kv put a b --endpoint ${written.replace(/^(?!http)/, 'http://')}`);
			expect([flag.status, flag.stderr]).toEqual([
				2,
				expect.stringContaining('It must look like http://127.0.0.1:7101.'),
			]);
		},
	);
});

describe('help', () => {
	it.each(['put', 'get', 'del', 'ls', 'watch', 'export', 'import', 'txn'])('of kv %s has an example', async (verb) => {
		const { status, stdout, stderr } = await fake.run(`kv ${verb} --help`);
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		expect(stdout).toContain(`Example:\n  paxos-swarm kv ${verb}`);
		expect(await fake.run(`help kv ${verb}`)).toEqual({ status, stdout, stderr });
	});
});

describe('where another program listens at the address of a node', () => {
	const WRONG = 'This is not the answer of a node. Does another program listen at that address?\n';

	it.each(['get a', 'get a -w json', 'get a -w table', 'ls', 'ls -w json', 'ls -w table', 'export', 'export --out x'])(
		'kv %s takes nothing that it answers for a value, and its 404 for no missing key',
		async (line) => {
			for (const status of [200, 404]) {
				fake.first.answer = { isForeign: true, status, body: '[]' };
				expect(await fake.run(`kv ${line}`)).toEqual({ status: 1, stdout: '', stderr: WRONG });
			}
			expect(existsSync(join(fake.folder, 'x'))).toBe(false);
		},
	);

	it('session destroy ends no session there, and session renew misses none', async () => {
		fake.first.answer = { isForeign: true, body: 'welcome' };
		expect(await fake.run('session destroy s')).toEqual({ status: 1, stdout: '', stderr: WRONG });
		fake.first.answer = { isForeign: true, status: 404, body: 'no such page' };
		expect(await fake.run('session renew s')).toEqual({ status: 1, stdout: '', stderr: 'no such page\n' });
	});
});
