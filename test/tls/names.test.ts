/** Which nodes a certificate names, as Node.js writes its alternative names. */
import { describe, expect, it } from 'vitest';
import { namesIn, nodesIn, uriOf } from '../../server/tls/names.ts';

describe('the alternative names of a certificate', () => {
	it('are told apart by their kinds', () => {
		const text = 'URI:spiffe://swarm/node/n1, IP Address:127.0.0.1, DNS:n1.example';
		expect(namesIn(text)).toEqual([
			{ kind: 'URI', name: 'spiffe://swarm/node/n1' },
			{ kind: 'IP Address', name: '127.0.0.1' },
			{ kind: 'DNS', name: 'n1.example' },
		]);
		expect(nodesIn(text, 'swarm')).toEqual(['n1']);
		expect(nodesIn(text, 'swar')).toEqual([]);
	});

	it.each([
		['no names', undefined],
		['a client', `URI:${uriOf('swarm', 'client', 'n1')}`],
		['a node of another swarm', `URI:${uriOf('other', 'node', 'n1')}`],
		['the URI as a name of DNS', 'DNS:spiffe://swarm/node/n1'],
		['the URI within a quoted name', 'DNS:"a, URI:spiffe://swarm/node/n1, b"'],
		['the URI behind a quote that is escaped', 'DNS:"a\\", URI:spiffe://swarm/node/n1, \\"b"'],
		['the URI with its scheme in capitals', 'URI:SPIFFE://swarm/node/n1'],
	])('name no node where there is %s', (_, text) => {
		expect(nodesIn(text, 'swarm')).toEqual([]);
	});

	it('name nothing else than the whole rest of the URI', () => {
		expect(nodesIn('URI:spiffe://swarm/node/n1/x', 'swarm')).toEqual(['n1/x']);
	});
});
