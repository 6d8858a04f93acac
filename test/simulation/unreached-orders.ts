/** Lines that no seed reaches because their order of events is ruled out, or rare. */
import type { Unreached } from './named.ts';

export const ORDERS: readonly Unreached[] = [
	{
		why: 'The code around each of these rules the case out, and the types or the next reader do not know it.',
		files: {
			'shared/replica/client-connection.ts': [
				{ 'result(sequence: number, result: Result): void {': ['if (!this.#isOpen) return;'] },
			],
			'shared/replica/snapshots.ts': ['const grown = this.#log.bytes - (this.#writing?.logBytes ?? 0);'],
			'shared/replica/watches.ts': ["if (watch.phase !== 'paused') return;", "if (watch.phase !== 'behind') continue;"],
			'shared/client/batches.ts': ['if (batch.isOver) return false;'],
			'shared/client/reads.ts': ['if (!batch.isOut) continue;', 'if (!this.#batches.remove(batch)) return;'],
			'shared/client/route.ts': [
				{ '#dial(url: string, why: Why): void {': ['this.#dialing?.close();'] },
				'if (link !== this.#current) return;',
				{ '#ended(link: Link): void {': ['return;'] },
			],
			'shared/client/write-batch.ts': ['if (!this.isOut) return false;'],
			'shared/client/writes.ts': [
				'if (!batch.refused(why, mayHaveLeft)) continue;',
				'if (!batches.remove(batch)) return;',
			],
			'shared/paxos/campaign.ts': ['return report.parts.flatMap((part) => part ?? []);'],
			'shared/paxos/learner.ts': ['if (!entry) break;', 'if (this.state.source === null) return;'],
			'shared/paxos/proposals.ts': ['if (to === this.#context.config.id) return;'],
			'shared/disk/segments.ts': ['return this.#kept[0]?.segment ?? this.#notes.now.first;'],
			'shared/replica/barriers.ts': ['const asked = this.#asked ?? [];'],
			'shared/replica/disk-watch.ts': [
				'return ((this.#runtime.nowMs() - (this.#silentSinceMs ?? 0)) / 1000).toFixed(1);',
			],
			'shared/store/key-table.ts': ['if (table === undefined) return;'],
			'shared/store/tombstones.ts': ['if (!oldest) return;'],
		},
	},
	{
		why: 'The world asks for it when a call has just been answered.',
		files: {
			'shared/client/route.ts': ["return this.#current ? this.#currentNode : '';"],
		},
	},
	{
		why: 'The order of events is rare. `bounds`, `clocks`, `cuts`, `elections` and `rules.test.ts` in `test/paper` `test/replica/submissions.test.ts` and `test/client/giving-up.test.ts` bring it about.',
		files: {
			'shared/client/writes.ts': ['if (receivedThrough < this.#givenUpThrough) return false;'],
			'shared/paxos/agent.ts': ['if (this.#clocks.hadIgnored(message.ballot)) this.#acceptor.lacks(message.ballot);'],
			'shared/paxos/campaign.ts': ['if (report && isWhole(report)) return false;'],
			'shared/paxos/clocks.ts': [
				'if (isLast) this.state.disbelieved = NO_BALLOT;',
				'if (!this.believes(ballot)) return;',
				'if (sameBallot(ballot, this.state.disbelieved)) return;',
				'return { ms: Math.min(Math.max(quorumMs ?? 0, WRITTEN_MS), WALL_MS_MAX), ns: 0 };',
				'return highestFirst[this.#quorumSize - 1] ?? NO_BALLOT;',
			],
			'shared/paxos/learner.ts': ['if (decisions.length === 0) this.#forget();'],
			'shared/paxos/queue.ts': ['if (values.length > 0 && bytes + commandsLength(value) > valueBytesMax) break;'],
			'shared/replica/own-client.ts': [
				"return command?.answer({ outcome: 'refused', ...NOT_REMEMBERED, attempts: [] });",
				'#refuseWaiting(refusal: Refusal): void {',
				'if (refusal !== null) this.#refuseWaiting(refusal);',
			],
			'shared/paxos/leadership.ts': [
				"else if (!this.#isAskedOfVoters(slot)) this.propose(slot, value, 'reported', [], ballot);",
			],
			'shared/replica/submissions.ts': [
				{ '#end(id: ProposalId, end: BatchEnd): void {': ['if (!proposed) return;'] },
				{
					'#unlist(batch: Batch): boolean {': [
						'if (!batch.isListed) return false;',
						'if (copy !== null) copy.laterCopy = laterCopy;',
						'if (laterCopy !== null) {',
						'else client.batches.set(batch.last, copy);',
					],
				},
				'this.#bytes -= chargeOf(batch.bytes);',
				"batch.submitter.ended(batch, { kind: 'refused', ...STOPPING });",
			],
		},
	},
];
