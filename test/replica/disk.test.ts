/** A disk that hangs or is full stops neither the swarm nor the work that the node can do without it. */
import { describe, expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeHello } from '../../shared/client/client-frame.ts';
import { type NodeSection, readNodeFrame } from '../../shared/client/node-frame.ts';
import { WRITE } from '../../shared/client/protocol.ts';
import type { LogRoom } from '../../shared/paxos/event.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import type { ClientConnection } from '../../shared/replica/client-connection.ts';
import { DISK_SILENT_MS, DiskWatch } from '../../shared/replica/disk-watch.ts';
import type { DoorSocket } from '../../shared/replica/port.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { USUAL_BOUNDS } from '../../shared/simulation/bounds.ts';
import { USUAL_CLOCKS } from '../../shared/simulation/clock.ts';
import { GOOD_LINK } from '../../shared/simulation/network.ts';
import type { SimulatedNode } from '../../shared/simulation/node.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { USUAL_SOCKETS } from '../../shared/simulation/socket-taste.ts';
import { World } from '../../shared/simulation/world.ts';
import { encodeCommand } from '../../shared/store/command.ts';

const TIMINGS = {
	electionMinMs: 300,
	electionMaxMs: 500,
	heartbeatMs: 75,
	pollMaxMs: 40,
	retryMs: 250,
	backoffMinMs: 5,
	backoffMaxMs: 500,
};
const HANG_AT_MS = 3_000;
const HANG_MS = 40_000;
const PUT_EVERY_MS = 20;
const PUT_TIMEOUT_MS = 1_000;
const WAITING_RECORDS_MAX = 100;
/** The bytes that one turn may add when the log is about to take no more. */
const RECORDS_OF_A_TURN_MAX = 64;
/** What is claimed holds whichever node leads, and whatever its disk is asked before it hangs. */
const SEEDS = [1, 4, 9, 15];

describe.each(SEEDS)('the disk of a leader that hangs for 40 seconds, seed %i', (seed) => {
	const swarm = hungLeader(WAITING_RECORDS_MAX, seed);

	it('is told of, and the node is not ready until it answers', () => {
		expect(swarm.faultsWhile(HANG_AT_MS, HANG_AT_MS + DISK_SILENT_MS)).toEqual(new Set([null]));
		expect(swarm.faultsWhile(HANG_AT_MS + 2 * DISK_SILENT_MS + 100, HANG_AT_MS + HANG_MS)).not.toContain(null);
		expect(swarm.faultsWhile(HANG_AT_MS + HANG_MS + 1_000, swarm.endMs)).toEqual(new Set([null]));
		expect(swarm.world.counters.disksSilent).toBe(2);
	});

	it('does not fill the memory', () => {
		expect(swarm.waitingRecordsMost).toBeGreaterThan(WAITING_RECORDS_MAX / 2);
		expect(swarm.waitingRecordsMost).toBeLessThanOrEqual(WAITING_RECORDS_MAX + RECORDS_OF_A_TURN_MAX);
	});

	it('ends its leadership, and the others go on', () => {
		const answers = swarm.answersOf((node, ms) => node !== swarm.hung && ms > HANG_AT_MS + 10_000);
		expect(answers.length).toBeGreaterThan(1_000);
		expect(new Set(answers.map((answer) => answer?.outcome))).toEqual(new Set(['chosen']));
		expect(swarm.world.counters.nodesAloneForTheirDisk).toBe(1);
	});

	it('leaves no write at its own node without an answer, and says of what it did not take that it is not applied', () => {
		const during = swarm.answersOf(
			(node, ms) => node === swarm.hung && ms > HANG_AT_MS + 10_000 && ms < HANG_AT_MS + HANG_MS - PUT_TIMEOUT_MS,
		);
		expect(during.length).toBeGreaterThan(200);
		expect(new Set(during.map((answer) => answer?.outcome))).toEqual(new Set(['refused']));
		expect(swarm.answersOf(() => true)).not.toContain(undefined);
		const after = swarm.answersOf((node, ms) => node === swarm.hung && ms > HANG_AT_MS + HANG_MS + 5_000);
		expect(new Set(after.map((answer) => answer?.outcome))).toEqual(new Set(['chosen']));
	});

	it('leaves nothing behind, and the same state at every node', () => {
		const nodes = swarm.world.nodes.map(({ process }) => process);
		expect(new Set(nodes.map((node) => node?.replica.appliedThrough)).size).toBe(1);
		for (const node of nodes) {
			expect(Object.values(node?.replica.unfinished ?? {}).every((count) => count === 0)).toBe(true);
			expect(node?.store.save()).toEqual(nodes[0]?.store.save());
		}
	});
});

