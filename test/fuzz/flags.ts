/**
 * Bad command lines, settings and files that are named on a command line. Each is run as a process of its own. It must end
 * with the documented status, and say what is wrong without a stack trace. A round takes some inputs of each kind.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf, type Kind, type Target, textOf } from './kind.ts';

/** The statuses that the help of the program tells. */
export const EXIT = { error: 1, usage: 2 } as const;
/** So many inputs of a kind are run in one round, because each takes a process. */
const INPUTS_OF_ROUND = 2;

export interface Input {
	readonly args: readonly string[];
	readonly status?: number;
	readonly says: RegExp | string;
	readonly environment?: Readonly<Record<string, string>>;
}

/** Runs some of the inputs in the folder of the swarm. */
export async function areRefused(target: Target, inputs: readonly Input[]): Promise<void> {
	for (const input of target.random.shuffle(inputs).slice(0, INPUTS_OF_ROUND)) await isRefused(target, input);
}

export async function isRefused(
	target: Target,
	{ args, status = EXIT.usage, says, environment = {} }: Input,
): Promise<void> {
	target.inputs++;
	const named = args.includes('--config') ? environment : { SWARM_CONFIG: target.swarm.configFile, ...environment };
	const program = target.swarm.program(args, { environment: named });
	const ended = await program.ended;
	const shown = `${args.join(' ').slice(0, 200)}: ${ended}: ${program.stdout.slice(0, 300)}${program.stderr.slice(0, 1000)}`;
	assert.equal(ended, status, shown);
	assert.doesNotMatch(program.stderr, /^\s+at .+:\d+/m, shown);
	assert.ok(typeof says === 'string' ? program.stderr.includes(says) : says.test(program.stderr), shown);
}

/** What is no whole number, for a flag. */
export function noNumbers({ random }: Target): readonly string[] {
	return [
		'',
		'-1',
		'+1',
		'1.5',
		'1e3',
		'0x10',
		'1_0',
		' 1',
		'NaN',
		'１',
		'true',
		textOf(random, 5_000, 'abc'),
		`${textOf(random, 5_000, '0123456789')}x`,
	];
}

/** A file or folder with this content beside swarm.json. */
export function fileOf(target: Target, content: string | Uint8Array): string {
	const path = join(target.swarm.folder, `file-${target.random.bits()}`);
	writeFileSync(path, content);
	return path;
}

