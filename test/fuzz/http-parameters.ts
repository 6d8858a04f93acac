/** Bad parameters of requests. */
import assert from 'node:assert/strict';
import { isAnswered, type Kind, type Target, textOf } from './kind.ts';

/** What is no whole number of 64 bits, as it stands in a URL. */
const NO_NUMBERS = [
	'-1',
	'%2B1',
	'1.5',
	'1e3',
	'0x10',
	'0b1',
	'0o7',
	'1_000',
	'%201',
	'1%20',
	'%EF%BC%91',
	'NaN',
	'Infinity',
	'true',
	'null',
	'1,2',
	'1;',
	'18446744073709551616',
	'9'.repeat(21),
];

/** These and some long ones. */
function noNumbers({ random }: Target): readonly string[] {
	return [...NO_NUMBERS, textOf(random, random.integer(21, 12_000), '0123456789'), textOf(random, 20, 'abcxyz')];
}

const NO_DURATIONS = [
	'1',
	'-1s',
	's',
	'1x',
	'1s%20',
	'1e3s',
	'0x1s',
	'1.s.',
	'1..5s',
	'Infinity',
	'NaN',
	'%2B1s',
	'1s1',
	'%D9%A1s',
	'1d',
];

/** These, and long ones that are hard for a pattern. */
function noDurations({ random }: Target): readonly string[] {
	const long = random.integer(8_000, 14_000);
	return [
		...NO_DURATIONS,
		'1'.repeat(long),
		`${'1s'.repeat(long / 2)}x`,
		`${'.'.repeat(long)}s`,
		`1${'.1'.repeat(long / 2)}`,
	];
}

