/** Lines that no seed reaches because nobody in the world calls them in that way. */
import type { Unreached } from './named.ts';

export const CALLERS: readonly Unreached[] = [
	{
		why: 'No replica cuts, takes or sends a snapshot yet, and none trims its log. `test/storage/trim.test.ts` and `test/storage/snapshot-file.test.ts` do.',
		files: {
			'shared/disk/frame.ts': [
				'export function isOfEarlierUse(bytes: Uint8Array, offset: number, address: Address, limits: EarlierUse): boolean {',
			],
			'shared/disk/carried.ts': [
				"if (this.#promised.node !== '') records.push({ kind: 'promised', ballot: this.#promised });",
				"if (this.#chosenThrough > 0) records.push({ kind: 'chosen', through: this.#chosenThrough });",
			],
			'shared/disk/manifest.ts': [
				'out.maybe(manifest.snapshot, ({ through, bytes, sum }) => {',
				'snapshot: from.maybe(() => ({ through: readSlot(from), bytes: from.int(), sum: from.int() })),',
			],
			'shared/disk/recover.ts': [
				'const noted = snapshot ? snapshotName(snapshot.through) : null;',
				'if (noted !== null && !names.includes(noted)) {',
				'const leftovers = names.filter((name) => isSnapshotName(name) && name !== noted);',
				'there.delete(name);',
				'leftovers.push(name);',
				'if (!isLeft(bytes, at, { segment, address, manifest })) return false;',
			],
			'shared/disk/log.ts': [
				'for (const name of leftovers) this.#disk.remove(name, (error) => this.#succeeded(error));',
				'get bytes(): number {',
				'get snapshot(): SnapshotNote | null {',
				'beginSnapshot(subject: SnapshotSubject): SnapshotWriter {',
				'readSnapshot(through: Slot, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void {',
				'trim(through: Slot): void {',
			],
			'shared/disk/segments.ts': [
				'if (spare !== undefined) this.#spares.unshift(spare);',
				'else this.#disk.rename(segmentName(spare), name, made);',
				'get first(): number {',
				'trim(through: Slot): void {',
				'#free(segment: number): void {',
			],
			'shared/disk/snapshots.ts': [
				'get note(): SnapshotNote | null {',
				'begin(subject: SnapshotSubject): SnapshotWriter {',
				{ 'abandon(): void {': ['this.#disk.abandon(snapshotName(this.#next));', 'this.#next = null;'] },
				'#note(snapshot: SnapshotNote, done: SnapshotDone): void {',
			],
		},
	},
	{
		why: 'The world has no routine of a runtime for checksums. `test/storage/crc32.test.ts` has one.',
		files: { 'shared/disk/crc32.ts': ['export function useNativeCrc32(native: Crc32): void {'] },
	},
	{
		why: 'No client of the world aborts a call. `test/client/signal.test.ts` and `limits.test.ts` do.',
		files: {
			'shared/client/abort.ts': 'all',
			'shared/client/core.ts': ['else if (signal?.aborted) settle.reject(signal.reason);'],
			'shared/client/reads.ts': [
				'return this.hasSignals && this.calls.every((call) => call === null || isAborted(call));',
				'if (signal) open.hasSignals = true;',
				'if (batch.isAborted) this.#remove(batch);',
			],
			'shared/client/writes.ts': ['if (hasAborted) {'],
		},
	},
	{
		why: 'No client of the world is closed twice, or used once it is closed. `test/client/client.test.ts` uses one.',
		files: {
			'shared/client/core.ts': [
				{ 'close(): void {': ['if (this.#closed) return;'] },
				"if (this.#closed) settle.reject(new RefusedError('closed', 'the client is closed'));",
				{ '#isOver(signal: AbortSignal | undefined, settle: Settle<never>): boolean {': ['return true;'] },
			],
		},
	},
	{
		why: 'All addresses and arguments of the world are good. `test/client/arguments.test.ts` tries bad ones.',
		files: {
			'shared/client/address.ts': [
				"if (typeof address !== 'string') return 'is not a text';",
				"return 'is no address such as http://127.0.0.1:7101';",
				"if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'begins with neither http:// nor https://';",
				"if (url.search !== '' || url.hash !== '' || address.endsWith('?') || address.endsWith('#')) {",
				"if (url.username !== '' || url.password !== '') return 'has a user name or a password';",
				'export function socketUrl(address: string): string {',
				'export function nameOf(address: unknown): string {',
			],
			'shared/client/errors.ts': [
				'export class BadKeyError extends Error {',
				'export class BadValueError extends Error {',
				'export class BadOptionsError extends Error {',
			],
			'shared/client/link.ts': [
				{ 'constructor(': ['} catch (error) {'] },
				'const unsentBytes = this.#socket?.bufferedAmount ?? 0;',
				'if (!socket) return;',
			],
			'shared/client/writes.ts': [
				'return settle.reject(badValue(error));',
				'function badValue(error: unknown): unknown {',
			],
		},
	},
	{
		why: 'The keys of the world are short ASCII text with a space, such as `key 3`. `test/store` and `test/client` have others.',
		files: {
			'shared/bytes/text.ts': [
				'return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;',
				'if (to - from > ASCII_CHARS_BY_HAND_MAX) return decoder.decode(bytes.subarray(from, to));',
			],
			'shared/client/protocol.ts': [
				'if (!ascii) return out.bytes(toUtf8(text));',
				'const text = fromUtf8(frame.subarray(at, at + length));',
				{ 'function readText(from: Reader, frame: Uint8Array): string {': ['return text;'] },
			],
			'shared/replica/client-connection.ts': [
				"if (why !== null) return this.#refuse('write', first, count, why, false);",
				"if (keyFault(operation.key) !== null) return 'badKey';",
			],
			'shared/store/batch-reader.ts': [
				"this.key = this.#keyText() ?? '';",
				'if (this.#text === OTHER && this.#wrong === null && this.#keyText() === undefined) {',
				'return fromUtf8(this.bytes.subarray(this.#keyAt, this.#keyEnd));',
				'let text: Text = from < to && bytes[from] !== SLASH ? PLAIN : ASCII;',
				'if (byte > 0x7f) return OTHER;',
			],
			'shared/store/batch-writer.ts': [
				'this.#length = start + 1;',
				'if (!hasUtf8Form(key)) {',
				'const utf8 = toUtf8(key);',
				'this.#room(VARINT_BYTES_MAX + utf8.length);',
				'this.#int(utf8.length);',
				'this.#bytes.set(utf8, this.#length);',
				'this.#length += utf8.length;',
				'if (unit > 0x7f) return false;',
			],
			'shared/store/key-table.ts': ['if (unit > 0x7f) {'],
			'shared/store/key.ts': [
				"return key === '' ? 'is empty' : prefixFault(key);",
				'if (ORDINARY.test(prefix)) return null;',
				"if (!hasUtf8Form(prefix)) return 'has half a surrogate pair, which has no UTF-8 form';",
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'if (bytes > KEY_BYTES_MAX) return `has ${bytes} bytes, max size: ${KEY_BYTES_MAX} bytes`;',
				"if (prefix.startsWith('/')) return 'begins with a slash';",
				"if (prefix.startsWith(' ') || prefix.endsWith(' ')) return 'begins or ends with a space';",
				"if (prefix.split('/').includes('..')) return 'has the segment \"..\"';",
				"if (!/^[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} ]*$/u.test(prefix)) return 'has a character that cannot be printed';",
			],
		},
	},
	{
		why: 'A prefix is deleted by a request of its own in the world, as over HTTP. No client sends that on its connection.',
		files: {
			'shared/replica/client-connection.ts': [
				"if (prefixFault(operation.prefix) !== null) return 'badKey';",
				{ 'function faultOf(batch: BatchReader): Refusal | null {': ['break;'] },
			],
			'shared/store/batch-reader.ts': ["return { kind: 'deletePrefix', prefix: key };"],
		},
	},
	{
		why: 'Views, snapshots, indexes and descriptions serve HTTP, the page and the command line. `test/api`, `test/store` and `test/dashboard` use them.',
		files: {
			'shared/paxos/ballot.ts': [
				"if (ballot.node === '') return '';",
				'export function ballotFromText(text: string): Ballot | undefined {',
			],
			'shared/replica/digests.ts': ['get fault(): string | null {'],
			'shared/replica/disk-watch.ts': ['get fault(): string | null {'],
			'shared/replica/peers.ts': ['of(peer: NodeId): Readonly<Heard> {'],
			'shared/replica/replica.ts': [
				'view(): ReplicaView {',
				'peers(): readonly PeerView[] {',
				'snapshot(): AgentSnapshot {',
			],
			'shared/replica/view.ts': 'all',
			'shared/store/command.ts': ['export function readCommands(value: Uint8Array): Command[] {'],
			'shared/store/describe.ts': 'all',
			'shared/store/kept-values.ts': ['handOver(from: Place, to: Place): void {'],
			'shared/store/key-index.ts': [
				'replace(old: T, fresh: T): void {',
				'highest(prefix: string): number {',
				'arrays({ chunk }: Position, to: Position): (readonly T[])[] {',
				'if (chunk.viewedFrom <= this.#holders.through) {',
				'const NO_HOLDERS: Holders<unknown> = { through: 0, keptArray: () => undefined, keptCut: () => undefined };',
			],
			'shared/store/store.ts': [
				'get keysCount(): number {',
				'if (entries.length >= entriesMax) break;',
				"view(prefix: string, after = ''): View | null {",
				'indexOfKey(key: string): number {',
				'indexOfPrefix(prefix: string): number {',
				'} else if (this.#views.needs(kept)) {',
				'#leaveToViews(kept: Kept): Kept {',
				'if (this.#views.needs(kept)) this.#views.keptEntry(kept.modifyRevision, kept.end - kept.start);',
			],
			'shared/store/tombstones.ts': ['indexOf(prefix: string): number {'],
			'shared/store/views.ts': 'all',
		},
	},
	{
		why: 'The server alone calls them: its mesh makes frames, its front asks which clients it may close, and it seeds the hashes. Their tests are in `test/mesh`, `test/front` and `test/store`.',
		files: {
			'shared/bytes/bytes.ts': ['tail(count: number): Uint8Array {'],
			'shared/replica/client-connection.ts': ['get isGreeted(): boolean {'],
			'shared/store/key-table.ts': ['export function seedHashes(seed: number): void {'],
		},
	},
	{
		why: 'The world saves the states of its stores in one step, and they are small. `test/store/cut.test.ts` writes large cuts while commands go on.',
		files: {
			'shared/bytes/bytes.ts': [
				'if (length > PART_BYTES_BY_HAND_MAX) return this.raw(bytes.subarray(start, end));',
				'if (unit > 0x7f) return this.bytes(toUtf8(text));',
				'const text = fromUtf8(this.#bytes.subarray(from, this.#at));',
				{ 'text(): string {': ['return text;'] },
			],
			'shared/bytes/text.ts': ['bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;'],
			'shared/store/client-cut.ts': [
				'get keptBytes(): number {',
				'changes(client: ClientEntry): void {',
				'leaves(client: ClientEntry): void {',
				'#awaits({ usedAt }: ClientEntry): boolean {',
				'#kept(image: ClientImage): ClientImage {',
				'if (left !== undefined && left.usedAt < next.usedAt) {',
				'this.#changed.delete(next);',
				{ '#nextImage(): ClientImage | undefined {': ['this.#keptBytes -= bytesOf(image);', 'return image;'] },
				'add(image: ClientImage): void {',
				'removeFirst(): void {',
				'function bytesOf({ outcomes }: ClientImage): number {',
			],
			'shared/store/client-table.ts': [
				'if (this.#cut !== null) this.#cut.changes(client);',
				'if (this.#cut !== null) this.#cut.leaves(client);',
				'openCut(): ClientsCut {',
				'get cutBytes(): number {',
				'closeCut(): void {',
			],
			'shared/store/cut.ts': [
				'get isClosed(): boolean {',
				"if (this.#isClosed) throw new Error('the cut is closed');",
				'close(): void {',
				'if (items.length > 0 && bytes > bytesGoal) return items;',
			],
			'shared/store/restore.ts': [
				'if (kind === PART.clients && this.#ofClientLeft > 0) return this.#readOutcomes(from);',
				'if (this.#ofClientLeft > 0) return;',
			],
			'shared/store/store.ts': [
				'outcomeOf(client: string, sequence: number): Result | undefined {',
				'registrationOf(client: string): Result | undefined {',
				'cut(): Cut {',
				'get cutBytes(): number {',
				'become(other: Store): void {',
			],
		},
	},
	{
		why: 'Only tests and the explorer call them.',
		files: {
			'shared/paxos/value.ts': ['export function batchValue(commands: Uint8Array): Value {'],
			'shared/replica/submissions.ts': ['get clientsCount(): number {'],
			'shared/store/client-table.ts': [
				'get size(): number {',
				{ 'export class ClientTable {': ['get outcomesCount(): number {'] },
			],
			'shared/store/command.ts': [
				'export function encodeCommand({ client, sequence, receivedThrough }: Identity, operation: Operation): Uint8Array {',
			],
			'shared/store/store.ts': [
				'get clientsCount(): number {',
				'get outcomesCount(): number {',
				'get viewsCount(): number {',
				'get isUntidy(): boolean {',
			],
		},
	},
	{
		why: 'The world reads a log at once, and its replica applies what was chosen before the agent starts. The server reads in steps, and the agents of `test/paper` have no replica.',
		files: {
			'shared/paxos/agent.ts': [
				'const replay = durable instanceof LogReplay ? durable : replayed(durable, config, trimmedThrough, members);',
				'for (let slot = this.#appliedThrough + 1; slot <= chosenThrough; slot++) {',
			],
		},
	},
	{
		why: 'The world copies an agent at the end of a run, when no campaign is under way. The explorer copies it in every state.',
		files: { 'shared/paxos/role.ts': ['this.#campaign = campaign && new Campaign(rooms, campaign);'] },
	},
	{
		why: 'No swarm of the world has one node. `test/client/door.test.ts` and `test/replica/memory.test.ts` have one.',
		files: {
			'shared/paxos/role.ts': ['if (this.#rooms.poll.begin()) this.candidacy.due();'],
			'shared/replica/memory.ts': ['this.#awaited = peers.length > 0 ? new Set(peers) : null;'],
		},
	},
];
