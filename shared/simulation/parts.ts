/**
 * Checks how a node tells the operations of a transaction to the HTTP API: it tells each of them once, in order, and while
 * the store is as that operation has left it.
 */
import type { OnPart } from '../replica/own-batch.ts';
import type { PartOfTransaction } from '../store/command.ts';
import type { Store } from '../store/store.ts';
import { Violation } from './ledger.ts';

interface Part {
	/** Whether it was applied now: then the store is as it was left. */
	readonly isNew: boolean;
	readonly ok: boolean;
	readonly revision: number;
	/** The revision that its key had when it was told; 0 for an absent key. */
	readonly found: number;
}

export class PartsTold {
	readonly #operations: readonly PartOfTransaction[];
	readonly #store: Pick<Store, 'get'>;
	readonly #parts: Part[] = [];

	constructor(operations: readonly PartOfTransaction[], store: Pick<Store, 'get'>) {
		this.#operations = operations;
		this.#store = store;
	}

	readonly take: OnPart = (index, { kind, ok, revision }) => {
		const operation = this.#operations[index];
		if (index !== this.#parts.length || !operation) {
			throw new Violation('PartsAreTrue', `part ${index} is told behind ${this.#parts.length} others`);
		}
		const found = 'key' in operation ? (this.#store.get(operation.key)?.modifyRevision ?? 0) : 0;
		this.#parts.push({ isNew: kind === 'applied', ok, revision, found });
	};

	/** The transaction is answered. @param ok whether all conditions held */
	mustBeAll(ok: boolean): void {
		if (this.#parts.length !== this.#operations.length || this.#parts.every((part) => part.ok) !== ok) {
			throw new Violation(
				'PartsAreTrue',
				`a transaction is answered ${ok}, of its parts ${JSON.stringify(this.#parts)}`,
			);
		}
		if (!ok) return;
		const revisions = new Map<string, number>();
		for (const [index, { isNew, revision, found }] of this.#parts.entries()) {
			const operation = this.#operations[index] as PartOfTransaction;
			if (!isNew || !('key' in operation)) continue;
			if (operation.kind === 'put') revisions.set(operation.key, revision);
			if (operation.kind === 'check' && operation.cas !== null) revisions.set(operation.key, operation.cas);
			const expected = revisions.get(operation.key);
			if (expected === undefined || found === expected) continue;
			throw new Violation('PartsAreTrue', `${operation.kind} of ${operation.key} is told at ${found}, not ${expected}`);
		}
	}
}
