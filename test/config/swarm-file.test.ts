/** A wrong swarm.json is refused with the path and the rule of every field that has to change. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dialOf, listenUrlOf, urlOf } from '../../server/config/addresses.ts';
import { parseSwarm, swarmJsonSchema } from '../../server/config/swarm-file.ts';

const ID = 'must be 1 to 32 characters of a-z, 0-9 and -, beginning with a letter or digit';
const PORT = 'must be a whole number from 1 to 65535';
const HOST = 'must be an IP address or a host name that the other nodes can reach';
const ANY = 'is no address that others can dial: say in "advertise" where they reach the node';
const ADVERTISE = 'must be where others reach the node, http or https, without a path, such as "http://10.1.2.3:8101"';
const ALLOWED_HOST = 'must be a host, with a port or without, such as "swarm.example" or "10.1.2.3:8101"';
const MS = 'must be a whole number of milliseconds from 1 to 600000';

/** The text of a valid file, in which the given fields are replaced. */
function swarm(changes: Readonly<Record<string, unknown>>): string {
	return JSON.stringify({ name: 'swarm', nodes: [{ id: 'n1', port: 7101 }], ...changes });
}

function nodes(...list: readonly unknown[]): string {
	return swarm({ nodes: list });
}

function refusal(text: string): string {
	try {
		parseSwarm(text, 'swarm.json');
	} catch (error) {
		if (error instanceof Error) return error.message;
	}
	return 'accepted';
}

const n1 = { id: 'n1', port: 7101 };
const tenNodes = Array.from({ length: 10 }, (_, index) => ({ id: `n${index}`, port: 7101 + index }));

