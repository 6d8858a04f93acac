/**
 * The segments of a log, as the manifest tells of them: which may be written to, the next one made before it is needed,
 * and which are kept. A segment is used only once a manifest that tells of it is durable, so one that is lost is missed.
 *
 * A segment that is trimmed becomes the next one under another name. What it holds is of no use there, and is
 * overwritten: each sector says where it belongs. A disk without room for another segment is no error: `makeNext` may be
 * asked again.
 */
import type { Slot } from '../paxos/message.ts';
import { type Disk, NoRoomError } from './disk.ts';
import type { Address } from './frame.ts';
import { addressOf, segmentName } from './manifest.ts';
import type { LogState, ManifestNotes } from './notes.ts';
import type { KeptSegment, Recovered } from './recover.ts';

/** What the segments need of the log. */
export interface SegmentsOwner extends LogState {
	/** There is one more segment to write to. */
	grown(): void;
	/** As `LogHandlers.room`. */
	room(lack: NoRoomError | null): void;
}

interface Held extends KeptSegment {
	/** Nearly every frame raises it, so it is changed in place. */
	slotMax: Slot;
}

export class Segments {
	readonly #disk: Disk;
	readonly #notes: ManifestNotes;
	readonly #owner: SegmentsOwner;
	/** Those that hold frames, in order. The last one is written. */
	readonly #kept: Held[];
	/** The numbers of trimmed segments whose files are to be used again. */
	readonly #spares: number[] = [];
	/**
	 * The log is to have so many segments again. Trimmed ones beyond them are removed. It is the most that there were, less
	 * one for each trim since, so that a log which was long once does not take that room for ever.
	 */
	#mostKept = 0;
	/** The last segment that is there: at most one more than the manifest tells of. */
	#made: number;
	#making = false;
	#hasRoom = true;

	constructor(disk: Disk, notes: ManifestNotes, { kept, lastMade }: Recovered, owner: SegmentsOwner) {
		this.#disk = disk;
		this.#notes = notes;
		this.#kept = kept.map((each) => ({ ...each }));
		this.#made = lastMade;
		this.#owner = owner;
	}

	/** The size of each segment, bytes. */
	get bytes(): number {
		return this.#notes.now.segmentBytes;
	}

	/** The last segment that may be written to. */
	get last(): number {
		return this.#notes.now.last;
	}

	/** The first segment that is kept. */
	get first(): number {
		return this.#kept[0]?.segment ?? this.#notes.now.first;
	}

	get hasRoom(): boolean {
		return this.#hasRoom;
	}

	/** The address of a segment's first sector. */
	addressOf(segment: number): Address {
		return addressOf(this.#notes.now, segment);
	}

	/** A frame is written, for the first time, to the segment that is written now, or it is the first one of the next. */
	holds({ segment, sequence, previous, slotMax }: KeptSegment): void {
		const last = this.#kept.at(-1);
		if (last?.segment !== segment) this.#kept.push({ segment, sequence, previous, slotMax });
		else last.slotMax = Math.max(last.slotMax, slotMax);
	}

	/** Uses the segment that a crash left made, of which the manifest does not tell. */
	useMade(): void {
		if (this.#made > this.last) this.#notes.write({ last: this.#made }, () => this.#hasGrown());
	}

	/** Makes one more segment, unless that is under way. */
	makeNext(): void {
		if (this.#making || this.#made > this.last) return;
		this.#making = true;
		const name = segmentName(this.#made + 1);
		const spare = this.#spares.shift();
		const made = (error: Error | null) => {
			this.#making = false;
			if (error instanceof NoRoomError) {
				if (spare !== undefined) this.#spares.unshift(spare);
				return this.#lacksRoom(error);
			}
			if (!this.#owner.succeeded(error)) return;
			this.#made++;
			this.useMade();
		};
		if (spare === undefined) this.#disk.create(name, this.bytes, made);
		else this.#disk.rename(segmentName(spare), name, made);
	}

	/**
	 * Keeps no segment any more that comes before all others and holds no slot above `through`. Those that are kept begin
	 * with a frame that is durable: it says what was promised before.
	 */
	trim(through: Slot): void {
		const reached = this.#owner.reached();
		this.#mostKept = Math.max(this.#mostKept - 1, this.#kept.length);
		const trimmed: number[] = [];
		for (let [oldest, next] = this.#kept; oldest && next; [oldest, next] = this.#kept) {
			if (oldest.slotMax > through || next.sequence > reached) break;
			trimmed.push(oldest.segment);
			this.#kept.shift();
		}
		const [first] = this.#kept;
		if (trimmed.length === 0 || !first) return;
		const { segment, sequence, previous } = first;
		this.#notes.write({ first: segment, firstSequence: sequence, firstPrevious: previous }, () => {
			this.#spares.push(...trimmed);
			this.#keepSpares(this.#mostKept - this.#kept.length);
		});
	}

	/** Gives the room of all segments back that are to be used again. */
	dropSpares(): void {
		this.#keepSpares(0);
	}

	#keepSpares(countMax: number): void {
		const surplus = this.#spares.splice(Math.max(0, countMax));
		for (const each of surplus) this.#disk.remove(segmentName(each), (error) => this.#owner.succeeded(error));
	}

	#lacksRoom(error: NoRoomError): void {
		const isNew = this.#hasRoom;
		this.#hasRoom = false;
		if (isNew) this.#owner.room(error);
	}

	#hasGrown(): void {
		const hadNone = !this.#hasRoom;
		this.#hasRoom = true;
		this.#owner.grown();
		if (hadNone) this.#owner.room(null);
	}
}
