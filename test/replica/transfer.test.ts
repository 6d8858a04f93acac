/** The way of a snapshot from one node to another, over links that break and disks that are slow or full. */
import { beforeEach, describe, expect, it } from 'vitest';
import { NoRoomError } from '../../shared/disk/disk.ts';
import { firstMembers } from '../../shared/paxos/members.ts';
import type { Message } from '../../shared/paxos/message.ts';
import type { Restored } from '../../shared/replica/restore.ts';
import { SNAPSHOT_PAUSE, Snapshots } from '../../shared/replica/snapshots.ts';
import { Transfer } from '../../shared/replica/transfer.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import { StoreRestore } from '../../shared/store/restore.ts';
import type { Store } from '../../shared/store/store.ts';
import { FakeSnapshotLog, SWARM } from './fake-snapshot-log.ts';
import { put, storeOf } from './stores.ts';

const LIMITS = { logBytesMin: 0, keptFactor: 4, partBytes: 200, sentBytes: 300 };

/** A node with its transfer, whose messages the test carries. */
class Node {
	readonly log = new FakeSnapshotLog();
	readonly sent: { to: string; message: Message }[] = [];
	readonly told: string[] = [];
	readonly linked = new Set(['n1', 'n2', 'n3']);
	readonly transfer: Transfer;
	nowMs = 0;
	applied = 0;
	finishesOwn = false;
	received: { through: number; restored: Restored } | null = null;

	constructor(readonly id: string) {
		this.transfer = new Transfer(
			this.log,
			{ swarm: SWARM, restore: () => new StoreRestore(), limits: LIMITS },
			{
				nowMs: () => this.nowMs,
				setTimer: () => undefined,
				linked: () => [...this.linked].filter((peer) => peer !== this.id),
				send: (to, message) => this.sent.push({ to, message }),
				appliedThrough: () => this.applied,
				isFinishingOwn: () => this.finishesOwn,
				receiving: () => undefined,
				received: (through, restored) => {
					this.received = { through, restored };
				},
				report: (what) => this.told.push(what),
			},
		);
	}

	/** It writes a snapshot of `store`. */
	snapshotOf(store: Store, through: number): void {
		const runtime = {
			nowMs: () => 0,
			setTimer: () => undefined,
			setPartTimer: () => snapshots.writeNext(),
			appliedThrough: () => through,
			members: () => MEMBERS,
			neededAbove: () => 0,
			isReceiving: () => false,
			isSending: () => false,
			trimmed: () => undefined,
			report: () => undefined,
		};
		const snapshots: Snapshots = new Snapshots(store, this.log, SWARM, LIMITS, runtime);
		this.log.bytes = Number.MAX_SAFE_INTEGER;
		snapshots.fire();
		this.log.answer();
	}

	hear(from: string, message: Message): void {
		if (message.kind === 'snapshotAsk') this.transfer.asked(from, message);
		else if (message.kind === 'snapshotPart') this.transfer.part(from, message);
	}
}

const MEMBERS = firstMembers(votersNamed(['n1', 'n2', 'n3']));

let sender: Node;
let other: Node;
let receiver: Node;
let store: Store;

beforeEach(() => {
	[sender, other, receiver] = ['n1', 'n2', 'n3'].map((id) => new Node(id)) as [Node, Node, Node];
	store = storeOf(60);
	for (const node of [sender, other]) node.snapshotOf(store, 61);
});

/** The store in the snapshot that the receiver was handed. */
function received(): Store {
	return receiver.received?.restored.machine as Store;
}

/** Carries messages and answers disks until nothing moves. @param parts so many parts arrive, and the next one is lost */
function carry(parts = Number.POSITIVE_INFINITY): number {
	let arrived = 0;
	for (;;) {
		const envelopes = [sender, other, receiver].flatMap((node) =>
			node.sent.splice(0).map((envelope) => ({ from: node.id, ...envelope })),
		);
		if (envelopes.length === 0) return arrived;
		for (const { from, to, message } of envelopes) {
			if (message.kind === 'snapshotPart' && ++arrived > parts) return parts;
			const node = [sender, other, receiver].find(({ id }) => id === to) as Node;
			node.hear(from, message);
		}
		for (const node of [sender, other, receiver]) node.log.answer();
	}
}

