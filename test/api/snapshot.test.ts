/** The whole state over HTTP: what is in it, when it is refused, and readers that are slow or gone. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SNAPSHOT_ANSWER_LIMITS } from '../../server/api/snapshot.ts';
import { BackupChecker } from '../../server/backup/file.ts';
import type { OpenSnapshot } from '../../server/replica/service.ts';
import type { SnapshotNote } from '../../shared/disk/snapshot-file.ts';
import { backupOf, type MadeBackup } from '../backup/backup.ts';
import { TestNode } from './node.ts';

const LIMITS = { ...SNAPSHOT_ANSWER_LIMITS, partBytes: 64 };

let node: TestNode;
let made: MadeBackup;
let snapshot: FakeSnapshot;
const sockets: Socket[] = [];

/** The file of a snapshot in memory. */
class FakeSnapshot implements OpenSnapshot {
	readonly note: SnapshotNote;
	readonly closed: Promise<void>;
	readsCount = 0;
	/** What the next read fails with. */
	error: Error | null = null;
	isClosed = false;
	readonly #bytes: Buffer;
	#onClosed: () => void = () => undefined;

	constructor({ label, bytes, labelBytes }: MadeBackup) {
		this.note = { ...label };
		this.#bytes = bytes.subarray(labelBytes);
		this.closed = new Promise((resolve) => {
			this.#onClosed = resolve;
		});
	}

	read({ offset, bytes }: { readonly offset: number; readonly bytes: number }): Promise<Uint8Array> {
		this.readsCount++;
		if (this.error) return Promise.reject(this.error);
		return Promise.resolve(this.#bytes.subarray(offset, offset + bytes));
	}

	close(): void {
		this.isClosed = true;
		this.#onClosed();
	}
}

beforeEach(async () => {
	made = backupOf(20);
	snapshot = new FakeSnapshot(made);
	node = await new TestNode().start({ snapshotLimits: LIMITS });
	node.replica.snapshotFile = snapshot;
});
afterEach(async () => {
	for (const socket of sockets.splice(0)) socket.destroy();
	await node.stop();
});

async function got(path: string): Promise<Buffer> {
	const response = await fetch(`http://127.0.0.1:${node.port}${path}`);
	expect(response.status).toBe(200);
	return Buffer.from(await response.arrayBuffer());
}

/** A reader that takes nothing but what the system takes for it. */
async function deafReader(...paths: readonly string[]): Promise<Socket> {
	const socket = connect(node.port, '127.0.0.1').pause();
	sockets.push(socket);
	socket.on('error', () => undefined);
	await once(socket, 'connect');
	const asked = paths.length > 0 ? paths : ['/v1/snapshot'];
	socket.write(asked.map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n\r\n`).join(''));
	return socket;
}

describe('GET /v1/snapshot', () => {
	it('is the file with its label, once the leader has confirmed that the node has everything', async () => {
		const bytes = await got('/v1/snapshot');
		const checker = new BackupChecker();
		checker.add(bytes);
		const { label } = checker.finish();
		const { through, sum, bytes: size } = made.label;
		expect(label).toMatchObject({ name: 'test', swarm: 'swarm id', node: 'n2', isLinearizable: true, through, sum });
		expect(label.bytes).toBe(size);
		expect(new Date(label.takenAt).toISOString()).toBe(label.takenAt);
		expect(node.replica.barriers).toEqual([3000]);
		await snapshot.closed;
		expect(node.errors).toEqual([]);
	});

	it('asks no leader with ?stale, and says so in the label', async () => {
		node.replica.hasLeader = false;
		const checker = new BackupChecker();
		checker.add(await got('/v1/snapshot?stale'));
		expect(checker.finish().label.isLinearizable).toBe(false);
		expect(node.replica.barriers).toEqual([]);
	});

	it('is refused where no leader confirms, and where the node can give none', async () => {
		node.replica.snapshotFile = null;
		const lack = { status: 503, text: 'n2 gives out no snapshot now: its disk is full.' };
		expect(await node.get('/v1/snapshot')).toMatchObject(lack);
		node.replica.hasLeader = false;
		expect(await node.get('/v1/snapshot')).toMatchObject({ status: 503, text: expect.stringContaining('?stale') });
		expect(await node.put('/v1/snapshot')).toMatchObject({ status: 405 });
	});

	it('is cut off, never ended, where the file cannot be read on', async () => {
		snapshot.error = new Error('EIO: input/output error');
		await expect(fetch(`http://127.0.0.1:${node.port}/v1/snapshot`).then((answer) => answer.text())).rejects.toThrow();
		await snapshot.closed;
		expect(node.errors).toEqual([snapshot.error]);
	});
});

describe('readers', () => {
	/** More than the system holds for a reader. */
	const LARGE = 64 * 1024 * 1024;
	const PART = 1024 * 1024;

	function isLarge(): void {
		const part = Buffer.alloc(PART);
		snapshot.read = () => {
			snapshot.readsCount++;
			return Promise.resolve(part);
		};
		Object.assign(snapshot.note, { bytes: LARGE });
	}

	it('that take nothing are not read for, and are cut off', async () => {
		isLarge();
		await node.stop();
		node = new TestNode(node.replica);
		await node.start({ snapshotLimits: { ...LIMITS, partBytes: PART, stalledMs: 50 } });
		const socket = await deafReader();
		await snapshot.closed;
		expect(snapshot.readsCount).toBeLessThan(LARGE / PART / 2);
		socket.resume();
		await once(socket, 'close');
	});

	it('that go away end it at once', async () => {
		isLarge();
		const socket = await deafReader();
		socket.destroy();
		await snapshot.closed;
		expect(node.errors).toEqual([]);
	});

	/** It sends ahead what is never answered, so that the turn of its snapshot does not come. */
	async function readerWithoutTurn(): Promise<Socket> {
		isLarge();
		node.replica.readBarrier = () => new Promise(() => undefined);
		const socket = await deafReader('/v1/kv/never', '/v1/snapshot?stale');
		await expect.poll(() => snapshot.readsCount).toBe(1);
		return socket;
	}

	it('whose turn on their connection has not come end it too, where they go away', async () => {
		(await readerWithoutTurn()).resetAndDestroy();
		await snapshot.closed;
		expect(node.errors).toEqual([]);
	});

	it('whose turn does not come for long end it too', async () => {
		await node.stop();
		node = new TestNode(node.replica);
		await node.start({ snapshotLimits: { ...LIMITS, stalledMs: 50 } });
		await readerWithoutTurn();
		await snapshot.closed;
		expect(node.errors).toEqual([]);
	});

	it('beyond the bound are refused, until one of them has ended', async () => {
		isLarge();
		const firstBegun = once(node.events, 'request');
		const first = await deafReader();
		await firstBegun;
		const begun = once(node.events, 'request');
		await deafReader();
		await begun;
		const refused = { status: 503, text: 'This node gives out 2 snapshots already. Ask another node, or later.' };
		expect(await node.get('/v1/snapshot')).toMatchObject(refused);
		first.destroy();
		await snapshot.closed;
		node.replica.snapshotFile = new FakeSnapshot(made);
		expect((await node.get('/v1/snapshot')).status).toBe(200);
	});
});