export const PARAMETERS: readonly Kind[] = [
	{
		name: 'flags that are no number',
		answer: '400 that repeats them',
		async throwAt(target) {
			for (const bad of ['', ...noNumbers(target)]) {
				const answer = await target.ask('PUT', `/v1/kv/${target.key()}?flags=${bad}`, { body: 'x' });
				isAnswered(answer, 400, /^Invalid flags ".*": not an unsigned 64-bit integer$/s);
			}
		},
	},
	{
		name: 'flags of all 64 bits',
		answer: 'they come back whole',
		async throwAt(target) {
			const drawn = BigInt(target.random.bits()) * 2n ** 32n + BigInt(target.random.bits());
			for (const flags of [0n, 2n ** 53n + 1n, 0x2ddccbc058a50c18n, 2n ** 63n, 2n ** 64n - 1n, drawn]) {
				const key = target.key();
				isAnswered(await target.ask('PUT', `/v1/kv/${key}?flags=${flags}`, { body: 'x' }), 200, 'true');
				isAnswered(await target.ask('GET', `/v1/kv/${key}`), 200, new RegExp(`"Flags":${flags},`));
			}
		},
	},
	{
		name: 'conditions that are no number',
		answer: '400 that repeats them, and nothing is written',
		async throwAt(target) {
			const key = target.key();
			for (const bad of ['', ...noNumbers(target)]) {
				for (const method of ['PUT', 'DELETE']) {
					const answer = await target.ask(method, `/v1/kv/${key}?cas=${bad}`, { body: 'x' });
					isAnswered(answer, 400, /^Invalid cas ".*": not an unsigned 64-bit integer$/s);
				}
			}
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'conditions above every index',
		answer: 'false, and nothing is written',
		async throwAt(target) {
			const key = target.key();
			for (const cas of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, BigInt(target.random.integer(2 ** 31, 2 ** 32))]) {
				isAnswered(await target.ask('PUT', `/v1/kv/${key}?cas=${cas}`, { body: 'x' }), 200, 'false');
			}
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'an index that is no number',
		answer: '400 Invalid index',
		async throwAt(target) {
			const paths = [
				'/v1/kv/x',
				'/v1/kv/x?keys',
				'/v1/kv/?recurse',
				'/v1/session/list',
				'/v1/catalog/nodes',
				'/v1/watch/x',
			];
			for (const bad of noNumbers(target)) {
				const path = target.random.pick(paths);
				isAnswered(
					await target.ask('GET', `${path}${path.includes('?') ? '&' : '?'}index=${bad}`),
					400,
					'Invalid index',
				);
			}
		},
	},
	{
		name: 'a last event id that is no number',
		answer: '400 Invalid Last-Event-ID',
		async throwAt(target) {
			for (const bad of noNumbers(target).map(decodeURIComponent)) {
				// A space at an end is no part of a header.
				if (/^ | $|[^ -~]/.test(bad)) continue;
				isAnswered(
					await target.ask('GET', '/v1/watch/x', { headers: [`Last-Event-ID: ${bad}`] }),
					400,
					'Invalid Last-Event-ID',
				);
			}
		},
	},
	{
		name: 'a watch from an index that will never be',
		answer: 'it waits, and an id that it tells is taken again',
		async throwAt(target) {
			for (const index of [2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
				target.inputs++;
				const answer = await target.node.fetch(`/v1/watch/x?index=${index}`);
				assert.equal(answer.status, 200);
				const { value } = await (answer.body as ReadableStream<Uint8Array>).getReader().read();
				const id = /^id: (\d+)$/m.exec(Buffer.from(value ?? []).toString())?.[1];
				const again = await target.node.fetch('/v1/watch/x', { headers: { 'last-event-id': id ?? 'none' } });
				assert.equal(again.status, 200, `id: ${id}`);
				await Promise.all([answer, again].map(({ body }) => body?.cancel().catch(() => undefined)));
			}
		},
	},
	{
		name: 'a time to wait that is none',
		answer: '400 Invalid wait time, at once however long it is',
		async throwAt(target) {
			for (const bad of noDurations(target)) {
				isAnswered(await target.ask('GET', `/v1/kv/x?index=1&wait=${bad}`), 400, 'Invalid wait time');
			}
		},
	},
	{
		name: 'an age that is none',
		answer: '400 that repeats it',
		async throwAt(target) {
			for (const bad of noDurations(target)) {
				isAnswered(await target.ask('GET', `/v1/kv/x?max_stale=${bad}`), 400, /^Invalid max_stale value "/);
			}
		},
	},
	{
		name: 'times beyond everything',
		answer: 'as the longest time that there is, or as none',
		async throwAt(target) {
			const key = target.key();
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: 'x' }), 200, 'true');
			for (const time of ['9'.repeat(400), `0.${'0'.repeat(400)}1`, '9'.repeat(15), '000000001']) {
				isAnswered(await target.ask('GET', `/v1/kv/${key}?raw&max_stale=${time}h`), 200, 'x');
				isAnswered(await target.ask('GET', `/v1/kv/${key}?raw&index=1&wait=${time}h`), 200, 'x');
			}
		},
	},
	{
		name: 'a limit that is no number of 1 or more',
		answer: '400 that repeats it',
		async throwAt(target) {
			for (const bad of ['0', '', ...noNumbers(target)]) {
				const answer = await target.ask('GET', `/v1/kv/fuzz?keys&limit=${bad}`);
				isAnswered(answer, 400, /^Invalid limit ".*": not a whole number of 1 or more$/s);
			}
		},
	},
	{
		name: 'pages behind everything',
		answer: 'an empty page',
		async throwAt(target) {
			const key = target.key();
			isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: 'x' }), 200, 'true');
			for (const after of ['zzz', '%F0%9F%90%9D', `${key}%00`, `${key}/`]) {
				isAnswered(await target.ask('GET', `/v1/kv/${key}?keys&limit=18446744073709551615&after=${after}`), 200, '[]');
			}
		},
	},
	{
		name: 'parameters that contradict each other',
		answer: '400 that says which',
		async throwAt(target) {
			const key = target.key();
			const stale = 'Cannot specify ?stale with ?consistent, conflicting semantics.';
			for (const pair of ['stale&consistent', 'consistent=true&max_stale=1s']) {
				isAnswered(await target.ask('GET', `/v1/kv/${key}?${pair}`), 400, stale);
			}
			for (const pair of ['acquire=a&cas=1', 'acquire=a&release=b', 'cas=1&release=b']) {
				isAnswered(await target.ask('PUT', `/v1/kv/${key}?${pair}`, { body: 'x' }), 400, `Conflicting flags: ${pair}`);
			}
			isAnswered(await target.ask('DELETE', `/v1/kv/${key}?recurse&cas=1`), 400, 'Conflicting flags: cas=1&recurse=');
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'another datacenter',
		answer: '500 No path to datacenter',
		async throwAt(target) {
			const paths = ['/v1/kv/x', '/v1/watch/x', '/v1/session/list', '/v1/status/leader', '/v1/catalog/nodes'];
			for (const dc of ['dc1', '__proto__', '%00', textOf(target.random, 1000, 'abc')]) {
				const path = target.random.pick(paths);
				isAnswered(await target.ask('GET', `${path}?dc=${dc}`), 500, 'No path to datacenter');
				isAnswered(
					await target.ask('PUT', `/v1/kv/${target.key()}?dc=${dc}`, { body: 'x' }),
					500,
					'No path to datacenter',
				);
				isAnswered(await target.ask('PUT', `/v1/txn?dc=${dc}`, { body: '[]' }), 500, 'No path to datacenter');
			}
		},
	},
	{
		name: 'parameters that come more than once',
		answer: 'the first one counts',
		async throwAt(target) {
			const key = target.key();
			isAnswered(await target.ask('PUT', `/v1/kv/${key}?flags=7&flags=x&cas=0&cas=x`, { body: 'x' }), 200, 'true');
			isAnswered(await target.ask('GET', `/v1/kv/${key}?index=0&index=x&wait=1s&wait=x`), 200, /"Flags":7,/);
			isAnswered(await target.ask('PUT', `/v1/kv/${key}?flags=x&flags=7`, { body: 'y' }), 400);
			assert.equal(await target.read(key), 'x');
		},
	},
	{
		name: 'thousands of parameters',
		answer: 'those that mean nothing are ignored',
		async throwAt(target) {
			const key = target.key();
			const names = ['a', '__proto__', 'constructor', 'hasOwnProperty', '%00', '%', '&', '=', '===', '[]', 'a[b]=c'];
			const parts = Array.from({ length: target.random.integer(1, 1500) }, () => target.random.pick(names));
			isAnswered(await target.ask('PUT', `/v1/kv/${key}?${parts.join('&')}`, { body: 'x' }), 200, 'true');
			isAnswered(await target.ask('GET', `/v1/kv/${key}?${parts.join('&')}&raw`), 200, 'x');
		},
	},
	{
		name: 'checks to exclude that there are none of',
		answer: '200, and each of them is named where all is told',
		async throwAt(target) {
			const names = ['nonsense', 'constructor', '__proto__', 'toString', textOf(target.random, 20, 'abc')];
			const { body } = await target.ask('GET', `/readyz?verbose&${names.map((name) => `exclude=${name}`).join('&')}`);
			for (const name of names)
				assert.ok(body.includes(`no check to exclude: "${name}"\n`), `${name} is not named: ${body}`);
			for (const path of ['/readyz/nonsense', '/livez/constructor', '/readyz/__proto__', '/livez/']) {
				const { status } = await target.ask('GET', path);
				assert.equal(status, path === '/livez/' ? 200 : 404, path);
			}
		},
	},
	{
		name: 'members, states and sessions that are not there',
		answer: 'an empty list, or the documented refusal',
		async throwAt(target) {
			const name = target.random.pick(['x', '__proto__', '%F0%9F%90%9D', '%00', '..%2f', 'n1~x']);
			for (const path of ['/v1/health/node', '/v1/health/state', '/v1/session/info', '/v1/session/node']) {
				isAnswered(await target.ask('GET', `${path}/${name}`), 200, '[]');
			}
			for (const path of ['/v1/session/info/%', '/v1/session/node/%ff', '/v1/health/node/%c0%80']) {
				isAnswered(await target.ask('GET', path), 400, 'The request cannot be understood.');
			}
			isAnswered(await target.ask('GET', '/v1/session/node'), 400, 'Missing node name');
			isAnswered(await target.ask('GET', '/v1/session/info'), 400, 'Missing session');
		},
	},
];
