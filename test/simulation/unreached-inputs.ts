/** Lines that no seed reaches because nobody in the world says or does such a thing. */
import type { Unreached } from './named.ts';

export const INPUTS: readonly Unreached[] = [
	{
		why: 'Clients of the world send well-formed frames. `test/client/door.test.ts`, `test/store/command.test.ts` and `test/bytes/integers.test.ts` make others.',
		files: {
			'shared/bytes/bytes.ts': [
				'return i - at === VARINT_BYTES_MAX - 1 && byte > 0x0f ? 0 : i - at + 1;',
				'if (byte === 0) return 0;',
				{ 'export function intLength(bytes: Uint8Array, at: number, end: number): number {': ['return 0;'] },
			],
			'shared/replica/client-connection.ts': [
				{ 'receive(frame: Uint8Array | null): void {': ['if (!this.#isOpen) return;', '} catch (error) {'] },
			],
			'shared/replica/client-door.ts': ['malformed(from: string, why: string): void {'],
			'shared/replica/key-value-doors.ts': ['malformed: (from, why) => runtime.malformed(from, why),'],
			'shared/store/batch-reader.ts': [
				'this.fault ??= this.#wrong;',
				'if (this.#wrong !== null) return;',
				'#void(why: string): void {',
				'return KIND_MASK;',
				{ '#int(): number {': ['return 0;'] },
			],
		},
	},
	{
		why: 'A node of the world sends a client well-formed frames of this version, greets it once, and refuses no key. No test has such a node.',
		files: {
			'shared/client/link.ts': [
				{ '#receive(data: unknown): void {': ['} catch (error) {'] },
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'if (welcome.version < this.#version) return this.end(`the node speaks version ${welcome.version}`);',
				"if (this.#state !== 'dialing') return;",
			],
			'shared/client/refusals.ts': [
				"badKey: forGood(() => new BadKeyError('the node takes no such key')),",
				"badValue: forGood(() => new BadValueError('the node takes no such value')),",
			],
			'shared/client/write-batch.ts': [
				'get isRegistrationAlone(): boolean {',
				'get hasSeveralCalls(): boolean {',
				'refusedForGood(why: Refusal): Error {',
			],
			'shared/client/writes.ts': [
				'else this.#refusedForGood(batch, why);',
				'if (isApart) this.#endTraced(traceparents);',
				'#refusedForGood(batch: WriteBatch, why: Refusal): void {',
				'#sendApart(batch: WriteBatch): void {',
			],
		},
	},
	{
		why: 'A socket of the world takes every frame, and says nothing once it is closed. No test has one that throws.',
		files: {
			'shared/client/link.ts': [
				{ 'send(frame: Uint8Array): void {': ["if (this.#state === 'ended') return;", '} catch (error) {'] },
				{ 'end(why: string): void {': ["if (this.#state === 'ended') return;"] },
				'socket.onerror = () => undefined;',
			],
		},
	},
	{
		why: 'Every node of the world is a member, and sends ballots of its own and batches. `rules`, `value` and `bounds.test.ts` in `test/paper` have others.',
		files: {
			'shared/paxos/agent.ts': [
				"return this.#context.out.fact({ kind: 'ignored', from, message: message.kind, why: refusal });",
				"if (isProposers(message) && message.ballot.node !== from) return 'the ballot is another node’s';",
			],
			'shared/paxos/proposals.ts': [
				"if (!isBatch(value)) return this.refuse(id, 'notABatch', this.#log.lastSlot + 1);",
				"if (value.length > SLOT_VALUE_BYTES_MAX) return this.refuse(id, 'tooLarge', this.#log.lastSlot + 1);",
			],
			'shared/paxos/quorum.ts': ['return index < 0 ? voters : voters | (1 << index);'],
		},
	},
	{
		why: 'No two nodes of the world have another state, and no rule of the code is broken: the seed would fail. `test/replica/digests.test.ts` has such nodes.',
		files: {
			'shared/paxos/config.ts': ['export class InvariantError extends Error {'],
			'shared/replica/digests.ts': [
				'export class StateDiffersError extends Error {',
				"const what = this.#differ.size === 0 ? 'agrees' : 'differs';",
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'return this.#report(what, peer, `has the same state as ${peer} again, after slot ${slot}`);',
				'this.#agree.delete(peer);',
				'if (this.#differ.has(peer)) return;',
				'this.#differ.add(peer);',
				'if (this.#runtime.isQuorum(this.#differ)) throw new StateDiffersError(slot, [...this.#differ]);',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				"this.#report('differs', peer, `has another state than ${peer} after slot ${slot}: one of the two is wrong`);",
				"#report(what: 'differs' | 'agrees', of: NodeId, detail: string): void {",
			],
			'shared/replica/replica.ts': ["report: (what, detail) => runtime.fact({ kind: 'state', what, detail }),"],
		},
	},
	{
		why: 'The world damages files, and neither forges frames nor mixes the halves of manifests. `test/storage/corruption.test.ts` does.',
		files: {
			'shared/disk/manifest.ts': ['if (Math.abs(a.version - b.version) !== 1) {'],
			'shared/disk/frame.ts': [
				"return isZero(bytes, offset) ? 'old' : 'damaged';",
				'if (!Number.isInteger(awaySegments) || awaySegments <= ahead) return false;',
			],
			'shared/disk/recover.ts': [
				{
					'if (stranger !== undefined || (hasNext && !isUnused(disk.read(next), last + 1, manifest))) {': [
						// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
						'const reason = `it tells of segments up to ${last}, but ${stranger ?? next} is in use too`;',
						'throw new CorruptLogError(reason, { file: MANIFEST_NAME, offset: 0 });',
					],
				},
				'if (bytes.length !== manifest.segmentBytes) return false;',
				"if (stateOf(bytes, at, address, manifest.firstSequence) !== 'elsewhere') return false;",
				'if (!isLeft(bytes, at, { segment, address, manifest })) return false;',
				'if (manifest.owner !== owner) {',
				'if (header.previous !== (this.last?.header.checksum ?? this.#manifest.firstPrevious)) {',
				"throw new CorruptLogError('the frame would go on behind the end of the file', { file, offset });",
				'} catch (cause) {',
			],
		},
	},
	{
		why: 'A half of a manifest with a right checksum holds what a node wrote. No test forges one.',
		files: {
			'shared/disk/manifest.ts': [
				'if (MAGIC.some((byte) => from.u8() !== byte)) return undefined;',
				{
					'function readPage(sector: Uint8Array): Manifest | undefined {': [
						'return isPossible(manifest) ? manifest : undefined;',
						'} catch (error) {',
					],
					'function isPossible({ segmentBytes, first, firstSequence, last, reached, snapshot }: Manifest): boolean {': [
						'if (segmentBytes < SEGMENT_BYTES_MIN || segmentBytes > SEGMENT_BYTES_MAX || segmentBytes % SECTOR_BYTES !== 0) {',
						'if (first < 1 || last < first || last - first >= SEGMENTS_MAX || last > SEGMENT_NUMBER_MAX) return false;',
					],
				},
			],
		},
	},
	{
		why: 'No place of a log is written a second time, but with another attempt at the same frame, so that no sector holds an older one.',
		files: { 'shared/disk/frame.ts': ["return ahead === 0 ? 'new' : ahead < 0 ? 'old' : 'later';"] },
	},
	{
		why: 'A process of the world is stopped once. From then on it hears of no lost link, no flush and no request, and the replica asks before its rooms do.',
		files: {
			'shared/disk/log.ts': [{ 'close(): void {': ["if (this.#state !== 'open') return;"] }],
			'shared/replica/loop.ts': [
				{ 'durable(through: number): void {': ['if (this.#stopped) return;'] },
				'if (this.#running || this.#stopped) return;',
			],
			'shared/replica/own-client.ts': ['if (this.#stopped) return STOPPING;'],
			'shared/replica/replica.ts': [
				{ 'stop(): void {': ['if (this.#stopped) return;'] },
				{ 'linkDown(peer: NodeId): void {': ['if (this.#stopped) return;'] },
				{ 'durable(through: number): void {': ['if (this.#stopped) return;'] },
				'if (this.#stopped) return done(false);',
				'if (this.#stopped) return done(NO_BALLOT);',
				"if (this.#stopped) return done('the node stops');",
			],
			'shared/replica/succession.ts': ['for (const wish of this.#wishes) this.#end(wish, NO_BALLOT);'],
			'shared/replica/submissions.ts': [
				'if (this.#stopped) return STOPPING;',
				{ 'stop(): void {': ['if (this.#stopped) return;'] },
			],
		},
	},
];
