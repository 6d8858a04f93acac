/** The links of nodes that run in one process. */
import { expect, test } from 'vitest';
import { type Linked, MemoryNetwork } from '../../server/embedding/memory-mesh.ts';

/** A replica that notes what becomes of its links. */
function listener(told: string[], id: string): Linked {
	return {
		reached: 0,
		remembered: () => 0,
		receive: () => undefined,
		traces: () => undefined,
		linkUp: (peer) => void told.push(`${id}: ${peer} up`),
		linkDown: (peer) => void told.push(`${id}: ${peer} down`),
	};
}

test('a node that is apart for less than a turn has its links ended before they are made again', async () => {
	const told: string[] = [];
	const network = new MemoryNetwork();
	const [n1] = ['n1', 'n2'].map((id) => network.add(id, () => listener(told, id)));
	network.link();
	expect(told.splice(0)).toEqual(['n1: n2 up', 'n2: n1 up']);
	n1?.part(true);
	n1?.part(false);
	await new Promise(setImmediate);
	await new Promise(setImmediate);
	expect(told).toEqual(['n1: n2 down', 'n2: n1 down', 'n1: n2 up', 'n2: n1 up']);
	expect(n1?.linked()).toEqual(['n2']);
});
