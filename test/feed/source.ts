/** A fake replica that tells the facts that a test gives it, numbered from 1, and snapshots after the last one. */

import { randomBytes } from 'node:crypto';
import type { FactSource } from '../../server/feed/flow.ts';
import type { RawFact } from '../../shared/fact.ts';
import type { NodeSnapshot } from '../../shared/feed.ts';

export class ScriptedSource implements FactSource {
	seq = 0;
	watchers = 0;
	/** How often watching began. */
	watches = 0;
	snapshots = 0;
	/** The numbers of the facts that are heartbeats. */
	readonly #beats = new Set<number>();
	#onFact: ((fact: RawFact) => void) | null = null;

	snapshot(): NodeSnapshot {
		this.snapshots++;
		return {
			node: 'n1',
			epoch: 'e1',
			seq: this.seq,
			time: 0,
			swarm: { name: 'test', id: 's1', members: [], sets: [] },
			role: 'follower',
			promised: '',
			leader: '',
			chosenThrough: 0,
			appliedThrough: 0,
			trimmedThrough: 0,
			revision: 0,
			slots: [],
			entries: [],
			entriesCount: 0,
			linked: [],
			phase1: null,
			faults: null,
		};
	}

	watch(onFact: (fact: RawFact) => void): () => void {
		this.watchers++;
		this.watches++;
		this.#onFact = onFact;
		return () => {
			this.watchers--;
			this.#onFact = null;
		};
	}

	/** Tells `count` facts, by default of the kind `applied`. */
	tell(count: number, body: 'applied' | 'linkUp' = 'applied'): void {
		for (let index = 0; index < count; index++) {
			const stamp = { node: 'n1', epoch: 'e1', seq: ++this.seq, time: 0 };
			this.#onFact?.(
				body === 'applied'
					? { ...stamp, kind: 'applied', through: this.seq, revision: this.seq }
					: { ...stamp, kind: 'linkUp', peer: 'n2' },
			);
		}
	}

	/** Tells two facts of a write of a leader, which took so long. */
	tellWrite(durationMs: number): void {
		const ballot = { ms: 1, ns: 0, node: 'n1' };
		const stamp = { node: 'n1', epoch: 'e1' };
		const slot = ++this.seq;
		const value = new Uint8Array(0);
		const proposed = { kind: 'proposed', ballot, slot, value, origin: 'own', reportedAt: ballot } as const;
		this.#onFact?.({ ...stamp, seq: slot, time: 0, ...proposed });
		this.#onFact?.({ ...stamp, seq: ++this.seq, time: durationMs, kind: 'applied', through: slot, revision: slot });
	}

	/** Tells `count` facts of heartbeats. */
	tellBeats(count: number): void {
		const ballot = { ms: 1, ns: 0, node: 'n1' };
		for (let index = 0; index < count; index++) {
			this.#beats.add(++this.seq);
			this.#onFact?.({
				node: 'n1',
				epoch: 'e1',
				seq: this.seq,
				time: 0,
				kind: 'sent',
				to: 'n2',
				messageId: 'm1',
				message: { kind: 'heartbeat', ballot, chosenThrough: 0, recoveredThrough: 0, round: 0, timeMs: 0 },
			});
		}
	}

	/** The numbers of all facts after this one but those of heartbeats. */
	seqsButBeats(after: number): number[] {
		return Array.from({ length: this.seq - after }, (_, i) => after + 1 + i).filter((seq) => !this.#beats.has(seq));
	}

	/** Tells `count` facts of about `bytes` each. */
	tellLong(count: number, bytes: number): void {
		for (let index = 0; index < count; index++) {
			const why = randomBytes(bytes / 2).toString('hex');
			this.#onFact?.({ node: 'n1', epoch: 'e1', seq: ++this.seq, time: 0, kind: 'linkDown', peer: 'n2', why });
		}
	}

	/** Tells one fact of a message that carries `count` decisions. */
	tellDecisions(count: number): void {
		const ballot = { ms: 1, ns: 0, node: 'n1' };
		const value = new Uint8Array(0);
		this.#onFact?.({
			node: 'n1',
			epoch: 'e1',
			seq: ++this.seq,
			time: 0,
			kind: 'sent',
			to: 'n2',
			messageId: 'm1',
			message: {
				kind: 'decisions',
				from: 1,
				chosenThrough: count,
				decisions: Array.from({ length: count }, () => ({ ballot, value })),
			},
		});
	}
}