const REFUSED: readonly (readonly [string, string, string])[] = [
	['an empty file', '', 'swarm.json:1:1: not JSON: expected a value'],
	[
		'a size without end',
		swarm({ logMiB: 1e300 }),
		'swarm.json: logMiB: must be a whole number of MiB from 1 to 65536, not 1e+300',
	],
	['a comma too many', '{\n  "name": "a",\n}', 'swarm.json:3:1: not JSON: expected a field name in double quotes'],
	['a comma too few', '{"a": 1\n "b": 2}', 'swarm.json:2:2: not JSON: expected "," or "}"'],
	['single quotes', "{'name': 1}", 'swarm.json:1:2: not JSON: expected a field name in double quotes'],
	['a string without an end', '{"name": "swarm\n}', 'swarm.json:1:10: not JSON: expected a string that ends'],
	['more after the end', '{} {}', 'swarm.json:1:4: not JSON: expected nothing more'],
	['very many brackets', '['.repeat(100_000), 'swarm.json:1:100001: not JSON: expected a value'],
	['very many objects', '{"a":'.repeat(100_000), 'swarm.json:1:500001: not JSON: expected a value'],
	['lists that end as objects', '[[1, {"a": [2]}}', 'swarm.json:1:16: not JSON: expected "," or "]"'],
	[
		'a very long string',
		`{"name":"${'x'.repeat(16_000_000)}",}`,
		'swarm.json:1:16000012: not JSON: expected a field name in double quotes',
	],
	['an object without a colon', '[{"a" 1}]', 'swarm.json:1:7: not JSON: expected ":"'],
	[
		'a field twice',
		'{"a": 1,\n "b": {"a": 2}, "a": 3}',
		'swarm.json:2:17: the field "a" is there already: keep one of the two',
	],
	[
		'a field twice, in one of several objects',
		'[{"b": 1}, {"b": 1, "\\u0062": 2}]',
		'swarm.json:1:21: the field "\\u0062" is there already: keep one of the two',
	],
	[
		'lists that lie too deep in one another',
		`${'['.repeat(100_000)}${']'.repeat(100_000)}`,
		'swarm.json: must be an object, not […]',
	],
	[
		'certificates without a key',
		swarm({ tls: { ca: 'a', cert: 'b' } }),
		'swarm.json: tls.key: is missing: it must be the path of a PEM file',
	],
	[
		'an unknown rule for clients',
		swarm({ tls: { ca: 'a', cert: 'b', key: 'c', clients: 'some' } }),
		'swarm.json: tls.clients: must be "optional" or "required", not "some"',
	],
	['no object', '[]', 'swarm.json: must be an object, not []'],
	['no name', '{"nodes": [{"id": "n1", "port": 1}]}', `swarm.json: name: is missing: it ${ID}`],
	['a name with a space', swarm({ name: 'my swarm' }), `swarm.json: name: ${ID}, not "my swarm"`],
	['no nodes', '{"name": "a"}', 'swarm.json: nodes: is missing: it must be a list of 1 to 9 nodes'],
	['an empty list of nodes', nodes(), 'swarm.json: nodes: must be a list of 1 to 9 nodes, not 0'],
	['ten nodes', nodes(...tenNodes), 'swarm.json: nodes: must be a list of 1 to 9 nodes, not 10'],
	[
		'a node that is a name',
		nodes('n1'),
		'swarm.json: nodes[0]: must be an object such as {"id": "n1", "port": 7101}, not "n1"',
	],
	['an id in capitals', nodes({ id: 'N1', port: 1 }), `swarm.json: nodes[0].id: ${ID}, not "N1"`],
	['an id that leaves the data folder', nodes({ id: '../x', port: 1 }), `swarm.json: nodes[0].id: ${ID}, not "../x"`],
	['a port in quotes', nodes(n1, { id: 'n2', port: '7102' }), `swarm.json: nodes[1].port: ${PORT}, not "7102"`],
	['a port too high', nodes({ id: 'n1', port: 65536 }), `swarm.json: nodes[0].port: ${PORT}, not 65536`],
	['port 0', nodes({ id: 'n1', port: 0 }), `swarm.json: nodes[0].port: ${PORT}, not 0`],
	['a fraction of a port', nodes({ id: 'n1', port: 1.5 }), `swarm.json: nodes[0].port: ${PORT}, not 1.5`],
	['no port', nodes({ id: 'n1' }), `swarm.json: nodes[0].port: is missing: it ${PORT}`],
	['a host with a scheme', nodes({ ...n1, host: 'http://a' }), `swarm.json: nodes[0].host: ${HOST}, not "http://a"`],
	['a host for all addresses', nodes({ ...n1, host: '0.0.0.0' }), `swarm.json: nodes[0].host: 0.0.0.0 ${ANY}`],
	['a host for all addresses of IPv6', nodes({ ...n1, host: '::' }), `swarm.json: nodes[0].host: :: ${ANY}`],
	['the same in more letters', nodes({ ...n1, host: '0:0:0:0:0:0:0:0' }), `swarm.json: nodes[0].host: :: ${ANY}`],
	['a host with a zone', nodes({ ...n1, host: 'fe80::1%e' }), `swarm.json: nodes[0].host: ${HOST}, not "fe80::1%e"`],
	...[
		'n1.example:8101',
		'ftp://n1.example',
		'http://n1.example/path',
		'http://n1.example?x',
		'http://user@n1.example',
		'http://0.0.0.0:8101',
		'http://[::]:8101',
		'http://n1.example:0',
		'http://',
		'http:n1.example',
	].map((advertise): [string, string, string] => [
		`an advertised address like ${advertise}`,
		nodes({ ...n1, advertise }),
		`swarm.json: nodes[0].advertise: ${ADVERTISE}, not "${advertise}"`,
	]),
	...[
		'',
		'http://a',
		'a/b',
		'a:0',
		'a:65536',
		'a:b',
		'a b',
		'*',
		'*.example',
		'fd00::7',
		'[fd00::7',
		'[::g]',
		'[fe80::1%eth0]',
		'10.1.2',
	].map((host): [string, string, string] => [
		`an allowed host like "${host}"`,
		swarm({ allowedHosts: ['a', host] }),
		`swarm.json: allowedHosts[1]: ${ALLOWED_HOST}, not "${host}"`,
	]),
	[
		'allowed hosts that are none',
		swarm({ allowedHosts: 'a' }),
		'swarm.json: allowedHosts: must be a list of at most 64 hosts, not "a"',
	],
	['half an address', nodes({ ...n1, host: '127.0.1' }), `swarm.json: nodes[0].host: ${HOST}, not "127.0.1"`],
	['an id twice', nodes(n1, { id: 'n1', port: 7102 }), 'swarm.json: nodes[1].id: "n1" is already the id of nodes[0]'],
	[
		'a port twice',
		nodes(n1, { id: 'n2', port: 7101 }),
		'swarm.json: nodes[1].port: 7101 is already the port of nodes[0] at the same host',
	],
	[
		'a port twice under two names of one host',
		nodes(n1, { id: 'n2', port: 7101, host: 'localhost' }),
		'swarm.json: nodes[1].port: 7101 is already the port of nodes[0] at the same host',
	],
	[
		'a port twice under two spellings of one address',
		nodes({ ...n1, host: 'fd00::7' }, { id: 'n2', port: 7101, host: 'FD00:0:0::0:7' }),
		'swarm.json: nodes[1].port: 7101 is already the port of nodes[0] at the same host',
	],
	[
		'two nodes that are reached at the same place',
		nodes(
			{ ...n1, host: '0.0.0.0', advertise: 'http://a:7101' },
			{ id: 'n2', port: 7101, host: '::', advertise: 'http://a:7101' },
		),
		'swarm.json: nodes[1].advertise: "http://a:7101" is already where nodes[0] is reached',
	],
	['a field misspelt', nodes({ ...n1, hots: 'a' }), 'swarm.json: nodes[0].hots: unknown field; did you mean "host"?'],
	[
		'a field of nobody',
		nodes({ ...n1, colour: 'a' }),
		'swarm.json: nodes[0].colour: unknown field; known are id, port, host, advertise',
	],
	[
		'a timing misspelt',
		swarm({ timings: { heartbeatMS: 5 } }),
		'swarm.json: timings.heartbeatMS: unknown field; did you mean "heartbeatMs"?',
	],
	['a timing of 0', swarm({ timings: { retryMs: 0 } }), `swarm.json: timings.retryMs: ${MS}, not 0`],
	['a timing with a unit', swarm({ timings: { retryMs: '5s' } }), `swarm.json: timings.retryMs: ${MS}, not "5s"`],
	[
		'an election shorter than its shortest',
		swarm({ timings: { electionMinMs: 600 } }),
		'swarm.json: timings.electionMinMs: must not be above electionMaxMs (500), not 600',
	],
	[
		'a heartbeat that is too slow for the elections',
		swarm({ timings: { heartbeatMs: 200 } }),
		'swarm.json: timings.heartbeatMs: must be at most half of electionMinMs (300), not 200',
	],
	[
		'a data folder that no folder can be',
		swarm({ dataDir: 'a\u0000' }),
		'swarm.json: dataDir: must be the path of a folder, not "a\\u0000"',
	],
	['a data folder without a name', swarm({ dataDir: '' }), 'swarm.json: dataDir: must be the path of a folder, not ""'],
];

