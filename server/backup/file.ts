/**
 * The file that `snapshot save` writes, and that `GET /v1/snapshot` answers with: a label, and behind it the snapshot of
 * a node, as `shared/disk/snapshot-file.ts` describes it.
 *
 *     label     "pxb" and the format | length | checksum | JSON      two integers of four bytes, little-endian
 *     snapshot  header | payloads | trailer                          each with a checksum
 *
 * The label tells the size and the checksum of the snapshot, so a file that was cut off, or put together of two, is
 * noticed, wherever that is.
 */
import * as z from 'zod';
import { MalformedError } from '../../shared/bytes/bytes.ts';
import { fromUtf8, toUtf8 } from '../../shared/bytes/text.ts';
import { crc32 } from '../../shared/disk/crc32.ts';
import { SnapshotChecker, SnapshotError } from '../../shared/disk/snapshot-file.ts';
import { SLOT_MAX } from '../../shared/paxos/bounds.ts';
import type { Member } from '../../shared/paxos/change.ts';
import type { MembersState } from '../../shared/paxos/members.ts';
import { readMembersPart } from '../../shared/replica/restore.ts';
import { readStateHead, type StateHead } from '../../shared/store/cut-format.ts';
import { ID_PATTERN, isMemberId } from '../config/names.ts';

const MAGIC = Uint8Array.of(0x70, 0x78, 0x62, 0x01);
const HEAD_BYTES = 12;
const LABEL_BYTES_MAX = 4096;

/** People are shown these texts, so none of them has a character that a terminal takes for a command. */
const labelSchema = z.strictObject({
	/** The name of the swarm, for people. */
	name: z.string().regex(ID_PATTERN),
	/** The id of the swarm. */
	swarm: z.string().regex(/^[ -~]+$/),
	/** The node that it comes from. */
	node: z.string().refine(isMemberId),
	/** When the node gave it out, by that node's clock: ISO 8601, in UTC. */
	takenAt: z.iso.datetime(),
	/** False where the node's own state was asked for: then what was acknowledged before may be missing. */
	isLinearizable: z.boolean(),
	/** The last slot that is in it. */
	through: z.int().min(1).max(SLOT_MAX),
	/** The size and the checksum of the snapshot behind the label. */
	bytes: z.int().min(1),
	sum: z.int().min(0).max(0xffffffff),
});

export type BackupLabel = Readonly<z.infer<typeof labelSchema>>;

/** What is in a file. */
export interface Backup extends StateHead {
	readonly label: BackupLabel;
	/** Those of the swarm when the snapshot was taken. A restore gives the state to other ones. */
	readonly members: readonly Member[];
	/** The size of the whole file. */
	readonly bytes: number;
}

/** Bytes are not those of a backup. The message is the rest of a sentence that begins with the file. */
export class BackupError extends Error {
	override readonly name = 'BackupError';
}

/** The bytes that a file begins with. */
export function encodeLabel(label: BackupLabel): Uint8Array {
	const json = toUtf8(JSON.stringify(label));
	if (json.length > LABEL_BYTES_MAX) throw new RangeError(`a label of ${json.length} bytes`);
	const bytes = new Uint8Array(HEAD_BYTES + json.length);
	bytes.set(MAGIC);
	bytes.set(json, HEAD_BYTES);
	const view = new DataView(bytes.buffer);
	view.setUint32(4, json.length, true);
	view.setUint32(8, crc32(bytes, HEAD_BYTES, bytes.length, json.length), true);
	return bytes;
}

/** Checks the bytes of a file as they come in, cut anywhere, and gives out the payloads of the snapshot. */
export class BackupChecker {
	/** The beginning, until the label is whole. */
	#head = new Uint8Array(0);
	#label: BackupLabel | null = null;
	#labelBytes = 0;
	#snapshot: SnapshotChecker | null = null;
	#members: MembersState | null = null;
	#state: StateHead | null = null;

