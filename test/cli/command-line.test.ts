/** A wrong command line does nothing and is refused, and help never looks like success of a command. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeApi } from './api.ts';
import { type Ended, FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
let first: FakeApi;
let second: FakeApi;
beforeEach(async () => {
	fake = await FakeSwarm.create();
	({ first, second } = fake);
});
afterEach(() => fake.close());

function swarm(line: string): Promise<Ended> {
	return fake.run(line);
}

describe('a wrong command line', () => {
	it.each([
		['', 'Usage: paxos-swarm'],
		['frobnicate', "error: unknown command 'frobnicate'"],
		['pit a b', 'Did you mean put?'],
		['get', "error: missing required argument 'key'"],
		['get a b', 'error: too many arguments'],
		['session list a', "error: too many arguments for 'list'. Expected 0 arguments but got 1.\nTry it with --help.\n"],
		['get a --nonsense', "error: unknown option '--nonsense'"],
		['up --nonsense', "error: unknown option '--nonsense'"],
		['--nonsense', "error: unknown option '--nonsense'"],
		['help frobnicate', "error: unknown command 'frobnicate'"],
		['help statsu', 'Did you mean status?'],
		['frobnicate x --help', "error: unknown command 'frobnicate'"],
		['frobnicate -h -x', "error: unknown command 'frobnicate'"],
		['--help frobnicate', "error: unknown command 'frobnicate'"],
		['frobnicate --help', "error: unknown command 'frobnicate'"],
		['help get put', 'error: too many arguments'],
		['up --version', "error: unknown option '--version'"],
		['put a b --cas x', 'It must be a whole number.'],
		['put a b --cas 99999999999999999999', 'It must be at most 18446744073709551615.'],
		['put a/../b c', 'The key '],
		['sandbox --port 80000', 'It must be a port, 1 to 65535.'],
		['status --base-port 80000', 'It must be a port, 1 to 65535.'],
		['up --memory --data-dir x', '--memory keeps nothing on disk'],
		['put a b --endpoint nowhere', 'It must look like http://127.0.0.1:7101.'],
		['get ..', '".." cannot be a key.'],
		['propose a b', 'Say at which node: --at ID; swarm.json names n1, n2.'],
		['propose a b --at n1 --slot 3', '--slot contests a slot, which takes both phases: add --route self.'],
		['propose a b --at n1 --route self --slot 0', 'It must be a slot: 1 or more.'],
		['propose a b --at n1 --route x', 'Allowed choices are leader, self.'],
		['lab slow x', 'It must be milliseconds, 0 to 10000.'],
		['lab lose n1 n2 99', 'It must be a percentage, 0 to 90.'],
		['lab cut n1', "error: missing required argument 'to'"],
		['lab cut n1 n2 --nonsense', "error: unknown option '--nonsense'"],
		['propose a b --at n1 --endpoint http://127.0.0.1:1', "option '--at <id>' cannot be used with option '--endpoint"],
		['snapshot save a --node n1 --endpoint http://127.0.0.1:1', "option '--node <id>' cannot be used with"],
		['lab cut n1 n2 --endpoint http://127.0.0.1:1', "error: unknown option '--endpoint'"],
		['lab release n1 n2 --endpoint http://127.0.0.1:1', "error: unknown option '--endpoint'"],
		['lab explode', "error: unknown command 'explode'"],
		['node n7', 'There is no node "n7"; swarm.json names n1, n2.'],
		['node n1 --memory', 'it must never rejoin'],
	])('"%s" ends with status 2 and says why on stderr', async (line, why) => {
		const { status, stdout, stderr } = await swarm(line);
		expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
		expect(stderr).toContain(why);
		expect([...first.asked, ...second.asked]).toEqual([]);
	});

	// No script may take this for a successful write.
	it.each([
		'put k -5s',
		'put k -h',
		'put k --help',
		'put -h v',
		'put k v -h',
		'put k -V',
		'put --version k',
		'put k --json',
		'put k --cas',
		'put k',
		'put k v w',
		'put k -- --json --cas 0',
		'get -x',
		'get -h x',
		'del -x',
		'del --version',
		'propose k -x --at n1',
		'propose k -h --at n1',
		'propose k --at n1',
	])('"%s" ends with status 2 and shows where "--" belongs', async (line) => {
		const { status, stdout, stderr } = await swarm(line);
		expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
		expect(stderr).toMatch(/begins with "-" goes behind "--": paxos-swarm (put|get|del|propose) .*-- /);
		expect([...first.asked, ...second.asked]).toEqual([]);
	});

	it('a wrong swarm.json ends with status 1 and says where', async () => {
		writeFileSync(join(fake.folder, 'swarm.json'), '{"name": "swarm"}');
		const { status, stderr } = await swarm('get a');
		expect({ status, stderr }).toEqual({
			status: 1,
			stderr: 'swarm.json: nodes: is missing: it must be a list of 1 to 9 nodes\n',
		});
	});
});

const DOCUMENTS = [
	'README.md',
	'server/MEMBERS.md',
	'server/backup/README.md',
	'server/deploy/README.md',
	'server/lab/README.md',
] as const;

/** The command lines in the blocks of a document, without remarks and without the "--" that is for npm. */
function linesOf(document: string): string[] {
	const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8');
	const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block as string);
	const lines = blocks.flatMap((block) => [...block.matchAll(/(?:paxos-swarm|npm run swarm) ([a-z][^#\n]*)/g)]);
	return lines.map(([, line]) => (line as string).replace(' -- ', ' ').trim());
}

describe('a command line in a document', () => {
	// Those that the tests of documents run are in blocks of another kind, and "up" does not end.
	const lines = DOCUMENTS.flatMap(linesOf).filter((line) => !/^up\b/.test(line));

	it('is found', () => expect(lines.length).toBeGreaterThan(12));

	it.each(lines)('"%s" is a right one', async (line) => {
		const nodes = [first, second, { port: 1 }].map(({ port }, index) => ({ id: `n${index + 1}`, port }));
		writeFileSync(join(fake.folder, 'swarm.json'), JSON.stringify({ name: 'swarm', nodes }));
		for (const api of [first, second]) api.answer = { status: 404, body: 'not here' };
		const { status, stderr } = await swarm(line);
		expect(stderr).toMatch(/\S/);
		expect(status).not.toBe(2);
	});
});

describe('a token that cannot be read', () => {
	const environment = { CONSUL_HTTP_TOKEN_FILE: '/nowhere/token' };

	it.each(['help', 'kv get --help', 'schema', 'completion bash', 'config validate', 'certs init'])(
		'is none of the business of "%s", which asks no node',
		async (line) => expect(await fake.run(line, '', { environment })).toMatchObject({ status: 0, stderr: '' }),
	);

	it.each(['put a b', 'kv ls', 'kv watch', 'status', 'health', 'member list', 'lock k -- true', 'debug', 'lab show'])(
		'ends "%s" before a node is asked',
		async (line) => {
			const { status, stderr } = await fake.run(line, '', { environment });
			expect([status, stderr]).toEqual([1, expect.stringMatching(/^CONSUL_HTTP_TOKEN_FILE: .*ENOENT/)]);
			expect([...first.asked, ...second.asked]).toEqual([]);
		},
	);
});

describe('help', () => {
	it.each(['up', 'node', 'init', 'put', 'get', 'del', 'propose', 'status', 'sandbox', 'schema'])(
		'of %s is data, has an example, and is no error',
		async (command) => {
			const { status, stdout, stderr } = await swarm(`${command} --help`);
			expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
			expect(stdout).toContain(`Example:\n  paxos-swarm ${command}`);
		},
	);

	it.each(['--help', '-h', 'help', 'help help', '--help help'])('"%s" lists the commands', async (line) => {
		const { status, stdout, stderr } = await swarm(line);
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		expect(stdout).toMatch(/^Usage: paxos-swarm \[options\] \[command\]\n[\s\S]*\n {2}put /);
	});

	it.each(['help put', '--help put', '-h put', 'put -h'])('"%s" is that of one command', async (line) => {
		expect(await swarm(line)).toEqual(await swarm('put --help'));
	});

	it('tells the version', async () => {
		expect(await swarm('--version')).toEqual({ status: 0, stdout: '1.2.3\n', stderr: '' });
	});
});
