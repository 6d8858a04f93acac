/**
 * A fake replica that tells the facts that a test gives it, numbered from 1, and snapshots after the last one. Each fact of
 * the kind `applied` is of a slot of its own. While the facts are paused it makes none of those, as a node does.
 */

import { randomBytes } from 'node:crypto';
import type { FactSource } from '../../server/feed/flow.ts';
import type { FactListener, FactWatch } from '../../server/replica/service.ts';
import type { FactStamp, RawFact } from '../../shared/fact.ts';
import type { NodeSnapshot } from '../../shared/feed.ts';

export class ScriptedSource implements FactSource {
	seq = 0;
	chosenThrough = 0;
	watchers = 0;
	/** How often watching began. */
	watches = 0;
	snapshots = 0;
	/** The numbers of the facts that are heartbeats. */
	readonly #beats = new Set<number>();
	#listener: FactListener | null = null;
	#pause: { readonly from: number; reached(): void } | null = null;
	#passedThrough = 0;

	view(): { readonly chosenThrough: number } {
		return { chosenThrough: this.chosenThrough };
	}

	get isPaused(): boolean {
		return this.#pause !== null;
	}

	snapshot(): NodeSnapshot {
		this.snapshots++;
		if (this.#pause !== null) {
			const slots = this.chosenThrough - this.#passedThrough;
			this.#passedThrough = this.chosenThrough;
			this.seq += slots;
			if (slots > 0) this.#listener?.passed(slots, this.seq);
		}
		return {
			node: 'n1',
			epoch: 'e1',
			seq: this.seq,
			time: 0,
			swarm: { name: 'test', id: 's1', members: [], sets: [] },
			role: 'follower',
			promised: '',
			leader: '',
			chosenThrough: this.chosenThrough,
			appliedThrough: this.chosenThrough,
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

	watch(listener: FactListener): FactWatch {
		this.watchers++;
		this.watches++;
		this.#listener = listener;
		return {
			pause: (from, reached) => {
				if (this.#pause === null) this.#passedThrough = this.chosenThrough;
				this.#pause = { from, reached };
			},
			resume: () => {
				this.#pause = null;
			},
			end: () => {
				this.watchers--;
				this.#listener = null;
				this.#pause = null;
			},
		};
	}

	/** Tells `count` facts, by default of the kind `applied`. */
	tell(count: number, body: 'applied' | 'linkUp' | 'linkDown' = 'applied'): void {
		for (let index = 0; index < count; index++) {
			if (body === 'applied') this.#apply();
			else if (body === 'linkUp') this.#tell({ ...this.#stamp(), kind: body, peer: 'n2' });
			else this.#tell({ ...this.#stamp(), kind: body, peer: 'n2', why: 'a test' });
		}
	}

	#apply(): void {
		const through = this.chosenThrough + 1;
		if (this.#pause !== null && through >= this.#pause.from) this.#pause.reached();
		this.chosenThrough = through;
		if (this.#pause === null) this.#tell({ ...this.#stamp(), kind: 'applied', through, revision: through });
	}

	#tell(fact: RawFact): void {
		this.#listener?.fact(fact);
	}

	#stamp(): FactStamp {
		return { node: 'n1', epoch: 'e1', seq: ++this.seq, time: 0 };
	}

	/** Tells two facts of a write of a leader, which took so long. */
	tellWrite(durationMs: number): void {
		this.tellProposal();
		const through = ++this.chosenThrough;
		this.#tell({ ...this.#stamp(), time: durationMs, kind: 'applied', through, revision: through });
	}

	/** Tells that the leader proposes a value of its own for the next slot. */
	tellProposal(): void {
		const ballot = { ms: 1, ns: 0, node: 'n1' };
		const slot = this.chosenThrough + 1;
		const value = new Uint8Array(0);
		const proposed = { kind: 'proposed', ballot, slot, value, origin: 'own', reportedAt: ballot } as const;
		this.#tell({ ...this.#stamp(), ...proposed });
	}

	/** Tells `count` facts of heartbeats. */
	tellBeats(count: number): void {
		const ballot = { ms: 1, ns: 0, node: 'n1' };
		for (let index = 0; index < count; index++) {
			this.#beats.add(++this.seq);
			this.#listener?.fact({
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
			this.#listener?.fact({ node: 'n1', epoch: 'e1', seq: ++this.seq, time: 0, kind: 'linkDown', peer: 'n2', why });
		}
	}

	/** Tells one fact of a message that carries `count` decisions. */
	tellDecisions(count: number): void {
		const ballot = { ms: 1, ns: 0, node: 'n1' };
		const value = new Uint8Array(0);
		this.#listener?.fact({
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