describe('swarm.json', () => {
	it.each(REFUSED)('with %s is refused', (_, text, message) => {
		expect(refusal(text)).toBe(message);
	});

	it('with an address that is too long for a member is refused', () => {
		const long = 'a'.repeat(243);
		expect(refusal(nodes({ ...n1, host: long }))).toContain(`nodes[0].host: ${HOST}`);
		expect(refusal(nodes({ ...n1, advertise: `http://${long}.example:7101` }))).toContain(
			`nodes[0].advertise: ${ADVERTISE}`,
		);
		expect(refusal(nodes({ ...n1, host: long.slice(1) }))).toBe('accepted');
	});

	it('is refused with all of its errors at once', () => {
		const text = JSON.stringify({
			nodes: [
				{ id: 'a', port: 1 },
				{ id: 'a', prot: 2 },
			],
			timings: { x: 1 },
			nmae: 'x',
		});
		expect(refusal(text).split('\n')).toEqual([
			'swarm.json: 6 errors',
			expect.stringMatching(/^ {2}name: is missing/),
			expect.stringMatching(/^ {2}nodes\[1\]\.port: is missing/),
			'  nodes[1].prot: unknown field; did you mean "port"?',
			'  nodes[1].id: "a" is already the id of nodes[0]',
			expect.stringMatching(/^ {2}timings\.x: unknown field; known are electionMinMs, /),
			'  nmae: unknown field; did you mean "name"?',
		]);
	});

	it('needs no more than a name, ids and ports', () => {
		expect(parseSwarm(swarm({}), 'swarm.json')).toEqual({
			name: 'swarm',
			nodes: [{ id: 'n1', port: 7101, host: '127.0.0.1' }],
			timings: {
				electionMinMs: expect.any(Number),
				electionMaxMs: expect.any(Number),
				heartbeatMs: expect.any(Number),
				pollMaxMs: expect.any(Number),
				retryMs: expect.any(Number),
				backoffMinMs: expect.any(Number),
				backoffMaxMs: expect.any(Number),
				requestMs: expect.any(Number),
				sessionTtlMinMs: 10_000,
			},
			dataDir: 'data',
			logMiB: 32,
			allowedHosts: [],
			tokens: [],
		});
	});

	it('may have the same port at all addresses of several machines', () => {
		const machine = (id: string) => ({ id, port: 7101, host: '0.0.0.0', advertise: `http://${id}.example:7101` });
		expect(refusal(nodes(machine('n1'), machine('n2'), { ...machine('n3'), host: '::' }))).toBe('accepted');
	});

	it('has nodes that are reached by https where it names certificates', () => {
		const tls = { ca: 'a', cert: 'b', key: 'c' };
		const listed = [n1, { id: 'n2', port: 7102, host: '0.0.0.0', advertise: 'https://n2.example:7102' }];
		const parsed = parseSwarm(swarm({ nodes: listed, tls }), 'swarm.json').nodes;
		expect(parsed.map(urlOf)).toEqual(['https://127.0.0.1:7101', 'https://n2.example:7102']);
		expect(parsed.map(listenUrlOf)).toEqual(['https://127.0.0.1:7101', 'https://127.0.0.1:7102']);
		expect(parsed.map(dialOf)).toMatchObject([{ secure: true }, { host: 'n2.example', secure: true }]);
	});

	it('may say where others reach a node, apart from where it listens', () => {
		const text = nodes(
			{ ...n1, advertise: 'HTTPS://Swarm.Example:443/' },
			{ id: 'n2', port: 7102, host: '::1', advertise: 'http://10.1.2.3:8102' },
			{ id: 'n3', port: 7103, host: '0.0.0.0', advertise: 'https://[fd00::3]' },
			{ id: 'n4', port: 7104, host: '::', advertise: 'http://n4.example:9000' },
			{ id: 'n5', port: 7105, host: '::1' },
		);
		const parsed = parseSwarm(text, 'swarm.json').nodes;
		expect(parsed.map(urlOf)).toEqual([
			'https://swarm.example',
			'http://10.1.2.3:8102',
			'https://[fd00::3]',
			'http://n4.example:9000',
			'http://[::1]:7105',
		]);
		expect(parsed.map(listenUrlOf)).toEqual([
			'http://127.0.0.1:7101',
			'http://[::1]:7102',
			'http://127.0.0.1:7103',
			'http://[::1]:7104',
			'http://[::1]:7105',
		]);
		expect(parsed.map(dialOf)).toEqual([
			{ id: 'n1', host: '127.0.0.1', port: 7101, secure: false },
			{ id: 'n2', host: '::1', port: 7102, secure: false },
			{ id: 'n3', host: 'fd00::3', port: 443, secure: true },
			{ id: 'n4', host: 'n4.example', port: 9000, secure: false },
			{ id: 'n5', host: '::1', port: 7105, secure: false },
		]);
	});

	it('as committed names five nodes at the ports 7101 to 7105', () => {
		const committed = parseSwarm(readFileSync(new URL('../../swarm.json', import.meta.url), 'utf8'), 'swarm.json');
		expect(committed.nodes.map(({ id, port }) => `${id} ${port}`)).toEqual([
			'n1 7101',
			'n2 7102',
			'n3 7103',
			'n4 7104',
			'n5 7105',
		]);
	});

	it('has its schema committed for editors', () => {
		const committed: unknown = JSON.parse(
			readFileSync(new URL('../../server/swarm.schema.json', import.meta.url), 'utf8'),
		);
		expect(committed).toEqual(JSON.parse(JSON.stringify(swarmJsonSchema())));
	});
});
