/** Headers that ask for what the API does not have, or in a strange way, and paths that only look like its own. */
import assert from 'node:assert/strict';
import { isAnswered, type Kind, type Target, textOf } from './kind.ts';

/** A key with this value. */
async function keyWith(target: Target, value: string): Promise<string> {
	const key = target.key();
	isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { body: value }), 200, 'true');
	return key;
}

export const HEADERS: readonly Kind[] = [
	{
		name: 'conditions of HTTP, and parts of a value',
		answer: 'as without them',
		async throwAt(target) {
			const key = await keyWith(target, 'value');
			for (const header of [
				'If-Match: "x"',
				'If-None-Match: *',
				'If-Modified-Since: Fri, 27 Nov 2099 10:00:00 GMT',
				'If-Unmodified-Since: Fri, 27 Nov 1970 10:00:00 GMT',
				'Range: bytes=0-1',
				`Range: bytes=${'0-1,'.repeat(1000)}0-1`,
				'If-Range: x',
			]) {
				isAnswered(await target.ask('GET', `/v1/kv/${key}?raw`, { headers: [header] }), 200, 'value');
				isAnswered(await target.ask('PUT', `/v1/kv/${key}`, { headers: [header], body: 'value' }), 200, 'true');
			}
		},
	},
	{
		name: 'wishes for another form',
		answer: 'the form that there is, without a coding',
		async throwAt(target) {
			const key = await keyWith(target, 'value');
			for (const header of [
				'Accept: text/html',
				'Accept: */*;q=x',
				`Accept: ${'a/b;q=0.1,'.repeat(1000)}c/d`,
				'Accept-Encoding: gzip, br, deflate, zstd',
				'Accept-Encoding: identity;q=0',
				`Accept-Language: ${textOf(target.random, 8000, 'abc,;=.')}`,
				'Accept-Charset: utf-16',
				'TE: trailers, chunked;q=0.5',
				'Prefer: return=minimal',
			]) {
				const answer = await target.ask('GET', `/v1/kv/${key}?raw`, { headers: [header] });
				isAnswered(answer, 200, 'value');
				assert.equal(answer.headers['content-encoding'], undefined);
			}
		},
	},
	{
		name: 'names of requests that are none',
		answer: '400',
		async throwAt(target) {
			for (const name of ['', '""', 'x'.repeat(256), 'x'.repeat(8000)]) {
				const headers = [`Idempotency-Key: ${name}`];
				isAnswered(await target.ask('PUT', `/v1/kv/${target.key()}`, { headers, body: 'x' }), 400);
			}
		},
	},
	{
		name: 'one name for different requests at all nodes at once',
		answer: 'one of them is carried out, the others are refused with 422 or their outcome is unknown',
		async throwAt(target) {
			const headers = { 'Idempotency-Key': target.key() };
			const key = target.key();
			const asks = Array.from({ length: target.random.integer(3, 12) }, async (_, index) => {
				const node = target.random.pick(target.swarm.nodes);
				const answer = await node.fetch(`/v1/kv/${key}-${index}`, { method: 'PUT', headers, body: 'x' });
				target.inputs++;
				await answer.text();
				if (answer.status === 200) return `${key}-${index}`;
				assert.ok(answer.status === 422 || answer.headers.get('x-swarm-outcome') === 'unknown', String(answer.status));
				return null;
			});
			const carriedOut = (await Promise.all(asks)).filter((each) => each !== null);
			assert.equal(carriedOut.length, 1);
		},
	},
	{
		name: 'names of requests where none is heeded',
		answer: '400, and nothing is done',
		async throwAt(target) {
			const headers = [`Idempotency-Key: ${target.key()}`];
			for (const [method, path] of [
				['POST', '/v1/leader/transfer'],
				['POST', '/v1/members'],
				['DELETE', '/v1/members/n1'],
				['POST', '/v1/swarm/propose'],
			] as const) {
				isAnswered(
					await target.ask(method, path, { headers, body: '{}' }),
					400,
					/^An Idempotency-Key has no effect on /,
				);
			}
		},
	},
	{
		name: 'questions of browsers beforehand',
		answer: '204 that allows what the API takes, whatever was asked for, and 403 to pages from elsewhere',
		async throwAt(target) {
			const { url } = target.node;
			for (const method of ['PUT', 'TRACE', 'put', '*', 'x'.repeat(8000)]) {
				for (const path of ['/v1/kv/a', '/v1/txn', '/nowhere', '/v1/kv/%zz']) {
					const asked = [`Access-Control-Request-Method: ${method}`, 'Access-Control-Request-Headers: X-Evil'];
					const friend = await target.ask('OPTIONS', path, { headers: [`Origin: ${url}`, ...asked] });
					isAnswered(friend, 204, '');
					assert.equal(friend.headers['access-control-allow-origin'], url);
					assert.doesNotMatch(String(friend.headers['access-control-allow-methods']), /TRACE|\*/);
					assert.doesNotMatch(String(friend.headers['access-control-allow-headers']), /Evil|\*/);
					assert.equal(friend.headers['access-control-allow-credentials'], undefined);
					const foe = await target.ask('OPTIONS', path, { headers: ['Origin: http://evil.example', ...asked] });
					isAnswered(foe, 403);
					assert.equal(foe.headers['access-control-allow-origin'], undefined);
				}
			}
		},
	},
	{
		name: 'heads of everything',
		answer: 'the status of GET, without a body',
		async throwAt(target) {
			const key = await keyWith(target, 'value');
			for (const path of [
				`/v1/kv/${key}`,
				'/v1/kv/?keys',
				'/v1/kv/?recurse',
				'/v1/agent/self',
				'/metrics',
				'/livez',
				'/',
			]) {
				const answer = await target.ask('HEAD', path);
				isAnswered(answer, 200, '');
			}
			isAnswered(await target.ask('HEAD', `/v1/kv/${target.key()}`), 404, '');
		},
	},
	{
		name: 'paths of the API in another spelling',
		answer: '404 or 405, and nothing is written',
		async throwAt(target) {
			const key = target.key();
			for (const path of [
				`/v1/%6bv/${key}`,
				`/%761/kv/${key}`,
				`/v1%2Fkv%2F${key}`,
				`/V1/KV/${key}`,
				`/v1/KV/${key}`,
				`//v1/kv/${key}`,
				`/v1//kv/${key}`,
				`/v1/./kv/${key}`,
				`/x/../v1/kv/${key}`,
				`/v1;x/kv/${key}`,
				`/v1/kv;x/${key}`,
			]) {
				const answer = await target.ask('PUT', path, { body: 'x' });
				assert.ok(answer.status === 404 || answer.status === 405, `${path}: ${answer.status}`);
			}
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'tokens of any kind',
		answer: 'as without one',
		async throwAt(target) {
			const key = await keyWith(target, 'value');
			for (const token of ['', 'x'.repeat(8000), '\u00ff', 'Bearer', 'null']) {
				for (const name of ['X-Consul-Token', 'Authorization', 'Cookie', 'Proxy-Authorization']) {
					isAnswered(await target.ask('GET', `/v1/kv/${key}?raw`, { headers: [`${name}: ${token}`] }), 200, 'value');
				}
			}
		},
	},
	{
		name: 'questions marks and number signs in odd places',
		answer: 'the first question mark begins the parameters; what stands behind them is none of the key',
		async throwAt(target) {
			const key = await keyWith(target, 'value');
			for (const query of ['?raw?raw', '?&&&raw', '?=&raw', '?raw=', '?raw=x&=x', '?%72aw', '?raw&&%=']) {
				const answer = await target.ask('GET', `/v1/kv/${key}${query}`);
				assert.ok([200, 400].includes(answer.status), `${query}: ${answer.status}`);
			}
		},
	},
];