describe('a snapshot on its way', () => {
	it('begins to come once the own one is that of the log, where it was just becoming that', () => {
		receiver.finishesOwn = true;
		receiver.transfer.lacks('n1');
		expect([carry(), receiver.transfer.isReceiving]).toEqual([0, false]);
		receiver.finishesOwn = false;
		receiver.transfer.lacks('n1');
		expect(carry()).toBeGreaterThan(0);
		expect(receiver.received?.through).toBe(61);
	});

	it('is not asked for before the disk can take it, so no sender is waited for in vain', () => {
		receiver.log.durableThrough = -1;
		receiver.transfer.lacks('n1');
		expect([carry(), receiver.transfer.isReceiving]).toEqual([0, false]);
		receiver.log.durableThrough = 0;
		receiver.transfer.lacks('n1');
		expect(carry()).toBeGreaterThan(0);
		expect(receiver.received?.through).toBe(61);
	});

	it('comes whole, is durable where it arrives, and is handed over once', () => {
		receiver.transfer.lacks('n1');
		expect(carry()).toBeGreaterThan(5);
		expect(receiver.log.file).toEqual(sender.log.file);
		expect(receiver.received?.through).toBe(61);
		expect(received().save()).toEqual(store.save());
		expect(receiver.transfer.isReceiving).toBe(false);
	});

	it('is not handed over before it is durable', () => {
		receiver.transfer.lacks('n1');
		const parts = Math.ceil(sender.log.file.length / LIMITS.sentBytes);
		carry(parts - 1);
		receiver.transfer.linkUp('n1');
		const [ask] = receiver.sent.splice(0) as [(typeof receiver.sent)[number]];
		sender.hear('n3', ask.message);
		sender.log.answer();
		const [part] = sender.sent.splice(0) as [(typeof sender.sent)[number]];
		receiver.hear('n1', part.message);
		expect(receiver.received).toBeNull();
		receiver.log.answer();
		expect(receiver.received).not.toBeNull();
	});

	it('goes on at the byte where a link broke', () => {
		receiver.transfer.lacks('n1');
		carry(3);
		receiver.transfer.linkUp('n1');
		expect(receiver.sent.at(-1)?.message).toEqual({ kind: 'snapshotAsk', through: 61, offset: 3 * LIMITS.sentBytes });
		carry();
		expect(received().save()).toEqual(store.save());
	});

	it('goes on at another node that has the same snapshot, where the first is gone', () => {
		receiver.transfer.lacks('n1');
		carry(3);
		receiver.transfer.lacks('n2');
		expect(receiver.sent).toEqual([]);
		receiver.linked.delete('n1');
		receiver.transfer.lacks('n2');
		carry();
		expect(received().save()).toEqual(store.save());
		expect(other.told).toEqual(['sending']);
	});

	it('begins again where the sender has a newer one', () => {
		receiver.transfer.lacks('n1');
		carry(3);
		put(store, 62, 'more');
		sender.snapshotOf(store, 62);
		receiver.transfer.linkUp('n1');
		carry();
		expect(receiver.received?.through).toBe(62);
		expect(received().save()).toEqual(store.save());
		expect(receiver.log.writing).toEqual([]);
	});

	it('begins again at once where a newer one has taken its place while a part of it was read', () => {
		receiver.transfer.lacks('n1');
		carry(3);
		receiver.transfer.linkUp('n1');
		const [ask] = receiver.sent.splice(0) as [(typeof receiver.sent)[number]];
		sender.hear('n3', ask.message);
		put(store, 62, 'more');
		other.snapshotOf(store, 62);
		Object.assign(sender.log, { snapshot: other.log.snapshot, file: other.log.file });
		sender.log.answer();
		carry();
		expect(receiver.received?.through).toBe(62);
		expect(received().save()).toEqual(store.save());
	});

	it('is given up when its sender is silent, and another node is asked', () => {
		receiver.transfer.lacks('n1');
		carry(3);
		receiver.transfer.fire();
		expect(receiver.transfer.isReceiving).toBe(true);
		receiver.transfer.fire();
		expect(receiver.transfer.isReceiving).toBe(false);
		expect(receiver.log.writing).toEqual([]);
		expect(receiver.told.at(-1)).toBe('abandoned');
		receiver.transfer.lacks('n2');
		carry();
		expect(receiver.received?.through).toBe(61);
	});

	it('is given up when the slots have come by another way', () => {
		receiver.transfer.lacks('n1');
		carry(3);
		receiver.applied = 61;
		receiver.transfer.linkUp('n1');
		carry();
		expect(receiver.received).toBeNull();
		expect(receiver.log.writing).toEqual([]);
	});

	it('is given up when the disk has no room for it', () => {
		receiver.transfer.lacks('n1');
		receiver.log.error = new NoRoomError('the disk is full');
		carry();
		expect(receiver.received).toBeNull();
		expect(receiver.told).toEqual(['receiving', 'abandoned']);
		expect(receiver.log.writing).toEqual([]);
	});

	it('is asked for again only after a pause where the disk had no room for it', () => {
		receiver.transfer.lacks('n1');
		receiver.log.error = new NoRoomError('the disk is full');
		carry();
		receiver.nowMs = SNAPSHOT_PAUSE.firstMs - 1;
		receiver.transfer.lacks('n1');
		expect(receiver.sent).toEqual([]);
		receiver.nowMs++;
		receiver.transfer.lacks('n1');
		carry();
		expect(received().save()).toEqual(store.save());
	});

	it.each([0, 9, 400, 2000])('is given up, and never taken over, where byte %i is another one', (at) => {
		sender.log.file[at] = (sender.log.file[at] as number) ^ 1;
		receiver.transfer.lacks('n1');
		carry();
		expect(receiver.received).toBeNull();
		expect(receiver.told).toEqual(['receiving', 'abandoned']);
	});

	it.each([
		['is damaged', () => carry()],
		[
			'does not come',
			() => {
				receiver.transfer.fire();
				receiver.transfer.fire();
				receiver.sent.length = 0;
			},
		],
	])('that %s is asked for again after a pause that doubles, and that of another node meanwhile', (_, fails) => {
		sender.log.file[400] = (sender.log.file[400] as number) ^ 1;
		receiver.linked.delete('n2');
		for (const [ms, count] of [
			[0, 1],
			[1, 0],
			[SNAPSHOT_PAUSE.firstMs, 1],
			[3 * SNAPSHOT_PAUSE.firstMs - 1, 0],
		] as const) {
			receiver.nowMs = ms;
			receiver.transfer.lacks('n1');
			expect(receiver.sent).toHaveLength(count);
			if (count > 0) fails();
			expect(receiver.transfer.isReceiving).toBe(false);
		}
		receiver.linked.add('n2');
		receiver.transfer.lacks('n1');
		carry();
		expect(received().save()).toEqual(store.save());
		expect(other.told).toEqual(['sending']);
	});

	it('is not moved by a part that nobody asked for, or that came twice', () => {
		receiver.transfer.part('n1', {
			kind: 'snapshotPart',
			through: 61,
			bytesOfAll: 9,
			offset: 0,
			bytes: new Uint8Array(9),
		});
		expect(receiver.told).toEqual([]);
		receiver.transfer.lacks('n1');
		receiver.transfer.linkUp('n1');
		carry();
		expect(received().save()).toEqual(store.save());
	});

	it('is under way at its sender, too, for a while after the last part was asked for', () => {
		receiver.transfer.lacks('n1');
		carry(3);
		expect(sender.transfer.isSending).toBe(true);
		sender.nowMs += 10_001;
		expect(sender.transfer.isSending).toBe(false);
	});
});