describe.each(SEEDS)('a disk that hangs while little waits for it, seed %i', (seed) => {
	it('is told of, and the leader stays one: a quorum of others is enough', () => {
		const swarm = hungLeader(Number.POSITIVE_INFINITY, seed);
		expect(swarm.world.counters.disksSilent).toBe(1);
		expect(swarm.world.counters.nodesAloneForTheirDisk).toBe(0);
		const answers = swarm.answersOf(() => true);
		expect(new Set(answers.map((answer) => answer?.outcome))).toEqual(new Set(['chosen']));
	});
});

describe.each(SEEDS)('a node whose log takes no values, seed %i', (seed) => {
	it('takes no write in at any door, and nothing of one has left', () => {
		const { world, hung } = hungLeader(Number.POSITIVE_INFINITY, seed);
		const replica = hung.process?.replica;
		hung.waitingRecordsMax = 0;
		const answers: SubmitAnswer[] = [];
		const options = { route: 'leader', contest: 0, timeoutMs: 100 } as const;
		replica?.submit({ kind: 'delete', key: 'a', cas: null }, options, (answer) => answers.push(answer));
		expect(answers).toMatchObject([{ outcome: 'refused', why: 'diskBehind' }]);
		expect(replica?.unfinished['proposals in the table']).toBe(0);
		hung.waitingRecordsMax = 1_000;
		replica?.submit({ kind: 'delete', key: 'a', cas: null }, options, (answer) => answers.push(answer));
		world.run(world.now + 100 * US_PER_MS);
		expect(answers[1]).toMatchObject({ outcome: 'chosen' });
	});

	it('tells a client at its door what is wrong with the disk, by name', () => {
		const { world, hung } = hungLeader(Number.POSITIVE_INFINITY, seed);
		const { replica } = hung.process ?? {};
		if (!replica) throw new Error('it does not run');
		const refused: NodeSection[] = [];
		const socket: DoorSocket = {
			unsentBytes: 0,
			send: (frame) => refused.push(...readNodeFrame(frame).filter(({ kind }) => kind === 'refused')),
			close: () => undefined,
			terminate: () => undefined,
		};
		const connection = hung.process?.clients?.connect(socket, 'a client') as ClientConnection;
		const hello = new Writer();
		writeHello(hello, 'c');
		connection.receive(hello.take());
		let sequence = 0;
		const put = () => {
			const identity = { client: 'c', sequence: ++sequence, receivedThrough: 0 };
			const operation = { kind: 'put', key: 'a', value: Uint8Array.of(0), flags: 0n, cas: null } as const;
			const write = new Writer();
			write.u8(WRITE);
			write.raw(encodeCommand(identity, operation));
			connection.receive(write.take());
			world.run(world.now + 100 * US_PER_MS);
		};
		hung.waitingRecordsMax = 0;
		put();
		replica.lacksRoom('no space left on device');
		put();
		hung.waitingRecordsMax = 1_000;
		put();
		replica.lacksRoom(null);
		put();
		const told = { kind: 'refused', what: 'write', count: 1, mayHaveLeft: false };
		expect(refused).toMatchObject([
			{ ...told, first: 1, why: 'diskBehind' },
			{ ...told, first: 2, why: 'diskFull' },
			{ ...told, first: 3, why: 'diskFull' },
		]);
	});

	it('keeps its links, hears all messages, and has no value of another node in its memory', () => {
		const { world, hung, other } = hungLeader(Number.POSITIVE_INFINITY, seed);
		const { replica } = hung.process ?? {};
		if (!replica) throw new Error('it does not run');
		const fetch: Message = { kind: 'fetch', from: 1 };
		const forward: Message = {
			kind: 'forward',
			origin: other.id,
			epoch: 1,
			id: 1,
			settledThrough: 0,
			value: batchValue(Uint8Array.of(1)),
		};
		const linksBefore = world.counters.linksLost;
		const events = hearing(hung);
		hung.waitingRecordsMax = 0;
		replica.receive(other.id, [fetch, forward, fetch], 0);
		replica.turn();
		expect(events()).toEqual(['fetch', 'forward', 'fetch']);
		expect(hung.process?.agent.view()).toMatchObject({ queuedCount: 0, openSlotsCount: 0 });
		expect(world.counters.linksLost).toBe(linksBefore);
		expect(replica.peers().every(({ linked }) => linked)).toBe(true);
	});
});

