/**
 * `PUT /v1/txn`: several operations of which all have their effect, or none has. They are one batch in the log, and what
 * they answer is read while this node applies it, each behind the operations before it.
 */
import { type Request, type Response, Router } from 'express';
import type { OnPart } from '../../shared/replica/own-batch.ts';
import type { Entry } from '../../shared/store/entry.ts';
import { NEVER_HELD } from '../../shared/store/locks.ts';
import type { ReplicaService } from '../replica/service.ts';
import { answerJson, isPretty, onlyMethods, queryOf } from './answer.ts';
import { readBody } from './body.ts';
import type { Guard } from './guard.ts';
import { nameOfRequest, submitNamed } from './idempotency.ts';
import { invalidSession } from './kv-lock.ts';
import { entryJson } from './kv-read.ts';
import { turnToPrint } from './print-turns.ts';
import { refuseOtherDatacenter } from './query.ts';
import { readTxn, type TxnFault, type TxnOperation } from './txn-body.ts';
import { answerUnapplied } from './unapplied.ts';

export interface TxnOptions {
	readonly service: ReplicaService;
	readonly datacenter: string;
	/** null where the swarm has no tokens. */
	readonly guard: Guard | null;
	/** How long a transaction waits for its outcome, milliseconds. */
	readonly holdMs: number;
}

const BODY_BYTES_MAX = 524_288;

/** About how many bytes an entry is printed in, beside its key and value. */
const ENTRY_BYTES = 128;

/** Mounted at `/v1`. */
export function txnRoutes(options: TxnOptions): Router {
	const routes = Router({ caseSensitive: true });
	routes.all('/txn', onlyMethods('PUT'), (req, res) => txn(req, res, options));
	return routes;
}

async function txn(req: Request, res: Response, { service, datacenter, guard, holdMs }: TxnOptions): Promise<void> {
	refuseOtherDatacenter(queryOf(req), datacenter);
	const body = await readBody(req, BODY_BYTES_MAX);
	const asked = readTxn(body);
	const operationsOf = asked.flatMap((each) => ('fault' in each ? [] : [each.operation]));
	guard?.operations(req, operationsOf, (session) => service.store.keysHeldBy(session));
	const faults = asked.map((each) => ('fault' in each ? each.fault : null));
	if (faults.some((fault) => fault !== null)) return answerFailed(req, res, faults);
	const all = asked.filter((each): each is Exclude<typeof each, TxnFault> => !('fault' in each));
	if (all.length === 0) return await answerDone(req, res, []);

	const unmet: (string | null)[] = [];
	// They are printed once all conditions are known to hold: there is no bound on what other transactions would have read.
	const results: (readonly Entry[])[] = [];
	let isLate = false;
	const operations = all.map(({ operation }) => operation);
	const onPart: OnPart = (index, { kind, ok, revision }) => {
		const operation = all[index] as TxnOperation;
		const isCopy = kind === 'duplicate';
		unmet[index] = ok ? null : isCopy ? operation.unmet : unmetOf(operation, service);
		isLate ||= isCopy && !isAsAt(revision, operation, service);
		// The bounds on what a transaction reads hold for what it has read, and for nothing else.
		results[index] = ok && !isLate ? resultsOf(operation, service) : [];
	};
	const name = nameOfRequest(req, body);
	const submitted = await (name === null
		? service.transact(operations, holdMs, onPart)
		: submitNamed(
				service,
				res,
				{ ...name, isTransaction: true, timeoutMs: holdMs, operations: () => operations },
				onPart,
			));
	if (submitted.outcome !== 'chosen') return answerUnapplied(res, submitted);
	if (!submitted.ok) return answerFailed(req, res, unmet);
	if (!isLate) return await answerDone(req, res, results.flat());
	// It was applied before, or came with the snapshot of another node, and this node is not at the state that it read.
	res.setHeader('X-Swarm-Outcome', 'applied');
	answerJson(res, { Results: null, Errors: null }, isPretty(req));
}

/** Whether the store still has what the operation answered when it was applied at this revision. */
function isAsAt(revision: number, { operation, answers }: TxnOperation, { store }: ReplicaService): boolean {
	if (answers === 'nothing') return true;
	return 'prefix' in operation
		? store.changeOfPrefix(operation.prefix) <= revision
		: store.changeOfKey(operation.key) <= revision;
}

/** What is wrong with an operation whose condition does not hold, in the state that it has just left. */
function unmetOf({ operation, unmet }: TxnOperation, { store }: ReplicaService): string {
	const isInvalid = operation.kind === 'acquire' && !store.session(operation.session);
	return isInvalid ? invalidSession(operation.session) : unmet;
}

/** What the operation answers, by the state that it has just left. */
function resultsOf({ operation, answers }: TxnOperation, { store }: ReplicaService): readonly Entry[] {
	if (answers === 'nothing') return [];
	if ('prefix' in operation) return store.list(operation.prefix);
	if (!('key' in operation)) return [];
	const { key } = operation;
	const entry: Entry = store.get(key) ?? { key, ...MISSING };
	return [answers === 'entry' ? { ...entry, value: NO_VALUE } : entry];
}

const NO_VALUE = new Uint8Array(0);
/** What is told of a missing key. */
const MISSING = { value: NO_VALUE, flags: 0n, lock: NEVER_HELD, createRevision: 0, modifyRevision: 0 };

async function answerDone(req: Request, res: Response, entries: readonly Entry[]): Promise<void> {
	const bytes = entries.reduce((sum, { key, value }) => sum + key.length + value.length + ENTRY_BYTES, 0);
	await turnToPrint(bytes);
	answerJson(res, { Results: entries.map((entry) => ({ KV: entryJson(entry) })), Errors: null }, isPretty(req));
}

/** @param faults what is wrong with each operation; null for nothing */
function answerFailed(req: Request, res: Response, faults: readonly (string | null)[]): void {
	const errors = faults.flatMap((What, OpIndex) => (What === null ? [] : [{ OpIndex, What }]));
	answerJson(res, { Results: null, Errors: errors }, isPretty(req), 409);
}