export const FLAGS: readonly Kind[] = [
	{
		name: 'conditions and flags that are no number',
		answer: 'status 2: It must be a whole number',
		throwAt: (target) =>
			areRefused(target, [
				...noNumbers(target).map((text) => ({
					args: ['put', 'k', 'v', target.random.pick(['--cas', '--flags']), text],
					says: 'It must be a whole number.',
				})),
				{ args: ['put', 'k', 'v', '--cas', '18446744073709551616'], says: 'It must be at most 18446744073709551615.' },
			]),
	},
	{
		name: 'ports that are none',
		answer: 'status 2: It must be a port',
		throwAt: (target) =>
			areRefused(
				target,
				[...noNumbers(target), '0', '65536', '99999', '00000000000080'].map((text) => ({
					args: target.random.pick([
						['status', '--base-port', text],
						['sandbox', '--port', text],
						['up', '--base-port', text],
					]),
					says: 'It must be a port, 1 to 65535.',
				})),
			),
	},
	{
		name: 'slots, counts and indexes that are none',
		answer: 'status 2 that says what it must be',
		throwAt: (target) =>
			areRefused(
				target,
				noNumbers(target).map((text) =>
					target.random.pick([
						{
							args: ['propose', 'k', 'v', '--at', 'n1', '--route', 'self', '--slot', text],
							says: 'It must be a slot: 1 or more.',
						},
						{ args: ['kv', 'watch', '--count', text], says: 'It must be a whole number.' },
						{ args: ['kv', 'watch', '--index', text], says: 'It must be a whole number.' },
						{ args: ['kv', 'watch', '--count', '0'], says: 'It must be 1 or more.' },
						{
							args: ['propose', 'k', 'v', '--at', 'n1', '--route', 'self', '--slot', '9007199254740992'],
							says: 'It must be a slot: 1 or more.',
						},
					]),
				),
			),
	},
	{
		name: 'times that are none',
		answer: 'status 2: It must be a time, at once however long it is',
		throwAt: (target) =>
			areRefused(
				target,
				['', '0', '5', '-1s', '0.1ms', 'x', '1s1', '1'.repeat(100_000), `${'1s'.repeat(5_000)}x`].map((text) => ({
					args: ['kv', 'get', 'k', '--timeout', text],
					says: 'It must be a time such as 5s or 250ms.',
				})),
			),
	},
	{
		name: 'faults of a lab that there are not',
		answer: 'status 2 that says what it must be',
		throwAt: (target) =>
			areRefused(target, [
				...noNumbers(target).map((text) => ({
					args: ['lab', 'slow', '--', text],
					says: 'It must be milliseconds, 0 to ',
				})),
				...noNumbers(target).map((text) => ({
					args: ['lab', 'lose', 'n1', 'n2', '--', text],
					says: 'It must be a percentage, 0 to ',
				})),
				{ args: ['lab', 'release', 'n1', 'n2', '0'], says: 'It must be a whole number from 1 to 9999.' },
				{ args: ['lab', 'explode', 'n1'], says: /unknown command|too many arguments/ },
			]),
	},
	{
		name: 'flags and commands that there are not',
		answer: 'status 2 that names them',
		throwAt: (target) => {
			const long = textOf(target.random, 5_000, 'abc');
			return areRefused(target, [
				...['up', 'node n1', 'status', 'kv ls', 'init', 'health', 'member list'].map((line) => ({
					args: [...line.split(' '), '--nonsense'],
					says: "unknown option '--nonsense'",
				})),
				{ args: ['up', `--${long}`], says: 'unknown option' },
				{ args: [long], says: 'unknown command' },
				{ args: ['--__proto__'], says: 'unknown option' },
				{ args: ['__proto__'], says: 'unknown command' },
				{ args: ['constructor', '--help'], says: 'unknown command' },
				{ args: ['kv', 'frobnicate'], says: 'unknown command' },
				{ args: ['help', 'frobnicate'], says: 'unknown command' },
			]);
		},
	},
	{
		name: 'flags and arguments that are missing, or too many',
		answer: 'status 2 that names them',
		throwAt: (target) =>
			areRefused(target, [
				...['--config', '--data-dir', '--base-port', '--advertise', '--log-level'].map((flag) => ({
					args: ['up', flag],
					says: 'argument missing',
				})),
				...['node', 'get', 'propose k', 'member add n4', 'snapshot save', 'kv import', 'completion'].map((line) => ({
					args: line.split(' '),
					says: 'missing required argument',
				})),
				...['get a b', 'node n1 n2', 'status x', 'kv ls a b', 'leader transfer n1 n2'].map((line) => ({
					args: line.split(' '),
					says: 'too many arguments',
				})),
			]),
	},
	{
		name: 'flags that contradict each other',
		answer: 'status 2 that says so',
		throwAt: (target) =>
			areRefused(target, [
				{ args: ['up', '--memory', '--data-dir', 'x'], says: '--memory keeps nothing on disk' },
				{ args: ['node', 'n1', '--memory'], says: 'must never rejoin' },
				{ args: ['propose', 'k', 'v', '--at', 'n1', '--slot', '3'], says: 'add --route self' },
				{ args: ['del', 'k', '--cas', '1', '--recurse'], says: 'cannot be used with' },
				{
					args: ['kv', 'get', 'k', '--endpoint', target.node.url, '--endpoints', target.node.url],
					says: 'cannot be used with',
				},
			]),
	},
	{
		name: 'flags that come twice',
		answer: 'the last one counts, also where it makes no sense',
		throwAt: (target) => {
			const { url } = target.node;
			const nowhere = join(target.swarm.folder, 'nowhere.json');
			return areRefused(target, [
				{ args: ['get', 'k', '--endpoint', url, '--endpoint', 'x'], says: 'It must look like http://127.0.0.1:7101.' },
				{ args: ['status', '--base-port', '7101', '--base-port', '0'], says: 'It must be a port, 1 to 65535.' },
				{
					args: ['status', '--config', target.swarm.configFile, '--config', nowhere],
					says: `${nowhere}: cannot be read`,
					status: EXIT.error,
				},
				{ args: ['put', 'k', 'v', '--cas', '0', '--cas', '-0'], says: 'It must be a whole number.' },
			]);
		},
	},
	{
		name: 'flags that are empty, or in other letters',
		answer: 'status 1 or 2 that names the flag',
		throwAt: (target) =>
			areRefused(target, [
				...['－－config', '—config', '--cönfig', '--config\u200b', '--CONFIG', '-config'].map((flag) => ({
					args: ['status', flag, 'x'],
					says: /unknown option|too many arguments/,
				})),
				...['--timeout=', '--endpoint=', '--endpoints='].map((flag) => ({
					args: ['get', 'k', flag],
					says: flag.slice(0, -1),
				})),
				{ args: ['status', '--base-port='], says: '--base-port' },
				{ args: ['kv', 'ls', '--limit', '1'.repeat(60)], says: /--limit|unknown option/ },
				{ args: ['put', 'k', 'v', '--flags', '1'.repeat(100_000)], says: 'It must be at most 18446744073709551615.' },
				{ args: ['up', '--base-port', '9'.repeat(100_000)], says: 'It must be a port, 1 to 65535.' },
			]),
	},
	{
		name: 'choices that there are not',
		answer: 'status 2 that lists those that there are',
		throwAt: (target) =>
			areRefused(target, [
				{ args: ['node', 'n1', '--log-level', 'loud'], says: 'Allowed choices are' },
				{ args: ['propose', 'k', 'v', '--at', 'n1', '--route', 'both'], says: 'Allowed choices are' },
				{ args: ['kv', 'ls', '-w', 'yaml'], says: 'Allowed choices are' },
				{ args: ['completion', 'tcsh'], says: 'Allowed choices are' },
				{ args: ['node', textOf(target.random, 100, 'abc')], says: 'There is no node' },
				{ args: ['node', ''], says: 'There is no node' },
				{ args: ['node', '__proto__'], says: 'There is no node' },
			]),
	},
	{
		name: 'keys that no key can be',
		answer: 'status 2 that says why',
		throwAt: (target) =>
			areRefused(
				target,
				['..', 'a/../b', 'a/%2e%2e', '/a', ' a', 'a\nb', '\u202e', 'k'.repeat(5000)].map((key) => ({
					args: target.random.pick([
						['get', key],
						['put', key, 'v'],
						['del', key],
						['kv', 'watch', key],
					]),
					says: /^(The (key|prefix) |".." cannot be a key)/m,
				})),
			),
	},
	{
		name: 'addresses that are none',
		answer: 'status 2 that shows one',
		throwAt: (target) =>
			areRefused(target, [
				...[
					'',
					'nowhere',
					'ftp://x',
					'http://',
					'http://[',
					'127.0.0.1:7101',
					'http://x:99999',
					`http://name:word@127.0.0.1:${target.node.port}`,
					`${target.node.url}?stale`,
					`${target.node.url}/v1/kv#`,
					textOf(target.random, 5_000, 'abc'),
				].map((url) => ({
					args: ['put', 'k', 'v', target.random.pick(['--endpoint', '--endpoints']), url],
					says: 'It must look like http://127.0.0.1:7101.',
				})),
				...['', 'nowhere', 'http://x/path', 'http://u@x', 'http://0.0.0.0:1'].map((url) => ({
					args: ['member', 'add', 'n4', url],
					says: 'It must look like http://10.1.2.3:7101, without a path.',
				})),
				...['', 'N4', '../x', 'n 4', '-', 'n'.repeat(40)].map((id) => ({
					args: ['member', 'remove', '--', id],
					says: 'It must be a node, such as n4.',
				})),
			]),
	},
	{
		name: 'settings that contradict swarm.json or make no sense',
		answer: 'status 1 or 2 that names the flag or the variable',
		throwAt: (target) =>
			areRefused(target, [
				{ args: ['status', '--base-port', '65535'], says: '--base-port', status: EXIT.error },
				...['x', '0', '70000', '1e4'].map((text) => ({
					args: ['status'],
					environment: { SWARM_BASE_PORT: text },
					says: 'SWARM_BASE_PORT',
					status: EXIT.error,
				})),
				...['n9=http://x', 'n1', 'n1=nowhere', '=http://x', 'n1=http://x/path'].map((text) => ({
					args: ['node', 'n1', '--advertise', text],
					says: '--advertise: ',
					status: EXIT.error,
				})),
				...['', 'http://a', 'a:0', '*', 'a b'].map((text) => ({
					args: ['node', 'n1', '--allow-host', text],
					says: '--allow-host: ',
					status: EXIT.error,
				})),
			]),
	},
	{
		name: 'a swarm.json that is none',
		answer: 'status 1 that names the file, and the place where it is text',
		throwAt: (target) => {
			const depth = target.random.integer(10_000, 300_000);
			const contents = [
				'',
				'{',
				'{"name": "a",}',
				'[]',
				'null',
				'\0',
				bytesOf(target.random, 300),
				Buffer.from('{"name":"a"}', 'utf16le'),
			];
			const bombs = [
				'['.repeat(depth),
				'{"a":'.repeat(depth),
				`${'['.repeat(depth)}${']'.repeat(depth)}`,
				`{"name":"${'x'.repeat(depth)}"}`,
			];
			return areRefused(target, [
				...[...contents, ...bombs].map((content) => {
					const file = fileOf(target, content);
					return {
						args: target.random
							.pick([['status'], ['node', 'n1'], ['up'], ['config', 'validate']])
							.concat('--config', file),
						says: file,
						status: EXIT.error,
					};
				}),
				{
					args: ['status', '--config', '/nowhere/swarm.json'],
					says: '/nowhere/swarm.json: cannot be read',
					status: EXIT.error,
				},
				{
					args: ['status', '--config', target.swarm.folder],
					says: `${target.swarm.folder}: cannot be read`,
					status: EXIT.error,
				},
			]);
		},
	},
	{
		name: 'fields of swarm.json that are wrong',
		answer: 'status 1 that names each field and its rule',
		throwAt: (target) => {
			const node = { id: 'n1', port: 7101 };
			const good = { name: 'test', nodes: [node] };
			const wrong: readonly (readonly [object, string])[] = [
				[{ ...good, nodes: [] }, 'nodes: '],
				[{ ...good, nodes: Array.from({ length: 10_000 }, () => node) }, 'nodes: '],
				[{ ...good, nodes: [{ ...node, port: 1e300 }] }, 'nodes[0].port: '],
				[{ ...good, nodes: [{ ...node, id: '../x' }] }, 'nodes[0].id: '],
				[{ ...good, nodes: [{ ...node, host: 'a'.repeat(10_000) }] }, 'nodes[0].host: '],
				[{ ...good, timings: { heartbeatMs: -1 } }, 'timings.heartbeatMs: '],
				[{ ...good, timings: { retryMs: 2 ** 53 } }, 'timings.retryMs: '],
				[{ ...good, logMiB: 0 }, 'logMiB: '],
				[{ ...good, dataDir: 'a\u0000b' }, 'dataDir: '],
				[{ ...good, name: '\u001b[2J' }, 'name: '],
				[{ ...good, [textOf(target.random, 5000, 'abc')]: 1 }, 'unknown field'],
				[JSON.parse('{"name":"a","nodes":[{"id":"n1","port":1}],"__proto__":{"a":1}}') as object, '__proto__'],
			];
			return areRefused(
				target,
				wrong.map(([json, says]) => ({
					args: ['config', 'validate', fileOf(target, JSON.stringify(json))],
					says,
					status: EXIT.error,
				})),
			);
		},
	},
	{
		name: 'secrets that are none',
		answer: 'status 1 that names the variable',
		throwAt: (target) => {
			const link = join(target.swarm.folder, `link-${target.random.bits()}`);
			symlinkSync(link, link);
			const ofFile = (file: string): Input => ({
				args: ['node', 'n1'],
				environment: { SWARM_SECRET: '', SWARM_SECRET_FILE: file },
				says: 'SWARM_SECRET_FILE: ',
				status: EXIT.error,
			});
			return areRefused(target, [
				ofFile('/nowhere'),
				ofFile(target.swarm.folder),
				ofFile(link),
				ofFile(fileOf(target, '')),
				ofFile(fileOf(target, ' \n\t')),
				ofFile(fileOf(target, Buffer.from([0xff, 0xfe, 0x41]))),
				{
					args: ['node', 'n1'],
					environment: { SWARM_SECRET_FILE: fileOf(target, 'x') },
					says: 'are both set',
					status: EXIT.error,
				},
			]);
		},
	},
	{
		name: 'data folders that are none',
		answer: 'status 1 that names the folder',
		throwAt: (target) => {
			const file = fileOf(target, 'a file');
			const link = join(target.swarm.folder, `link-${target.random.bits()}`);
			symlinkSync(link, link);
			return areRefused(
				target,
				[file, join(file, 'below'), link, '/proc/nowhere'].flatMap((folder) => [
					{ args: ['init', '--data-dir', folder], says: folder, status: EXIT.error },
					{ args: ['node', 'n1', '--data-dir', folder], says: folder, status: EXIT.error },
				]),
			);
		},
	},
	{
		name: 'saved files that are none',
		answer: 'status 1 that names the file',
		throwAt: (target) => {
			const folder = join(target.swarm.folder, `folder-${target.random.bits()}`);
			mkdirSync(folder);
			const files = [
				folder,
				'/nowhere.backup',
				fileOf(target, ''),
				fileOf(target, bytesOf(target.random, 5000)),
				fileOf(target, Buffer.alloc(70_000)),
			];
			return areRefused(
				target,
				files.flatMap((file) => [
					{ args: ['snapshot', 'status', file], says: file, status: EXIT.error },
					{
						args: ['snapshot', 'restore', file, '--data-dir', join(target.swarm.folder, 'restored')],
						says: file,
						status: EXIT.error,
					},
				]),
			);
		},
	},
	{
		name: 'a node that runs already',
		answer: 'status 1 that tells its address, and the running node is not disturbed',
		throwAt: (target) =>
			isRefused(target, {
				args: ['node', target.node.id],
				says: `${target.node.id} runs already: ${target.node.url}`,
				status: EXIT.error,
			}),
	},
];