describe.each(SEEDS)('disks that are all full, seed %i', (seed) => {
	const swarm = fullDisks(seed);

	it('do not keep the nodes from linearizable reads, under one leader', () => {
		const { reads, leaders } = swarm;
		expect(reads.before.length).toBe(1_200);
		expect(reads.before.filter(({ isUpToDate }) => isUpToDate).length).toBeGreaterThanOrEqual(800);
		expect(reads.before.filter(({ isUpToDate, isConfirmed }) => isUpToDate && !isConfirmed)).toEqual([]);
		expect(leaders.size).toBe(1);
	});

	it('do not keep them from it when the leader is gone, with slots that it left undecided', () => {
		const { reads } = swarm;
		expect(reads.after.length).toBe(1_200);
		expect(reads.after.filter(({ isUpToDate }) => isUpToDate).length).toBeGreaterThanOrEqual(800);
		expect(reads.after.filter(({ isUpToDate, isConfirmed }) => isUpToDate && !isConfirmed)).toEqual([]);
	});

	it('keep each write from being taken in, which is refused and not unknown', () => {
		expect(swarm.writes.whileFull.length).toBeGreaterThan(100);
		expect(new Set(swarm.writes.whileFull.map((answer) => answer?.outcome))).toEqual(new Set(['refused']));
	});

	it('take writes again when there is room, and the nodes have one state', () => {
		expect(new Set(swarm.writes.afterwards.map((answer) => answer?.outcome))).toEqual(new Set(['chosen']));
		const stores = swarm.world.nodes.map(({ process }) => process?.store.save());
		expect(stores).toEqual(stores.map(() => stores[0]));
	});
});

describe('a disk that is watched', () => {
	it('is not called silent while it works, however much waits, and is asked after only while something does', () => {
		const { watch, log, told, timers } = watched();
		watch.waits();
		watch.waits();
		expect(timers).toEqual([DISK_SILENT_MS]);
		log.durableThrough++;
		watch.fire(true);
		log.durableThrough++;
		watch.fire(true);
		expect(told).toEqual([]);
		watch.fire(false);
		expect(timers).toHaveLength(3);
		expect(watch.fault).toBe(null);
	});

	it('leaves the others alone only when no more may wait, and until all has been written or there is place', () => {
		const { watch, log, told, isolated } = watched();
		watch.waits();
		watch.fire(true);
		expect(isolated).toEqual([]);
		log.room = 'promises';
		watch.fire(true);
		watch.fire(true);
		expect(isolated).toEqual([true]);
		watch.durable(true);
		expect(isolated).toEqual([true]);
		expect(watch.fault).not.toBe(null);
		watch.durable(false);
		expect(isolated).toEqual([true, false]);
		expect(watch.fault).toBe(null);
		expect(told).toEqual(['hangs', 'hangs', 'answers']);
	});
});

describe('a disk that hung for so long that its node made no links, and then has no room', () => {
	it.each(SEEDS)('has answered, and its node has links and answers reads again, seed %i', (seed) => {
		const world = swarmOf(seed);
		world.start();
		const run = (ms: number): void => world.run(world.now + ms * US_PER_MS);
		run(1_000);
		const hung = world.nodes.find(({ process }) => process?.agent.view().role !== 'leader');
		const replica = hung?.process?.replica;
		if (!hung || !replica) throw new Error('all lead');
		hung.disk.hang(60_000 * US_PER_MS);
		hung.waitingRecordsMax = 1;
		replica.submit(
			{ kind: 'delete', key: 'a', cas: null },
			{ route: 'leader', contest: 0, timeoutMs: 100 },
			() => undefined,
		);
		run(4 * DISK_SILENT_MS);
		expect(replica.view()).toMatchObject({ linked: [] });
		replica.lacksRoom('no space left on device');
		run(1_000);
		expect(replica.view()).toMatchObject({ linked: [expect.anything(), expect.anything()], diskFault: null });
		const confirmed: boolean[] = [];
		replica.whenConfirmed(PUT_TIMEOUT_MS, (isConfirmed) => confirmed.push(isConfirmed));
		run(PUT_TIMEOUT_MS);
		expect(confirmed).toEqual([true]);
	});
});

