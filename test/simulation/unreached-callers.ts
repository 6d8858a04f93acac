/** Lines that no seed reaches because nobody in the world calls them in that way. */
import type { Unreached } from './named.ts';

export const CALLERS: readonly Unreached[] = [
	{
		why: 'The nodes of the world keep keys. `test/store/own-machine.test.ts` checks a machine of the user’s own.',
		files: {
			'shared/replica/own-client.ts': [
				"return operation.kind === 'command' ? operation.bytes.length + OPERATION_BYTES_MAX : OPERATION_BYTES_MAX;",
			],
			'shared/replica/client-connection.ts': ["case 'command':"],
			'shared/store/batch-reader.ts': [
				'case KIND_COMMAND:',
				"return { kind: 'command', bytes: value };",
				'this.#text = ASCII;',
			],
			'shared/store/batch-writer.ts': [
				"case 'command':",
				'return this.#command(operation.bytes);',
				'#command(bytes: Uint8Array): void {',
			],
			'shared/replica/own-doors.ts': 'all',
			'shared/store/own-machine.ts': 'all',
			'shared/store/slot-random.ts': 'all',
			'shared/store/state-machine.ts': 'all',
		},
	},
	{
		why: 'No client of the world tells traces, and nobody follows its commands. `test/tracing/tracing.test.ts` has such.',
		files: {
			'shared/replica/own-client.ts': ['this.#runtime.batched?.(batch);'],
			'shared/client/draft.ts': ['trace(traceparent: string): void {'],
			'shared/client/link.ts': ['this.#version = traces ? PROTOCOL_VERSION : PROTOCOL_VERSION_MIN;'],
			'shared/client/client-frame.ts': [
				'export function writeTrace(out: Writer, clientId: string, first: number, traceparents: readonly string[]): void {',
				'case TRACE: {',
			],
			'shared/client/writes.ts': [
				'const traceparent = this.#owner.traceparent?.() ?? null;',
				'const traceparent = this.#owner.traceparent === null ? null : this.#owner.traceparent();',
				'const traceparents = traceparent === null ? null : [traceparent];',
				'if (traceparents !== null && this.#draft.count > 0) {',
				'for (const traceparent of traceparents ?? []) draft.trace(traceparent);',
				'if (batch.traceparents !== null) this.#tellTraces(batch.clientId, batch.first, batch.traceparents);',
				'#tellTraces(clientId: string, first: number, traceparents: readonly string[]): void {',
				'if (traceparent !== null) this.#draft.trace(traceparent);',
			],
			'shared/replica/client-connection.ts': [
				"this.#owner.follower?.ended(client, first, 'detail' in end ? end.detail : end.kind);",
				'this.#owner.follower?.ended(client, first, why);',
				'if (this.#clients.has(section.clientId)) {',
				{ '#take(frame: Uint8Array): void {': ['break;'] },
			],
			'shared/replica/replica.ts': ['batched: follower && ((batch) => follower.batched(batch)),'],
		},
	},
	{
		why: 'The world has no tokens. `test/process/access.test.ts` has a swarm with some.',
		files: {
			'shared/store/store.ts': ['keysHeldBy(session: string): string[] {'],
			'shared/store/locks.ts': ['keysOf(session: string): string[] {'],
			'shared/client/link.ts': [
				'if (token !== null) this.#authenticate(token);',
				'#authenticate(token: string): void {',
			],
			'shared/client/client-frame.ts': [
				'export function writeAuth(out: Writer, token: string): void {',
				"return { kind: 'auth', token: readText(from, frame) };",
			],
			'shared/client/reads.ts': [
				'else if (batch.count > 1) this.#sendApart(batch);',
				'else this.#giveUp(batch, AFTER_REFUSAL[why].error);',
				'#sendApart(batch: ReadBatch): void {',
			],
			'shared/client/refusals.ts': ["denied: forGood(() => new RefusedError('denied', DENIED)),"],
			'shared/client/watches.ts': ["if (why === 'denied') this.#fail(watch, new RefusedError('denied', DENIED));"],
			'shared/replica/client-watches.ts': ['deny(id: number): void {'],
			'shared/replica/grant.ts': 'all',
			'shared/replica/client-connection.ts': [
				'return this.#grantOf !== null && this.#grant === null;',
				'this.#grant = this.#grantOf?.(section.token) ?? null;',
				'return this.#grantOf === null || (this.#grant !== null && mayUse(this.#grant, { need, name, isPrefix }));',
				{
					'#mayWrite(bytes: Uint8Array): boolean {': [
						'if (this.#grantOf === null || (grant !== null && mayWriteAll(grant))) return true;',
						'const reader = new BatchReader(bytes);',
						'if (grant === null || !reader.nextBatch()) return false;',
						'const keysHeld = (session: string): readonly string[] => this.#owner.store.keysHeldBy(session);',
						'while (reader.nextCommand()) if (!mayCarryOut(grant, reader.operation(), keysHeld)) return false;',
						'return true;',
					],
				},
				'this.#answers.welcome(version, node, leader, this.#isStranger ? [] : members);',
				"if (!this.#mayWrite(bytes)) return this.#refuseWrite(reader, 'denied');",
				'else this.#watches.deny(id);',
				"if (this.#grantOf !== null && !keys.every((key) => this.#may('read', key, after !== null))) {",
			],
		},
	},
	{
		why: 'The world has no routine of a runtime for checksums. `test/storage/crc32.test.ts` has one.',
		files: { 'shared/disk/crc32.ts': ['export function useNativeCrc32(native: Crc32): void {'] },
	},
	{
		why: 'Reads that wait come by HTTP only, and the world has none. `test/replica/waits.test.ts` checks them.',
		files: {
			'shared/paxos/members.ts': [
				"export function membersIndex(sets: readonly Pick<MemberSet, 'chosenAt' | 'from'>[]): number {",
			],
			'shared/replica/key-value-doors.ts': [
				'changeOf: (subject) => this.#changeOf(subject),',
				"setTimer: (afterMs) => runtime.setTimer('wait', afterMs),",
				{ 'this.#waits = new Waits({': ['random: () => runtime.random(),'] },
				'listen: (listens) => {',
				"if (timer === 'wait') this.#waits.fire();",
				'whenChanged(subject: Subject, index: number, waitMs: number, done: () => void): (() => void) | null {',
				'endWaits(): void {',
				'#changeOf({ kind, name }: Subject): number {',
			],
			'shared/replica/history.ts': [
				'this.also?.put(entry, cause);',
				'this.also?.deleted(key, revision, cause);',
				'this.also?.cut(prefix, revision);',
				'this.also?.together(through);',
				'sessionChanged(id: string, node: string): void {',
			],
			'shared/replica/waits.ts': 'all',
			'shared/store/sessions.ts': ['changeOfNode(node: string): number {'],
			'shared/store/store.ts': [
				'changeOfKey(key: string): number {',
				'changeOfSessionsOf(node: string): number {',
				'changeOfSession(id: string): number {',
			],
			'shared/store/tombstones.ts': ['ofKey(key: string): number {'],
		},
	},
	{
		why: 'A request with a name contests no slot, and its batches come one after the other. `test/replica/named-requests.test.ts` does what the world does not.',
		files: {
			'shared/replica/named-requests.ts': [
				"const detail = 'detail' in end ? end.detail : 'the slot was taken';",
				'if (this.#isOver) return;',
			],
		},
	},
	{
		why: 'All sessions of the world are of one node, and nobody looks at its figures. `test/store/locks.test.ts` and `test/api/metrics.test.ts` have others.',
		files: {
			'shared/replica/submissions.ts': ['get failedCount(): number {'],
			'shared/store/sessions.ts': [
				'if (this.#changeOfNode.size >= CHANGED_NODES_MAX && !this.#changeOfNode.has(node)) {',
			],
		},
	},
	{
		why: 'The world changes less at once than a section of changes has room for, and no client of it has too many watches, or watches by HTTP. `test/client/watch.test.ts`, `test/replica/watches.test.ts` and `test/api/watch.test.ts` do.',
		files: {
			'shared/client/core.ts': ['if (this.#closed) this.#watches.closeAll();'],
			'shared/client/watches.ts': [
				'watch.parts = watch.parts.slice(from);',
				'return this.#reached(watch, through);',
				{ "ended({ id, why }: NodeSection & { kind: 'watchEnded' }): void {": ['if (!watch) return;'] },
				"this.#fail(watch, new RefusedError('overloaded', 'the node has too many watches of this client'));",
			],
			'shared/replica/client-watches.ts': [
				'const isWhole = to === changes.length || (changes[to] as Change).index > last.index;',
				': (changes.slice(0, to).findLast(({ index }) => index < last.index)?.index ?? 0);',
				"if (this.#watches.size >= watchesMax) return answers.watchEnded(id, 'tooMany');",
				"if (watch === null) return answers.watchEnded(id, 'stopping');",
				'if (!watch) return;',
			],
			'shared/replica/prefixes.ts': ['get size(): number {'],
			'shared/replica/key-value-doors.ts': [
				'openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null {',
			],
			'shared/replica/watches.ts': ['get count(): number {', 'if (this.#isStopped) return null;'],
			'shared/replica/history.ts': ['get bytes(): number {'],
		},
	},
	{
		why: 'Clients of the world abort calls that are under way, by a signal of each. `test/client/signal.test.ts` has one that is aborted before, and one for many calls.',
		files: {
			'shared/client/abort.ts': [
				'export function unlessAborted<T>(promise: Promise<T>, signals: readonly (AbortSignal | undefined)[]): Promise<T> {',
				'if (there) return void there.calls.add(call);',
				'if (!there?.calls.delete(call) || there.calls.size > 0) return;',
			],
			'shared/client/core.ts': ['else if (signal?.aborted) settle.reject(signal.reason);'],
		},
	},
	{
		why: 'The clients of the world submit nothing but writes: its users of locks submit to nodes. `test/client/locks.test.ts` does.',
		files: {
			'shared/client/core.ts': [
				'submit(operation: Operation, signal: AbortSignal | undefined, settle: Settle<WriteResult>): void {',
			],
			'shared/client/errors.ts': [
				'export class SessionLostError extends Error {',
				'export class LockLostError extends Error {',
				'export class LockHeldError extends Error {',
			],
			'shared/client/writes.ts': [
				'submit(operation: Operation, signal: AbortSignal | undefined, settle: WriteCall): void {',
				'function sizeOf(operation: Operation): number {',
			],
			'shared/replica/client-connection.ts': ["if (batch.shortestTtlMs < sessionTtlMsMin) return 'badValue';"],
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
				'return transaction.reject(badValue(error));',

				'return settle.reject(badValue(error));',
				'function badValue(error: unknown): unknown {',
			],
		},
	},
	{
		why: 'The keys of the world are short ASCII text with a space, such as `key 3`. `test/store` and `test/client` have others.',
		files: {
			'shared/bytes/text.ts': [
				'export function fromUtf8(bytes: Uint8Array): string | undefined {',
				'return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;',
				'if (to - from > ASCII_CHARS_BY_HAND_MAX) return decoder.decode(bytes.subarray(from, to));',
			],
			'shared/client/text-format.ts': [
				'if (!ascii) return out.bytes(toUtf8(text));',
				'const text = fromUtf8(frame.subarray(at, at + length));',
				{ 'export function readText(from: Reader, frame: Uint8Array): string {': ['return text;'] },
			],
			'shared/replica/client-connection.ts': [
				'if (why !== null) return this.#refuseWrite(reader, why);',
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
				"if (decodedOnce(prefix).split('/').includes('..')) return 'has the segment \"..\"';",
				'const unseen = /[^\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} ]/u.exec(prefix);',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'return unseen && `has the character ${codePointName(unseen[0])}, which cannot be printed`;',
				'function codePointName(character: string): string {',
			],
		},
	},
	{
		why: 'A prefix is deleted by a request of its own in the world, as over HTTP. No client sends that on its connection.',
		files: {
			'shared/replica/client-connection.ts': [
				"if (prefixFault(operation.prefix) !== null) return 'badKey';",
				{ 'function faultOf(batch: BatchReader, { sessionTtlMsMin }: ReplicaLimits): Refusal | null {': ['break;'] },
			],
			'shared/store/batch-reader.ts': ["return { kind: 'deletePrefix', prefix: key };"],
		},
	},
	{
		why: 'A transaction of the world writes one key, and checks, reads and writes another one. `test/store/transaction.test.ts` does more.',
		files: {
			'shared/replica/client-readings.ts': ['if (keys.size === 0) return;'],
			'shared/store/store.ts': ['startingWith: (prefix) => this.state.keys.entries.startingWith(prefix),'],
			'shared/store/batch-reader.ts': [
				"return { kind: 'check', key, cas };",
				"return { kind: 'read', key };",
				'case KIND_READ_TREE:',
				"return { kind: 'readTree', prefix: key };",
			],
			'shared/store/batch-writer.ts': ["case 'readTree':", 'this.#begin(KIND_READ_TREE, operation.prefix, null);'],
			'shared/store/transaction.ts': [
				'return cas === null ? modifyRevision > 0 : cas === modifyRevision;',
				'return checkHolds(cas, found?.modifyRevision ?? 0) && (cas !== null || this.#mayRead(found));',
				'if (found?.flags === flags && found.lock === lock && found.holds(bytes, valueStart, valueEnd)) return true;',
				'if (this.#cuts.some((prefix) => key.startsWith(prefix))) return null;',

				'case KIND_DELETE: {',
				'case KIND_DELETE_PREFIX:',
				'for (const changed of this.#changed.keys()) if (changed.startsWith(key)) this.#changed.set(changed, null);',
				'this.#cuts.push(key);',
				'case KIND_READ_TREE:',
				'return this.#readTree(key);',
				'#readTree(prefix: string): boolean {',
				'*#mayBeBelow(prefix: string): Iterable<Kept> {',
			],
		},
	},
	{
		why: 'Views, indexes and descriptions serve HTTP, the page and the command line. `test/api`, `test/store` and `test/dashboard` use them.',
		files: {
			'shared/replica/told-changes.ts': 'all',
			'shared/replica/key-value-doors.ts': [
				'get shown(): ShownEntries {',
				'changesAfter(revision: number): KeyChanges {',
			],
			'shared/paxos/ballot.ts': [
				"if (ballot.node === '') return '';",
				'export function ballotFromText(text: string): Ballot | undefined {',
			],
			'shared/replica/digests.ts': ['get fault(): string | null {'],
			'shared/replica/disk-watch.ts': ['get fault(): string | null {'],
			'shared/replica/replica.ts': [
				'membersIndex: () => membersIndex(agent.members.sets),',
				'view(): ReplicaView {',
				'peers(): readonly PeerView[] {',
				'snapshot(): AgentSnapshot {',
			],
			'shared/replica/propose-answer.ts': 'all',
			'shared/replica/view.ts': 'all',
			'shared/store/command.ts': ['export function readCommands(value: Uint8Array): Command[] {'],
			'shared/store/describe.ts': 'all',
			'shared/store/key-index.ts': [
				'highest(prefix: string): number {',
				'arrays({ chunk }: Position, to: Position): (readonly T[])[] {',
				'const NO_HOLDERS: Holders<unknown> = { through: 0, keptArray: () => undefined, keptCut: () => undefined };',
			],
			'shared/store/store.ts': [
				'if (entries.length >= entriesMax) break;',
				"view(prefix: string, after = ''): View | null {",
				'indexOfKey(key: string): number {',
				'indexOfPrefix(prefix: string): number {',
			],
			'shared/store/tombstones.ts': ['get droppedThrough(): number {', 'indexOf(prefix: string): number {'],
			'shared/store/views.ts': [
				'get size(): number {',
				'get keptBytes(): number {',
				'get cutBytes(): number {',
				'open(entries: KeyIndex<Kept>, prefix: string, after: string, revision: number): View | null {',
				'if (at < 0) return;',
				'if (older) older.bytesOfOlder += view.bytesOfOlder;',
				'} else if (older === this.#ofCut && older !== undefined) {',
				'older.bytesOfOlder += view.bytesOfOlder;',
				'older.bytesOfCut += view.bytesOfCut;',
				'this.through = this.#open.at(-1)?.revision ?? 0;',
				'for (const view of [...this.#open]) view.close();',
				'for (let i = from; i < to; i++) {',
				'this.#closeOldest();',
				'if (!view) return;',
				'if (isOfCut) view.bytesOfCut += bytes;',
				'else if (older && since <= older.revision) view.bytesOfOlder += bytes;',
				'else this.#keptBytes += bytes;',
				'const oldest = this.#open.find((view) => view !== this.#ofCut) as View;',
				'oldest.close();',
				'return this.#arrays?.length ?? 0;',
				'get isClosed(): boolean {',
				'return isLast && this.#item >= (this.#lastItems > 0 ? this.#lastItems : array.length);',
				'this.#array++;',
				{ 'next(): ViewedEntry | undefined {': ['this.#item = 0;'] },
				'skip(isPassed: (key: string) => boolean): void {',
				{ 'close(): void {': ['if (this.#arrays === null) return;'] },
			],
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
		why: 'Only tests and the explorer call them.',
		files: {
			'shared/paxos/view.ts': ['get members(): MembersState {'],
			'shared/disk/log.ts': ['static open(disk: Disk, options: LogOptions, handlers: LogHandlers): OpenedLog {'],
			'shared/paxos/value.ts': ['export function batchValue(commands: Uint8Array): Value {'],
			'shared/replica/submissions.ts': ['get clientsCount(): number {'],
			'shared/store/client-table.ts': [
				'get size(): number {',
				{ 'export class ClientTable {': ['get outcomesCount(): number {'] },
			],
			'shared/store/command.ts': [
				'export function encodeCommand({ client, sequence, receivedThrough }: Identity, operation: Operation): Uint8Array {',
			],
			'shared/store/applied-once.ts': ['get clientsCount(): number {', 'get outcomesCount(): number {'],
			'shared/store/store.ts': [
				'tidy(entriesMax: number): void {',
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
