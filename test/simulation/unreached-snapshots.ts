/** Lines of snapshots that no seed reaches, of the disk, of the store and of transfers between nodes. */
import type { Unreached } from './named.ts';

export const SNAPSHOTS: readonly Unreached[] = [
	{
		why: 'No file of a snapshot is damaged in the world, on a disk or on its way. `test/storage/snapshot-file.test.ts` damages some.',
		files: {
			'shared/disk/snapshot-file.ts': [
				'export class SnapshotError extends Error {',
				"if (this.#note) throw this.#wrong('something follows the end of the snapshot');",
				"if (size > PAYLOAD_BYTES_MAX || size === 0) throw this.#wrong('the length of a chunk is out of range');",
				"if (sum !== view.getUint32(4, true)) throw this.#wrong('a chunk is not as it was written');",
				"if (MAGIC.some((byte) => from.u8() !== byte)) throw this.#wrong('it is no snapshot of this format');",
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'throw this.#wrong(`it is a snapshot of ${swarm}, not of ${this.#subject.swarm}`);',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'throw this.#wrong(`it is the snapshot through slot ${through}, not through ${this.#subject.through}`);',
				"throw error instanceof MalformedError ? this.#wrong('its header cannot be read') : error;",
				"throw this.#wrong('its end does not fit what is before it');",
				'#wrong(reason: string): SnapshotError {',
				'const corrupt = (reason: string, offset: number, cause?: unknown) =>',
				'throw error instanceof SnapshotError ? corrupt(error.message, error.offset, error) : error;',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'if (checker.bytes > note.bytes) throw corrupt(`the file was written with ${note.bytes} bytes`, note.bytes);',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'if (!checker.note) throw corrupt(`the file ends, and was written with ${note.bytes} bytes`, checker.bytes);',
				"throw corrupt('it is another snapshot through the same slot than the one that was noted', 0);",
			],
			'shared/replica/transfer.ts': [
				'if (!(error instanceof MalformedError || error instanceof SnapshotError)) throw error;',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'this.#failed(`what ${incoming.from} sent is no snapshot: ${error.message}`);',
			],
		},
	},
	{
		why: 'A node of the world that sends a snapshot goes on within the time after which it would be left, and none takes another one while a part of it is being stored. `test/replica/transfer.test.ts` has senders that are slow, silent or change their snapshot.',
		files: {
			'shared/replica/transfer.ts': [
				{
					'fire(): void {': [
						// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
						'if (!incoming.isMoving && !incoming.isStoring) return this.#failed(`${incoming.from} sends nothing`);',
						'incoming.isMoving = false;',
						'this.#runtime.setTimer(TRANSFER_SILENT_MS);',
					],
				},
				'#failed(why: string): void {',
				'if (part.offset !== 0) return;',
				'if (snapshot === null) return;',
				'if (error || piece === null) return;',
				'if (this.#incoming !== incoming || incoming.writer !== writer) return;',
				'if (this.#incoming !== incoming) return;',
				'if (error) return this.#lacksRoom(error);',
				{ '#abandon(why: string): void {': ['if (incoming === null) return;'] },
			],
		},
	},
	{
		why: 'No snapshot of the world meets a full disk, and seldom is one given up while a part of it is being written. `test/replica/snapshots.test.ts` has both.',
		files: {
			'shared/disk/segments.ts': [
				'if (spare !== undefined) this.#spares.unshift(spare);',
				'if (!this.#owner.succeeded(error)) return;',
			],
			'shared/disk/snapshots.ts': ['if (this.#next !== begun) return;'],
			'shared/replica/snapshots.ts': [
				'if (writing === null || writing.isStoring || writing.isFinishing) return;',
				'if (this.#writing !== writing) return;',
				'if (this.#writing?.through !== through) return;',
				'if (error) return this.#lacksRoom(error);',
			],
		},
	},
	{
		why: 'People of the world save a state once something was written and the disk is ready, release it once, and look at no part of it. `test/storage/trim.test.ts`, `test/replica/snapshots.test.ts` and `test/backup/file.test.ts` go further.',
		files: {
			'shared/disk/snapshots.ts': [
				{ 'hold(): HeldSnapshot | null {': ['if (note === null) return null;', 'if (!isHeld) return;'] },
			],
			'shared/replica/snapshots.ts': [
				"if (through === 0) return done('nothing was ever written');",
				"if (this.#log.durableThrough < 0) return this.#refuse('its disk is not ready yet');",
			],
			'shared/store/cut-format.ts': ['export function readStateHead(part: Uint8Array): StateHead {'],
		},
	},
	{
		why: 'All that was written is taken before a writer of the world is used again. `test/bytes/writer.test.ts` has the other case.',
		files: { 'shared/bytes/bytes.ts': [{ 'reuse(): void {': ['if (this.length > 0) return;'] }] },
	},
	{
		why: 'The states of the world are small, their texts are ASCII, and nobody looks at a cut from outside. `test/store/cut.test.ts` writes large ones.',
		files: {
			'shared/bytes/bytes.ts': [
				'if (unit > 0x7f) return this.bytes(toUtf8(text));',
				'const text = fromUtf8(this.#bytes.subarray(from, this.#at));',
				{ 'text(): string {': ['return text;'] },
			],
			'shared/bytes/text.ts': ['bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;'],
			'shared/store/client-cut.ts': ['get keptBytes(): number {'],
			'shared/store/client-table.ts': ['get cutBytes(): number {'],
			'shared/store/cut.ts': [
				'get isClosed(): boolean {',
				"if (this.#isClosed) throw new Error('the cut is closed');",
				{ 'close(): void {': ['if (this.#isClosed) return;'] },
				'return (from === 0 ? CLIENT_BYTES + client.id.length : 0) + (to - from) * OUTCOME_BYTES;',
			],
			'shared/store/restore.ts': ['get itemsCount(): number {'],
			'shared/store/state-restore.ts': [
				'if (kind === PART.clients && this.#ofClientLeft > 0) return this.#readOutcomes(from);',
				'if (this.#ofClientLeft > 0) return;',
			],
			'shared/store/store.ts': [
				"if (this.#openCut !== null) throw new Error('a cut of this store is open already');",
				'get cutBytes(): number {',
				'each.#openCut?.close();',
			],
		},
	},
	{
		why: 'A leader of the world seldom takes over a snapshot, and no node misses what comes right behind one. `test/paper/snapshots.test.ts` has both.',
		files: {
			'shared/paxos/contest.ts': [
				'if (value === undefined) return;',
				'export function dropContest({ losing }: Contest, firstFree: Slot, proposals: Proposals): void {',
			],
			'shared/paxos/leadership.ts': ['for (const [slot, { voters, electorate }] of this.state.open) {'],
			'shared/paxos/role.ts': [
				{
					'installed(): void {': [
						"if (!leadership.installed()) return this.#giveUp('behind');",
						'if (!contest || contest.slot > this.#rooms.log.chosenThrough) return;',
						'dropContest(contest, this.#rooms.log.chosenThrough + 1, this.#rooms.proposals);',
						'leadership.state.contest = null;',
					],
				},
			],
			'shared/paxos/learner.ts': ['if (this.#isBehind && this.state.asked === null) this.#ask();'],
		},
	},
];