function watched() {
	const log = { durableThrough: 0, room: 'everything' as LogRoom };
	const told: string[] = [];
	const timers: number[] = [];
	const isolated: boolean[] = [];
	const watch = new DiskWatch(log, {
		nowMs: () => 0,
		setTimer: (afterMs) => timers.push(afterMs),
		isolate: (isAlone) => isolated.push(isAlone),
		told: (what) => told.push(what),
	});
	return { watch, log, told, timers, isolated };
}

/** Notes the messages that reach its agent from now on. */
function hearing({ process }: SimulatedNode): () => string[] {
	const heard: string[] = [];
	const agent = process?.agent;
	if (!agent) throw new Error('it does not run');
	const step = agent.step.bind(agent);
	agent.step = (event, nowMs) => {
		if (event.kind === 'receive' && event.from !== process?.node.id) heard.push(event.message.kind);
		return step(event, nowMs);
	};
	return () => heard;
}

function swarmOf(seed: number): World {
	const config = {
		openSlotsMax: 8,
		slotsAheadMax: 1024,
		valueBytesMax: 16 * 1024,
		messageBytesMax: 64 * 1024,
		timings: TIMINGS,
	};
	return new World({
		seed,
		nodes: 3,
		links: GOOD_LINK,
		config,
		clocks: USUAL_CLOCKS,
		sockets: USUAL_SOCKETS,
		bounds: USUAL_BOUNDS,
		watched: false,
		canary: false,
	});
}

/** Three nodes with writes at all of them all the time, and the disk of the leader hangs. */
function hungLeader(waitingRecordsMax: number, seed: number) {
	const world = swarmOf(seed);
	world.start();
	world.run(1_000 * US_PER_MS);
	const hung = world.nodes.find(({ process }) => process?.agent.view().role === 'leader');
	const other = world.nodes.find((node) => node !== hung);
	if (!hung || !other) throw new Error('nobody leads');
	hung.waitingRecordsMax = waitingRecordsMax;
	const endMs = HANG_AT_MS + HANG_MS + 10_000;
	const puts: { readonly node: SimulatedNode; readonly atMs: number; answer: SubmitAnswer | undefined }[] = [];
	const faults: { readonly atMs: number; readonly fault: string | null }[] = [];
	let waitingRecordsMost = 0;
	for (let atMs = 1_000; atMs < endMs - 2 * PUT_TIMEOUT_MS; atMs += PUT_EVERY_MS) {
		world.at(atMs * US_PER_MS, () => {
			const node = world.nodes[puts.length % world.nodes.length] as SimulatedNode;
			const put = { node, atMs, answer: undefined as SubmitAnswer | undefined };
			puts.push(put);
			// The world distinguishes writes by their numbers.
			const number = new Writer();
			number.int(puts.length);
			const operation = { kind: 'put', key: `${atMs % 10}`, value: number.take(), flags: 0n, cas: null } as const;
			node.process?.replica.submit(operation, { route: 'leader', contest: 0, timeoutMs: PUT_TIMEOUT_MS }, (answer) => {
				put.answer = answer;
			});
		});
	}
	for (let atMs = 1_000; atMs < endMs; atMs += 50) {
		world.at(atMs * US_PER_MS, () => {
			faults.push({ atMs, fault: hung.process?.replica.view().diskFault ?? null });
			// When the disk answers again, the node fetches what it has missed: more in a turn than it is sent otherwise.
			if (atMs < HANG_AT_MS + HANG_MS) {
				waitingRecordsMost = Math.max(waitingRecordsMost, world.ledger.waitingCount(hung.index));
			}
		});
	}
	world.at(HANG_AT_MS * US_PER_MS, () => hung.disk.hang(HANG_MS * US_PER_MS));
	world.run(endMs * US_PER_MS);
	return {
		world,
		hung,
		other,
		endMs,
		waitingRecordsMost,
		answersOf: (which: (node: SimulatedNode, atMs: number) => boolean) =>
			puts.filter(({ node, atMs }) => which(node, atMs)).map(({ answer }) => answer),
		faultsWhile: (fromMs: number, toMs: number) =>
			new Set(faults.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ fault }) => fault)),
	};
}

