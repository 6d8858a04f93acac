/** Lines that no seed reaches because a run of half a minute stays below a bound. */
import type { Unreached } from './named.ts';

export const BOUNDS: readonly Unreached[] = [
	{
		why: 'A leader has room for 64 MiB and 65,536 forwards, which the five clients of the world cannot fill. `test/paper/resend.test.ts` fills the former.',
		files: {
			'shared/paxos/agent.ts': [
				'if (message.origin !== this.#context.config.id) return this.#passBack(message);',
				'return this.#proposals.forwardRefused(message);',
				'const { origin, epoch, id } = forward;',
				"this.#context.out.now(from, { kind: 'noRoom', origin, epoch, id });",
				'return this.#proposals.pending.retryRefused();',
			],
			'shared/paxos/forwards.ts': ['if (known.ids.size >= FORWARDS_MAX) return false;'],
			'shared/paxos/pending.ts': [
				'if (!leaves(pending.proposal)) return;',
				'refused(id: ProposalId): void {',
				'retryRefused(): void {',
			],
			'shared/paxos/proposals.ts': ['forwardRefused({ epoch, id }: NoRoom): void {'],
			'shared/paxos/queue.ts': ['if (!this.#hasRoom(value)) return false;'],
			'shared/paxos/timers.ts': ['export function armForward({ out, config }: Context): void {'],
			'shared/paxos/wire.ts': ['return writeForwardId(out, message);', 'return { kind, ...readForwardId(from) };'],
		},
	},
	{
		why: 'The world has five keys, which begin alike, and no more clients and deletions than a table holds. `test/store` has many of each.',
		files: {
			'shared/store/client-table.ts': [
				'this.#evicted.delete(this.#evictedOrder[this.#evictedFirst] as string);',
				'this.#evictedOrder[this.#evictedFirst] = id;',
				'this.#evictedFirst = (this.#evictedFirst + 1) % this.#evictedOrder.length;',
			],
			'shared/store/key-index.ts': [
				'if (items.length > CHUNK_ITEMS_MAX) this.#split(chunk, at);',
				'const at = items.length > CHUNK_ITEMS_MIN ? -1 : this.#chunkOf(key);',
				'const first = from.item === 0 ? from.chunk : from.chunk + 1;',
				'if (to.item > 0) this.#cutItems(to.chunk, 0, to.item, revision);',
				'if (from.item > 0) this.#cutItems(from.chunk, from.item, Number.POSITIVE_INFINITY, revision);',
				'const { chunk, item } = this.#seek((other) => compareUtf8(other, key) <= 0);',
				'return item > 0 ? this.#chunks[chunk]?.items[item - 1] : this.#chunks[chunk - 1]?.items.at(-1);',
				{
					'*startingWith(prefix: string): Iterable<T> {': [
						'const end = at === to.chunk ? to.item : items.length;',
						'for (let i = at === from.chunk ? from.item : 0; i < end; i++) yield items[i] as T;',
					],
				},
				'#split(chunk: Chunk<T>, at: number): void {',
				'const from = at + 1 < this.#chunks.length ? at : at - 1;',
				'if (!lower || !upper || lower.items.length + upper.items.length > 2 * CHUNK_ITEMS_MIN) return;',
				{ '#join(at: number): void {': ['const items = this.#owned(lower);'] },
				'for (const item of upper.items) {',
				'lower.highest = Math.max(lower.highest, upper.highest);',
				'this.#chunks.splice(from + 1, 1);',
				{
					'#cutItems(at: number, from: number, to: number, revision: number): void {': [
						'if (!chunk || from >= to) return;',
						'const cut = this.#owned(chunk).splice(from, to - from);',
						'this.#size -= cut.length;',
						'this.#leave(this.#newChunk(cut), revision);',
						'chunk.highest = highestOf(chunk.items);',
					],
				},
				'if (this.#untidied === null) this.#untidied = chunk;',
				'else if (this.#untidiedLast !== null) this.#untidiedLast.nextCut = chunk;',
			],
			'shared/store/key-table.ts': [
				'if (4 * table.count > 3 * table.slots.length) resize(table, 2 * table.slots.length);',
				'if (slots.length > SLOTS_MIN && 8 * table.count < slots.length) resize(table, slots.length / 2);',
				'if (other !== undefined && (other.hash !== item.hash || other.key !== item.key)) continue;',
				{
					'function closeGap<T extends Hashed>(slots: (T | undefined)[], empty: number): void {': [
						'const stepsFromHome = (at - (item.hash >>> TABLE_BITS)) & mask;',
						'if (stepsFromHome < ((at - gap) & mask)) continue;',
						'slots[gap] = item;',
						'slots[at] = undefined;',
						'gap = at;',
					],
				},
				'function resize<T extends Hashed>(table: Table<T>, slotsCount: number): void {',
			],
			'shared/store/sorted.ts': ['return item < items.length ? { chunk, item } : { chunk: chunk + 1, item: 0 };'],
			'shared/store/tombstones.ts': [
				'oldest.goneRevision = revision;',
				'this.#indexOf(oldest).delete(oldest);',
				'this.#droppedThrough = Math.max(this.#droppedThrough, oldest.modifyRevision);',
				'if (goneCount <= GONE_MAX || goneCount <= this.size) return;',
				'this.#byAge = this.#byAge.filter(({ isGone }) => !isGone);',
				{ '#append(tombstone: Tombstone): void {': ['this.#oldest = 0;'] },
				'const length = outer ? commonLength(outer.key, key) : 0;',
				'while (outer && outer.key.length > length) outer = outer.outer;',
				'return outer?.isGone ? undefined : outer;',
				'function commonLength(a: string, b: string): number {',
			],
		},
	},
	{
		why: 'A run writes too little for the bounds of a log in bytes, and no record larger than a segment. `test/storage/log.test.ts` and `test/measured/long-log.test.ts` write enough.',
		files: {
			'shared/disk/log.ts': ["if (waitingBytes > WAITING_BYTES_MAX) return 'promises';"],
			'shared/disk/recover.ts': ['told = offset;', 'yield offset;'],
			'shared/disk/waiting.ts': [
				'return this.#batches[0]?.body.length ?? this.#collecting.length;',
				'if (this.#collected > 0 && this.#collecting.length + bytesMax > this.#bodyBytesGoal) this.#seal();',
			],
		},
	},
	{
		why: 'A run chooses some hundred slots, so that no node lags by 256 slots and every digest is kept. `test/paper/elections.test.ts` and `test/replica/digests.test.ts` have more.',
		files: {
			'shared/paxos/poll.ts': [
				'if (this.state.furthest <= this.#context.chosenThrough() + lagMax || this.state.yields >= YIELDS_MAX) {',
				'this.state.yields++;',
				{ '#yieldsToOther(): boolean {': ['return true;'] },
			],
			'shared/replica/digests.ts': [
				'if (slot !== this.#last + 1) this.#first = slot;',
				'return isKept ? this.#digests[slot % KEPT] : undefined;',
				'if (own === undefined) return;',
			],
		},
	},
	{
		why: 'So many messages would have to come before the links of a node are made, within a tenth of a second. `test/replica/memory.test.ts` sends them.',
		files: {
			'shared/replica/replica.ts': ['cut: (peer, why) => mesh.cut(peer, why),', 'if (taken.length === 0) return;'],
			'shared/replica/intake.ts': [
				'if (this.#notHeard.has(from)) return [];',
				'this.#notHeard.add(from);',
				'this.#runtime.cut(from, STARTING);',
				{
					'take(from: NodeId, messages: readonly Message[], reached: FrameNumber): readonly Message[] {': [
						'return [];',
					],
				},
			],
		},
	},
	{
		why: 'It takes 256 campaigns for one request, a minute at one node, or a ballot that ends in 999,999 ns.',
		files: {
			'shared/client/route.ts': [
				'if (this.#nowMs - this.#currentSinceMs >= FOLLOW_AGAIN_MAX_MS) this.#followFailures = 0;',
			],
			'shared/paxos/ballot.ts': [
				'return floor.ns + 1 < NS_PER_MS ? { ms: floor.ms, ns: floor.ns + 1, node } : { ms: floor.ms + 1, ns: 0, node };',
			],
			'shared/replica/attempts.ts': ['if (this.#all.length >= ATTEMPTS_MAX) return;'],
		},
	},
	{
		why: 'No connection of the world has had five clients, and no value is larger than a door takes. No test has them at a real door.',
		files: {
			'shared/replica/submissions.ts': ["return 'no slot can hold this value';"],
			'shared/replica/client-connection.ts': [
				'if (this.#clients.size <= CLIENTS_PER_CONNECTION_MAX || oldest === undefined) return;',
				'this.#clients.delete(oldest);',
				'submissions.unlisten(oldest, this);',
				"if (batch.largestValueBytes > VALUE_BYTES_MAX) return 'badValue';",
			],
		},
	},
	{
		why: 'No client of the world is dropped so often that its calls go under five names. In `test/client/limits.test.ts` one is.',
		files: {
			'shared/client/writes.ts': [
				{
					"results({ first, count, status, revision }: NodeSection & { kind: 'results' }): void {": [
						'if (batch.isOver) continue;',
					],
				},
				'clients.delete(clientId);',
				{ '#boundClients(): void {': ['for (const batch of this.#batches) {'] },
			],
		},
	},
	{
		why: 'The values of a run fill no slab of the history of changes. `test/replica/watches.test.ts` writes more.',
		files: {
			'shared/replica/history.ts': [
				'if (this.#slab.used + length > SLAB_BYTES) this.#nextSlab();',
				'#nextSlab(): void {',
				'if (slab.changes === 0 && slab !== this.#slab) this.#spare = slab;',
			],
		},
	},
];
