/**
 * Acknowledged writes are never lost silently: a node whose files were changed refuses to start, names the file and the
 * place, and starts once the files are put back. The other nodes of the swarm do not run.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { writeFrame } from '../../shared/disk/frame.ts';
import { addressOf, MANIFEST_NAME, readManifest, segmentName } from '../../shared/disk/manifest.ts';
import { readLog } from '../../shared/disk/recover.ts';
import { get, valueUnder, writeAll } from './client.ts';
import { diskOf } from './disk-log.ts';
import { Swarm, type TestNode } from './swarm.ts';

const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);

let swarm: Swarm;
let n1: TestNode;
let n2: TestNode;
let n3: TestNode;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 3 });
	n1 = swarm.node('n1');
	n2 = swarm.node('n2');
	n3 = swarm.node('n3');
	onTestFailed(() => swarm.report());
});
afterEach(() => swarm.dispose());

test('30 writes that n2 and n3 acknowledged are not gone in silence, whatever became of the log of n3', async () => {
	expect((await swarm.run('init')).status).toBe(0);
	await swarm.start([n2, n3]);
	await writeAll(swarm, keys, 3);
	await Promise.all([n2.kill(), n3.kill()]);
	const log = join(n3.folder, 'log');
	const whole = join(swarm.folder, 'whole');
	cpSync(log, whole, { recursive: true });
	const lastSegment = segmentName(readManifest(diskOf(n3)).last);
	const { end, last } = readLog(diskOf(n3), readManifest(diskOf(n3)).owner);
	const written = segmentName(end.segment);
	const lastFrameAt = end.offset - (last?.bytes.length ?? 0);
	const size = statSync(join(log, written)).size;

	const spoilings: readonly [string, () => void, string][] = [
		['cut to nothing', () => truncateSync(join(log, written)), `${written}, at byte 0: the file has 0 bytes`],
		['cut in half', () => truncateSync(join(log, written), size / 2), `${written}, at byte ${size / 2}: the file has`],
		[
			'without its last segment',
			() => rmSync(join(log, lastSegment)),
			`${lastSegment}, at byte 0: the file is missing`,
		],
		[
			'with one bit of its last frame flipped',
			() => flip(join(log, written), lastFrameAt + 40),
			`${written}, at byte ${lastFrameAt}: what stands there is not what this log wrote there`,
		],
		[
			'without its manifest',
			() => rmSync(join(log, MANIFEST_NAME)),
			`${MANIFEST_NAME}, at byte 0: the file is missing`,
		],
	];
	for (const [what, spoil, words] of spoilings) {
		spoil();
		const before = readdirSync(log);
		const refused = n3.launch();
		expect(await refused.ended, what).toBe(1);
		expect(refused.stderr, what).toContain(`Node n3 cannot use its log: ${log}/${words}`);
		expect(refused.stderr, what).toContain(`move ${log} away and start the node again`);
		expect(refused.stderr, what).not.toContain('erase');
		expect(readdirSync(log), what).toEqual(before);
		rmSync(log, { recursive: true });
		cpSync(whole, log, { recursive: true });
	}

	// With the files as they were when it last ran, the node serves the acknowledged writes, also to a node without them.
	await swarm.start([n1, n3]);
	for (const key of keys) expect(await get(n1, key)).toBe(valueUnder(key));
});

test('a node with a damaged format.json names it and the one remedy, which works', async () => {
	await swarm.start([n1, n3]);
	await n3.stop();
	const path = join(n3.folder, 'format.json');
	// The damage is in the address of a healthy peer.
	flip(path, readFileSync(path, 'latin1').indexOf('"n1": "') + 10);
	const refused = n3.launch();
	expect(await refused.ended).toBe(1);
	expect(refused.stderr).toContain(`${path} is damaged: its checksum does not fit what it says.`);
	const [, from = '', to = ''] = /: cp (\S+) (\S+)$/m.exec(refused.stderr) ?? [];
	expect(to).toBe(path);
	cpSync(from, to);
	await n3.start();
});

test('a torn write that is cut off is said in the log of the node, with file and place', async () => {
	await swarm.start([n2, n3]);
	await writeAll(swarm, keys, 3);
	await Promise.all([n2.kill(), n3.kill()]);
	// This is the state after a loss of power in the middle of a frame of two sectors.
	const { end } = readLog(diskOf(n3), readManifest(diskOf(n3)).owner);
	const file = segmentName(end.segment);
	const bytes = readFileSync(join(n3.folder, 'log', file));
	bytes.set(tornFrame(), end.offset);
	writeFileSync(join(n3.folder, 'log', file), bytes);
	await swarm.start([n2, n3]);
	expect(n3.output).toContain(`cut off 512 bytes of a write that a crash had torn, in ${file} at byte ${end.offset}`);
	for (const key of keys) expect(await get(n3, key)).toBe(valueUnder(key));

	/** The first sector of the next frame. */
	function tornFrame(): Uint8Array {
		const manifest = readManifest(diskOf(n3));
		const { last } = readLog(diskOf(n3), manifest.owner);
		const into = new Uint8Array(1024);
		const address = addressOf(manifest, end.segment);
		writeFrame(into, new Uint8Array(600), {
			sequence: (last?.header.sequence ?? 0) + 1,
			previous: last?.header.checksum ?? 0,
			address: { ...address, sector: address.sector + end.offset / 512 },
		});
		return into.subarray(0, 512);
	}
});

function flip(path: string, at: number): void {
	const bytes = readFileSync(path);
	bytes[at] = (bytes[at] as number) ^ 4;
	writeFileSync(path, bytes);
}