/**
 * Three nodes with writes and reads at all of them all the time. The disks of the followers are full from a moment on, so
 * that the leader has proposed what they do not take, and then its own is. Later the leader crashes and comes back. In
 * the end there is room.
 */
function fullDisks(seed: number) {
	const world = swarmOf(seed);
	world.start();
	world.run(1_000 * US_PER_MS);
	const leader = (): SimulatedNode | undefined =>
		world.nodes.find(({ process }) => process?.agent.view().role === 'leader');
	const first = leader();
	if (!first) throw new Error('nobody leads');
	const isRefusing = (node: SimulatedNode): boolean => node.process?.replica.submissions.refusal(0)?.why === 'diskFull';
	const put = (count: number, bytes: number, node: SimulatedNode, answered: (answer: SubmitAnswer) => void): void => {
		const number = new Writer();
		number.int(count);
		number.raw(new Uint8Array(bytes));
		const operation = { kind: 'put', key: `${count % 10}`, value: number.take(), flags: 0n, cas: null } as const;
		const options = { route: 'leader', contest: 0, timeoutMs: PUT_TIMEOUT_MS } as const;
		node.process?.replica.submit(operation, options, answered);
	};
	const leaders = new Set<number>();
	const reads = { before: [] as Read[], after: [] as Read[] };
	const writes = { whileFull: [] as (SubmitAnswer | undefined)[], afterwards: [] as (SubmitAnswer | undefined)[] };
	/** The revision that the leader had when all disks were full. */
	let chosenThrough = 0;
	let puts = 0;
	const read = (into: Read[]): void => {
		for (const node of world.nodes) {
			const { process } = node;
			if (!process) continue;
			const isUpToDate = process.replica.appliedThrough >= chosenThrough;
			const one: Read = { isUpToDate, isConfirmed: false };
			into.push(one);
			process.replica.whenConfirmed(PUT_TIMEOUT_MS, (isConfirmed) => {
				one.isConfirmed = isConfirmed;
			});
		}
	};
	const run = (ms: number): void => world.run(world.now + ms * US_PER_MS);

	// The leader has room, and goes on until it hears that the others have none.
	const followers = world.nodes.filter((node) => node !== first);
	for (const node of followers) node.disk.freeBytes = 0;
	for (let turn = 0; turn < 100; turn++) {
		for (const node of world.nodes) put(++puts, 4_000, node, () => undefined);
		run(20);
	}
	if (!followers.every(isRefusing)) throw new Error('a disk is not full');
	first.disk.freeBytes = 0;
	run(2 * PUT_TIMEOUT_MS);
	chosenThrough = first.process?.agent.view().chosenThrough ?? 0;
	leaders.add(leader()?.index ?? -1);
	for (let turn = 0; turn < 400; turn++) {
		read(reads.before);
		for (const node of world.nodes) {
			put(++puts, 100, node, (answer) => writes.whileFull.push(answer));
		}
		run(20);
		leaders.add(leader()?.index ?? -1);
	}
	run(2 * PUT_TIMEOUT_MS);
	const crashed = leader() ?? first;
	world.crash(crashed);
	world.restartAfter(crashed, 1_000);
	run(5_000);
	for (let turn = 0; turn < 400; turn++) {
		read(reads.after);
		run(20);
	}
	run(2 * PUT_TIMEOUT_MS);
	for (const node of world.nodes) node.disk.freeBytes = Number.POSITIVE_INFINITY;
	run(5_000);
	for (let turn = 0; turn < 50; turn++) {
		for (const node of world.nodes) put(++puts, 100, node, (answer) => writes.afterwards.push(answer));
		run(20);
	}
	run(2 * PUT_TIMEOUT_MS);
	return { world, reads, writes, leaders, first, chosenThrough };
}

interface Read {
	/** Whether its node had applied all that was ever chosen. */
	readonly isUpToDate: boolean;
	isConfirmed: boolean;
}
