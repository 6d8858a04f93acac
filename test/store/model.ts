/** The store as simple code without regard to speed, with which the real one is compared. */
import { TOMBSTONE_MS_MIN, TOMBSTONES_MAX } from '../../shared/store/tombstones.ts';

export interface ModelEntry {
	readonly value: string;
	readonly createRevision: number;
	readonly modifyRevision: number;
}

interface ModelTombstone {
	readonly key: string;
	readonly isOfPrefix: boolean;
	readonly revision: number;
	readonly timeMs: number;
}

export class Model {
	revision = 1;
	timeMs = 0;
	readonly entries = new Map<string, ModelEntry>();
	tombstones: ModelTombstone[] = [];
	droppedThrough = 0;
	/** The keys that may have a tombstone of their own. */
	readonly #deleted = new Set<string>();

	put(key: string, value: string): void {
		this.#next();
		const before = this.entries.get(key);
		if (before?.value === value) return;
		const { revision } = this;
		this.entries.set(key, { value, createRevision: before?.createRevision ?? revision, modifyRevision: revision });
		if (before || !this.#deleted.delete(key)) return;
		this.tombstones = this.tombstones.filter((other) => other.isOfPrefix || other.key !== key);
	}

	delete(key: string): void {
		this.#next();
		if (!this.entries.delete(key)) return;
		this.#deleted.add(key);
		this.tombstones.push({ key, isOfPrefix: false, revision: this.revision, timeMs: this.timeMs });
	}

	deletePrefix(prefix: string): void {
		this.#next();
		const keys = this.keys(prefix);
		if (keys.length === 0) return;
		for (const key of keys) this.entries.delete(key);
		this.tombstones = this.tombstones.filter(({ key }) => !key.startsWith(prefix));
		this.tombstones.push({ key: prefix, isOfPrefix: true, revision: this.revision, timeMs: this.timeMs });
	}

	/** The keys in the order of their UTF-8 bytes. */
	keys(prefix: string): string[] {
		return [...this.entries.keys()]
			.filter((key) => key.startsWith(prefix))
			.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
	}

	indexOfPrefix(prefix: string): number {
		const ofEntries = this.keys(prefix).map((key) => this.entries.get(key)?.modifyRevision ?? 0);
		const ofDeletions = this.tombstones
			.filter(({ key, isOfPrefix }) => key.startsWith(prefix) || (isOfPrefix && prefix.startsWith(key)))
			.map(({ revision }) => revision);
		const index = Math.max(0, ...ofEntries, ...ofDeletions);
		if (ofEntries.length === 0 && index <= this.droppedThrough) return Math.max(1, this.revision);
		return Math.max(this.droppedThrough, index);
	}

	/** Drops at most two tombstones with each command. */
	#next(): void {
		for (let i = 0; i < 2; i++) {
			const [oldest] = this.tombstones;
			if (!oldest) break;
			const isOld = this.timeMs - oldest.timeMs >= TOMBSTONE_MS_MIN;
			if (!isOld && this.tombstones.length <= TOMBSTONES_MAX) break;
			this.tombstones.shift();
			this.droppedThrough = Math.max(this.droppedThrough, oldest.revision);
		}
		this.revision++;
	}
}
