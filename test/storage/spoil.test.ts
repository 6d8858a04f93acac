/** What the campaign `flips` damages, and what it takes for a good refusal. */
import { expect, test } from 'vitest';
import { newLogFiles, readManifest } from '../../shared/disk/manifest.ts';
import { SnapshotEncoder } from '../../shared/disk/snapshot-file.ts';
import { drawSpoilings, faultOfRefusal, type Spoiling, spoiled, spoilingsOf } from '../campaign/spoil.ts';
import { write } from './written-log.ts';

const manifest = readManifest(write([]).disk);
const kindsOf = (spoilings: readonly Spoiling[]) => new Set(spoilings.map(({ kind }) => kind));

test('each frame and each record of a segment, and the room behind them, have places', () => {
	const { disk, frames } = write([[{ kind: 'chosen', through: 1 }], [{ kind: 'chosen', through: 2 }]]);
	const [first, second] = frames as [(typeof frames)[0], (typeof frames)[0]];
	const all = spoilingsOf(`n1/log/${first.file}`, disk.read(first.file), manifest);
	const placesOf = (kind: string) => new Set(all.flatMap((each) => (each.kind === kind ? each.at : [])));
	expect(placesOf('tag of a frame')).toEqual(new Set([first.offset, second.offset]));
	expect(placesOf('record').size).toBe(2);
	expect(placesOf('sector that is not used yet')).toContain(second.offset + second.bytes);
	expect(kindsOf(all)).toContain('segment that is gone');
});

test('each chunk of a snapshot has places', () => {
	const encoder = new SnapshotEncoder({ swarm: 'ants', through: 7 });
	const payload = encoder.payload(new Uint8Array(100));
	const bytes = Buffer.concat([payload, encoder.end().bytes]);
	const all = spoilingsOf('000000000007.snapshot', new Uint8Array(bytes), manifest);
	const sums = new Set(all.flatMap(({ kind, at }) => (kind === 'sum of a chunk' ? at : [])));
	// The header, the payload and the trailer have a sum of four bytes each.
	expect(sums.size).toBe(12);
});

test('a damage changes one bit, or the end, or leaves no file, and never the bytes that it is made from', () => {
	const bytes = Uint8Array.of(1, 2, 3);
	const of = (how: Spoiling['how']) => spoiled(bytes, { file: 'a', kind: 'byte', at: 1, how });
	expect(of(6)).toEqual(Uint8Array.of(1, 66, 3));
	expect(of('cut')).toEqual(Uint8Array.of(1));
	expect(of('gone')).toBeNull();
	expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
});

test('a small number is drawn from all kinds alike', () => {
	const [log, file] = newLogFiles('s/n1', 2048) as readonly { readonly name: string; readonly bytes: Uint8Array }[];
	const all = [log, file].flatMap((each) => spoilingsOf(each?.name ?? '', each?.bytes ?? new Uint8Array(0), manifest));
	const drawn = drawSpoilings(all, kindsOf(all).size, () => 0.5);
	expect(kindsOf(drawn)).toEqual(kindsOf(all));
});

test('a refusal names a remedy that keeps the data, and has no stack trace', () => {
	expect(faultOfRefusal('It is damaged, so move /data/n1/log away and start the node again')).toBeNull();
	expect(faultOfRefusal('It is damaged. To erase all: npm run swarm init -- --force')).toBe(
		'its message names no remedy',
	);
	expect(faultOfRefusal('Error: move /a away and start the node again\n    at read (/a/b.js:1:2)')).toBe(
		'it ended with a stack trace',
	);
});
