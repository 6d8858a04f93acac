/** Command lines that read and write data, with arguments, files and variables that are none. See `flags.ts`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { areRefused, EXIT, fileOf, type Input, isRefused, noNumbers } from './flags.ts';
import { bytesOf, isAnswered, type Kind, type Target, textOf } from './kind.ts';

/** The statuses of `lock` where it could not run the command, as shells have them. */
const NOT_RUN = 126;
const NO_COMMAND = 127;
/** The statuses for what is missing, and where no node answers. */
const MISSING = 3;
const UNAVAILABLE = 4;

/** Names that lead to no file: below a file, a folder that is not there, a link to itself, and a name that is too long. */
function deadEnds(target: Target): readonly string[] {
	const link = join(target.swarm.folder, `link-${target.random.bits()}`);
	symlinkSync(link, link);
	return [join(fileOf(target, ''), 'below'), '/nowhere/at/all', link, join(target.swarm.folder, 'n'.repeat(300))];
}

/** The same command line, with variables in the place of flags. */
function withVariable(name: string, value: string, says: Input['says'], status: number = EXIT.error): Input {
	return { args: ['kv', 'get', 'k'], environment: { [name]: value }, says, status };
}

export const COMMANDS: readonly Kind[] = [
	{
		name: 'files of keys and transactions that are none',
		answer: 'status 1 that says what is wrong, and nothing is written',
		throwAt: (target) => {
			const contents = [
				'',
				'{',
				'{}',
				'null',
				'[1]',
				'[{"key":7}]',
				'[{"key":"/a","value":""}]',
				'[{"key":"a"}}',
				'[{"key":"a"},]',
				'[{"key":"a"',
				`[{"key":"${'x'.repeat(target.random.integer(1_048_577, 3_000_000))}`,
				bytesOf(target.random, 200),
				'['.repeat(200_000),
			];
			return areRefused(target, [
				...contents.map((content) => ({
					args: ['kv', 'import', fileOf(target, content)],
					says: /\S/,
					status: EXIT.error,
				})),
				...['/nowhere', target.swarm.folder, '/dev/zero'].flatMap((file) =>
					[
						['kv', 'import', file],
						['kv', 'txn', file],
						['kv', 'put', 'k', `@${file}`],
					].map((args) => ({
						args,
						says: file === '/dev/zero' ? /over \d+ bytes|no.* JSON list/ : file,
						status: EXIT.error,
					})),
				),
			]);
		},
	},
	{
		name: 'fields of an import that would be more than a key',
		answer: 'status 1 that names the field, and no key is deleted',
		async throwAt(target) {
			const key = target.key();
			isAnswered(await target.ask('PUT', `/v1/kv/${key}/kept`, { body: 'x' }), 200, 'true');
			const deletes = '"Verb":"delete-tree"';
			const flags = [
				`0,${deletes}`,
				`0}},{"KV":{${deletes},"Key":"${key}"`,
				'-1',
				'1.5',
				'18446744073709551616',
				'',
				textOf(target.random, 30, '0123456789'),
			];
			await areRefused(
				target,
				flags.map((each) => ({
					args: [
						'kv',
						'import',
						fileOf(
							target,
							JSON.stringify([
								{ key, value: '' },
								{ key, flags: each, value: '' },
							]),
						),
					],
					says: 'item 1: flags: is no unsigned integer of 64 bits',
					status: EXIT.error,
				})),
			);
			assert.equal(await target.read(`${key}/kept`), 'x');
		},
	},
	{
		name: 'places for an export that cannot be one',
		answer: 'status 1 that names the file, and nothing is left behind',
		throwAt: (target) => {
			const folder = join(target.swarm.folder, `folder-${target.random.bits()}`);
			mkdirSync(folder);
			return areRefused(
				target,
				[...deadEnds(target), folder, fileOf(target, 'mine'), '/dev/null', '/proc/export.json'].map((out) => ({
					args: ['kv', 'export', 'nothing/', '--out', out],
					says: out,
					status: EXIT.error,
				})),
			);
		},
	},
	{
		name: 'commands that cannot be run under a lock',
		answer: 'status 126 or 127 that names the command, and the key is free at once',
		async throwAt(target) {
			const key = target.key();
			const [below, missing, link, long] = deadEnds(target) as [string, string, string, string];
			await areRefused(target, [
				...[below, link, long, target.swarm.folder, fileOf(target, 'not to be executed')].map((command) => ({
					args: ['lock', key, '--', command],
					says: `${command}: it cannot be run: `,
					status: NOT_RUN,
				})),
				...[missing, 'no-such-command', ''].map((command) => ({
					args: ['lock', key, '--', command],
					says: `${command}: it cannot be run: `,
					status: NO_COMMAND,
				})),
			]);
			const { body } = await target.ask('GET', `/v1/kv/${key}`);
			assert.doesNotMatch(body, /"Session"/);
		},
	},
	{
		name: 'times and choices of locks and sessions that are none',
		answer: 'status 1 or 2 that says what it must be',
		throwAt: (target) =>
			areRefused(target, [
				...noNumbers(target)
					.filter((text) => text !== '')
					.map((text) => ({
						args: target.random.pick([
							['lock', 'k', '--ttl', text, '--', 'true'],
							['lock', 'k', '--lock-delay', text, '--', 'true'],
							['session', 'create', '--ttl', text],
						]),
						says: 'It must be a time such as 5s or 250ms.',
					})),
				{ args: ['lock', 'k', '--ttl', '0s', '--', 'true'], says: 'It must be a time such as 5s or 250ms.' },
				{ args: ['lock', 'k', '--ttl', '1ms', '--', 'true'], says: /time-out of 1 ms/ },
				{ args: ['session', 'create', '--ttl', '1ms'], says: 'Invalid Session TTL', status: EXIT.error },
				{ args: ['session', 'create', '--ttl', '25h'], says: 'It must be at most 24h.' },
				{ args: ['session', 'create', '--behavior', 'keep'], says: 'Allowed choices are' },
				{ args: ['session', 'create', '--name', 'x'.repeat(300)], says: 'a name above 256 bytes', status: EXIT.error },
				{ args: ['lock', 'k'], says: 'missing required argument' },
				{ args: ['lock', '/k', '--', 'true'], says: 'The key begins with a slash.' },
				{ args: ['lock', 'k', '--try', '--timeout', '5s', '--', 'true'], says: 'cannot be used with' },
				...['', 'none', '..', textOf(target.random, 300, 'abc'), 'a/b?c#d'].map((id) => ({
					args: ['session', target.random.pick(['info', 'renew']), '--', id],
					says: 'There is no session "',
					status: MISSING,
				})),
			]),
	},
	{
		name: 'variables of Consul’s clients that say nothing of use',
		answer: 'status 1 or 4 that names the variable or the address, and no token is told',
		throwAt: (target) =>
			areRefused(target, [
				...['http://', '::', 'a b', '127.0.0.1:99999', '[', 'http://[', textOf(target.random, 5_000, '\u00e9[')].map(
					(text) => withVariable('CONSUL_HTTP_ADDR', text, 'CONSUL_HTTP_ADDR: '),
				),
				...['127.0.0.1:1', 'http://127.0.0.1:1/', 'http://127.0.0.1:1/below'].map((text) =>
					withVariable('CONSUL_HTTP_ADDR', text, '127.0.0.1:1', UNAVAILABLE),
				),
				...['two words', 'line\nbreak', '\u00e9', ' '].map((text) =>
					withVariable('CONSUL_HTTP_TOKEN', text, 'CONSUL_HTTP_TOKEN: holds no token'),
				),
				...[
					...deadEnds(target),
					target.swarm.folder,
					fileOf(target, ''),
					fileOf(target, bytesOf(target.random, 50)),
				].map((file) => withVariable('CONSUL_HTTP_TOKEN_FILE', file, 'CONSUL_HTTP_TOKEN_FILE: ')),
			]),
	},
	{
		name: 'answers of a program that is no node',
		answer: 'status 1 or 4 that says so, whatever the program answers',
		async throwAt(target) {
			const body = target.random.pick(['', '<html>', '{}', 'null', '[1]', '[nope]', '[{"Key":1}]', '7', '"x"', '\0']);
			const other = createServer((_, response) => void response.end(body)).listen(0, '127.0.0.1');
			target.atEnd(() => other.close());
			await once(other, 'listening');
			const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
			const file = fileOf(target, '[{"key":"a"}]');
			const input = {
				args: target.random
					.pick([
						['kv', 'put', 'k', 'v'],
						['kv', 'del', 'k'],
						['kv', 'get', 'k'],
						['kv', 'get', 'k', '-w', 'table'],
						['kv', 'ls'],
						['kv', 'export'],
						['kv', 'txn', file],
						['kv', 'import', file],
						['session', 'create'],
						['session', 'renew', 'x'],
						['session', 'destroy', 'x'],
						['leader', 'transfer'],
						['member', 'list'],
					])
					.concat('--endpoint', url),
				says: /not the answer of a node|no node|No node/i,
			};
			await isRefused(target, { ...input, status: EXIT.error });
		},
	},
];
