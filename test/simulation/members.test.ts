/** What clients of a simulated swarm are told when its members change. */
import { expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeHello } from '../../shared/client/client-frame.ts';
import { readNodeFrame } from '../../shared/client/node-frame.ts';
import { USUAL_BOUNDS } from '../../shared/simulation/bounds.ts';
import { changeMembers } from '../../shared/simulation/changes.ts';
import { GOOD_LINK } from '../../shared/simulation/network.ts';
import type { SimulatedNode } from '../../shared/simulation/node.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { USUAL_SOCKETS } from '../../shared/simulation/socket-taste.ts';
import { World } from '../../shared/simulation/world.ts';

const TIMINGS = {
	electionMinMs: 300,
	electionMaxMs: 500,
	heartbeatMs: 75,
	pollMaxMs: 40,
	retryMs: 250,
	backoffMinMs: 5,
	backoffMaxMs: 500,
};

/** The members that a client of the node is told of, one list after the other, the first one with its welcome. */
function listen(world: World, { id, process }: SimulatedNode): string[] {
	const told: string[] = [];
	const connection = process?.clients?.connect(
		{
			unsentBytes: 0,
			send(frame) {
				for (const section of readNodeFrame(frame)) {
					if (section.kind === 'welcome' || section.kind === 'members') {
						told.push(section.members.map((member) => member.id).join(' '));
					}
				}
			},
			close: () => expect.fail('it is closed'),
			terminate: () => expect.fail('it is ended'),
		},
		`a client of ${id}`,
	);
	const hello = new Writer();
	writeHello(hello, `a client of ${id}`);
	connection?.receive(hello.take());
	world.run(world.now + US_PER_MS);
	return told;
}

it('every node tells its clients of a member that comes in, and of one that is removed', () => {
	const config = {
		openSlotsMax: 8,
		slotsAheadMax: 64,
		valueBytesMax: 16_384,
		messageBytesMax: 65_536,
		timings: TIMINGS,
	};
	const usual = { clocks: { spreadMs: 1, resolutionUs: 1 }, sockets: USUAL_SOCKETS, bounds: USUAL_BOUNDS };
	const world = new World({
		seed: 1,
		nodes: 3,
		spares: 1,
		links: GOOD_LINK,
		config,
		watched: false,
		canary: false,
		...usual,
	});
	const change = (what: 'add' | 'remove', which: number): void => {
		changeMembers({ kind: 'changeMembers', atMs: 0, what, which, timeoutMs: 3_000 }, world);
		world.run(world.now + 3_000 * US_PER_MS);
	};
	const indexOfLeader = () => world.nodes.findIndex(({ process }) => process?.agent.view().role === 'leader');
	world.start();
	world.run(3_000 * US_PER_MS);
	const told = world.nodes.slice(0, 3).map((node) => listen(world, node));
	change('add', 0);
	// Had it been refused to the one who asked, that would be noticed.
	expect(() => world.invariants.changeRefused(indexOfLeader(), 0)).toThrow('RefusedChangesAreNotChosen');
	for (const lists of told) expect(new Set(lists)).toEqual(new Set(['n1 n2 n3', 'n1 n2 n3 n4']));
	const leader = indexOfLeader();
	const other = (leader + 1) % 3;
	change('remove', other);
	const left = world.nodes.map(({ id }) => id).filter((_, index) => index !== other);
	expect(told[leader]?.at(-1)).toBe(left.join(' '));
});
