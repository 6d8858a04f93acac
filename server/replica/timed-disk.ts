/** Measures how long the writes of the log take, for the metrics and the facts of a node. */
import { performance } from 'node:perf_hooks';
import type { Disk } from '../../shared/disk/disk.ts';

/** A disk that tells how long each write with its flush took, milliseconds. */
export function timed(disk: Disk, onWritten: (ms: number) => void): Disk {
	return {
		list: () => disk.list(),
		read: (name, part) => disk.read(name, part),
		readPart: (name, part, done) => disk.readPart(name, part, done),
		create: (name, bytes, done) => disk.create(name, bytes, done),
		append: (name, bytes, done) => disk.append(name, bytes, done),
		publish: (name, done) => disk.publish(name, done),
		abandon: (name) => disk.abandon(name),
		rename: (from, to, done) => disk.rename(from, to, done),
		remove: (name, done) => disk.remove(name, done),
		write: (name, offset, bytes, done) => {
			const startedMs = performance.now();
			disk.write(name, offset, bytes, (error) => {
				onWritten(performance.now() - startedMs);
				done(error);
			});
		},
	};
}
