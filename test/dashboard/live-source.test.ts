/** The live source finds the members that come in, and lets go of those that left, against socket.io servers on loopback. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LiveSource } from '../../dashboard/live/live-source.ts';
import { type FakeFeed, startFakeFeed } from './fake-feed.ts';

let feed: FakeFeed;
let source: LiveSource;
let told: string[];
let heard: () => void;

beforeEach(async () => {
	feed = await startFakeFeed(3);
	feed.swarm.campaign('n2', 'noLeader');
	told = [];
	heard = () => undefined;
	vi.stubGlobal('location', { origin: feed.members[0]?.url });
	vi.stubGlobal('document', new EventTarget());
	source = new LiveSource();
	const tell = (line: string) => {
		told.push(line);
		heard();
	};
	source.start({
		begin: () => undefined,
		moved: () => undefined,
		entry: (node) => tell(`entry ${node}`),
		recalled: (past) => tell(`recalled ${past.length} of ${[...new Set(past.map(({ node }) => node))]}`),
		snapshot: (node, { swarm }) => tell(`snapshot ${node} of ${swarm.members.map(({ id }) => id)}`),
		batch: (node, { facts }) => {
			if (facts.some(({ kind }) => kind === 'members')) source.resync(node);
		},
		lost: (node) => tell(`lost ${node}`),
		refused: (node) => tell(`refused ${node}`),
		newer: (node) => tell(`newer ${node}`),
		replayed: () => undefined,
		shows: () => undefined,
	});
	for (const { id } of feed.members) await line(`snapshot ${id} of n1,n2,n3`);
});
afterEach(async () => {
	source.stop();
	await feed.close();
	vi.unstubAllGlobals();
});

/** Waits until this was told after what was awaited before. */
async function line(expected: string): Promise<void> {
	while (!told.includes(expected)) {
		await new Promise<void>((resolve) => {
			heard = resolve;
		});
	}
	told.splice(told.indexOf(expected), 1);
}

const put = { key: 'color', value: 'red', route: 'leader', contest: 0 } as const;

test('the page’s own node is named, and every member is heard', async () => {
	await line('entry n1');
	expect(await source.propose('n3', put)).toMatchObject({ outcome: 'chosen' });
});

test('a member that comes in is heard as soon as a change names it', async () => {
	const n4 = await feed.join('n4');
	expect(await source.propose('n4', put)).toMatchObject({ outcome: 'refused', why: 'n4 is not known' });
	feed.swarm.change([...feed.swarm.members, n4]);
	await line('snapshot n4 of n1,n2,n3,n4');
	expect(await source.propose('n4', put)).toMatchObject({ outcome: 'chosen' });
});

test('a member that left is heard until it stops, and is then not looked for', async () => {
	feed.swarm.change(feed.swarm.members.filter(({ id }) => id !== 'n1'));
	feed.swarm.fill();
	source.resync('n2');
	await line('snapshot n2 of n2,n3');
	feed.kill('n1');
	await line('lost n1');
	expect(await source.propose('n1', put)).toMatchObject({ outcome: 'refused', why: 'n1 is not known' });
	expect(await source.propose('n3', put)).toMatchObject({ outcome: 'chosen' });
});

test('the address of a member may be answered by a new disk, which is heard as itself, and by one connection', async () => {
	feed.newDisk('n3', 'n3~k2xp7');
	await line('lost n3');
	await line('snapshot n3~k2xp7 of n1,n2,n3');
	const learner = { id: 'n3~k2xp7', url: feed.members[2]?.url ?? '', isVoter: false, replaces: 'n3' };
	feed.swarm.change([...feed.swarm.members, learner]);
	await line('snapshot n1 of n1,n2,n3,n3~k2xp7');
	feed.swarm.fill();
	feed.swarm.change([...feed.swarm.members.slice(0, 2), { ...learner, isVoter: true, replaces: null }]);
	feed.swarm.fill();
	source.resync('n3~k2xp7');
	await line('snapshot n3~k2xp7 of n1,n2,n3~k2xp7');
	expect(told.filter((one) => one === 'snapshot n3~k2xp7 of n1,n2,n3' || one.startsWith('lost'))).toEqual([]);
	expect(await source.propose('n3~k2xp7', put)).toMatchObject({ outcome: 'chosen' });
});

test('a node that came in behind the page’s back, at an address that the page may not reach, is not tried for ever', async () => {
	const n4 = await feed.join('n4');
	feed.swarm.change([...feed.swarm.members, n4]);
	await line('snapshot n4 of n1,n2,n3,n4');
	const blocked = Object.assign(new Event('securitypolicyviolation'), { blockedURI: n4.url.replace('http', 'ws') });
	document.dispatchEvent(blocked);
	await line('newer n4');
	expect(await source.propose('n4', put)).toMatchObject({ outcome: 'refused', why: 'this node does not answer' });
});