	/** null before it has come as a whole. */
	get label(): BackupLabel | null {
		return this.#label;
	}

	/** The number of bytes that came in. */
	get bytes(): number {
		return this.#snapshot ? this.#labelBytes + this.#snapshot.bytes : this.#head.length;
	}

	/** The number of bytes of the whole file; null before the label has come. */
	get bytesOfAll(): number | null {
		return this.#label && this.#labelBytes + this.#label.bytes;
	}

	/** @returns the payloads that are now whole, in order: views of `bytes`, or arrays of their own @throws BackupError */
	add(bytes: Uint8Array): Uint8Array[] {
		if (this.#snapshot) return this.#addSnapshot(this.#snapshot, bytes);
		const head = Buffer.concat([this.#head, bytes]);
		if (MAGIC.some((byte, at) => at < head.length && head[at] !== byte)) {
			throw new BackupError('is no snapshot of a swarm, or its first bytes are damaged');
		}
		const end = head.length < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + head.readUInt32LE(4);
		if (end > HEAD_BYTES + LABEL_BYTES_MAX) throw damaged(4, 'the length of its label is out of range');
		if (head.length < HEAD_BYTES || head.length < end) {
			this.#head = head;
			return [];
		}
		this.#label = readLabel(head.subarray(0, end));
		this.#labelBytes = end;
		this.#head = new Uint8Array(0);
		this.#snapshot = new SnapshotChecker({ swarm: this.#label.swarm, through: this.#label.through });
		return this.#addSnapshot(this.#snapshot, head.subarray(end));
	}

	/** No more bytes come. @throws BackupError */
	finish(): Backup {
		const { label } = this;
		const members = this.#members;
		const state = this.#state;
		if (label === null || members === null || state === null || !this.#snapshot?.note) {
			const expected = this.bytesOfAll === null ? '' : ` of ${this.bytesOfAll}`;
			throw new BackupError(`is cut off: it ends after ${this.bytes}${expected} bytes`);
		}
		const { bytes, sum } = this.#snapshot.note;
		if (bytes !== label.bytes || sum !== label.sum) {
			throw damaged(this.#labelBytes, 'it is another snapshot than its label tells of');
		}
		return { label, members: members.sets[0].members, ...state, bytes: this.bytes };
	}

	/** The members come first, and then the head of the state. */
	#look(payload: Uint8Array): void {
		if (this.#members === null) this.#members = readMembersPart(payload);
		else this.#state ??= readStateHead(payload);
	}

	#addSnapshot(snapshot: SnapshotChecker, bytes: Uint8Array): Uint8Array[] {
		try {
			const payloads = snapshot.add(bytes);
			for (const payload of payloads) this.#look(payload);
			return payloads;
		} catch (error) {
			if (error instanceof SnapshotError) throw damaged(this.#labelBytes + error.offset, error.message);
			throw error instanceof MalformedError ? otherVersion(error.message) : error;
		}
	}
}

function readLabel(bytes: Buffer): BackupLabel {
	const length = bytes.length - HEAD_BYTES;
	if (crc32(bytes, HEAD_BYTES, bytes.length, length) !== bytes.readUInt32LE(8)) {
		throw damaged(0, 'its label is not as it was written');
	}
	const label = labelSchema.safeParse(jsonOf(bytes.subarray(HEAD_BYTES)));
	if (label.success) return label.data;
	throw otherVersion(z.prettifyError(label.error));
}

function jsonOf(bytes: Uint8Array): unknown {
	try {
		return JSON.parse(fromUtf8(bytes) ?? '');
	} catch {
		return undefined;
	}
}

function damaged(offset: number, why: string): BackupError {
	return new BackupError(`is damaged at byte ${offset}: ${why}`);
}

function otherVersion(why: string): BackupError {
	return new BackupError(`was written by another version of paxos-swarm: ${why}`);
}
