/** Transactions as people write them: their operations, what these answer, and what is wrong with them. */
import { TRANSACTION_COMMANDS_MAX } from '../store/batch-format.ts';
import type { PartOfTransaction } from '../store/command.ts';
import { VALUE_BYTES_MAX } from '../store/key.ts';
import { isSessionId } from '../store/sessions.ts';
import { bytesOf, wrongKey, wrongPrefix, wrongWriteOptions } from './arguments.ts';
import { BadOptionsError, BadValueError } from './errors.ts';
import type { ReadEntry } from './protocol.ts';
import type { SwarmSession } from './session.ts';
import type { TransactionAnswer } from './transaction.ts';

/** One operation of `SwarmClient.txn`. Each sees what those before it have done. */
export type TxnOperation = TxnPut | TxnDelete | TxnDeletePrefix | TxnGet | TxnCheck | TxnCheckSession;

/** Writes a key: `{ kind: 'put', key: 'color', value: 'red' }`. */
export interface TxnPut {
	readonly kind: 'put';
	readonly key: string;
	/** Its bytes, or a text as UTF-8. All values of a transaction together have 524,288 bytes at most. */
	readonly value: Uint8Array | string;
	/** Unsigned 64 bits that the store only keeps; 0 by default. */
	readonly flags?: bigint;
	/** 0: it holds only where the key is absent. Above 0: only where the key has this modifyRevision. */
	readonly cas?: number;
}

/** Removes a key, which may be absent: `{ kind: 'delete', key: 'color' }`. */
export interface TxnDelete {
	readonly kind: 'delete';
	readonly key: string;
	/** It holds only where the key has this modifyRevision, or is absent. */
	readonly cas?: number;
}

/** Removes all keys that begin with the prefix: `{ kind: 'deletePrefix', prefix: 'app/old/' }`. */
export interface TxnDeletePrefix {
	readonly kind: 'deletePrefix';
	readonly prefix: string;
}

/**
 * Reads a key, which may be absent: `{ kind: 'get', key: 'color' }`. It holds unless the transaction reads more than
 * 1,048,576 bytes of values.
 */
export interface TxnGet {
	readonly kind: 'get';
	readonly key: string;
}

/** Changes nothing: `{ kind: 'check', key: 'job', cas: lock.fence.modifyRevision }`. */
export interface TxnCheck {
	readonly kind: 'check';
	readonly key: string;
	/** 0: it holds only where the key is absent. Above 0: only where the key has this modifyRevision. */
	readonly cas: number;
}

/** Changes nothing, and holds only where this session holds the key: `{ kind: 'checkSession', key: 'job', session }`. */
export interface TxnCheckSession {
	readonly kind: 'checkSession';
	readonly key: string;
	readonly session: Pick<SwarmSession, 'id'>;
}

/** What an operation answers: a `get` the entry, null where the key was absent; all others their revision. */
export type TxnResultOf<Of extends TxnOperation> = Of extends TxnGet ? ReadEntry | null : number;
export type TxnResults<Of extends readonly TxnOperation[]> = { readonly [At in keyof Of]: TxnResultOf<Of[At]> };

export type TxnResult<Of extends readonly TxnOperation[]> =
	/** All operations have had their effect. `results` has an item for each of them. */
	| { readonly ok: true; readonly results: TxnResults<Of> }
	/** None has, because those at these places in the list do not hold. */
	| { readonly ok: false; readonly failed: readonly number[] };

/** The operations as the store knows them, or the error for the first that is wrong. Values are copied. */
export function operationsOf(operations: readonly TxnOperation[]): PartOfTransaction[] | Error {
	if (!Array.isArray(operations)) return new BadOptionsError('a transaction is a list of operations');
	if (operations.length === 0 || operations.length > TRANSACTION_COMMANDS_MAX) {
		return new BadOptionsError(`a transaction has 1 to ${TRANSACTION_COMMANDS_MAX} operations`);
	}
	const all: PartOfTransaction[] = [];
	let valueBytes = 0;
	for (const operation of operations) {
		const read = operationOf(operation);
		if (read instanceof Error) return read;
		all.push(read);
		if (read.kind === 'put') valueBytes += read.value.length;
	}
	if (valueBytes <= VALUE_BYTES_MAX) return all;
	return new BadValueError(`the values of the transaction have ${valueBytes} bytes, max size: ${VALUE_BYTES_MAX}`);
}

function operationOf(operation: TxnOperation): PartOfTransaction | Error {
	// A caller may pass anything, and a kind that does not exist has no case below.
	switch (operation?.kind) {
		case 'put': {
			const { key, flags = 0n, cas = null } = operation;
			const wrong = wrongKey(key) ?? wrongWriteOptions(operation);
			if (wrong) return wrong;
			const value = bytesOf(operation.value);
			return value instanceof Error ? value : { kind: 'put', key, value: value.slice(), flags, cas };
		}
		case 'delete': {
			const { key, cas = null } = operation;
			return wrongKey(key) ?? wrongWriteOptions(operation) ?? { kind: 'delete', key, cas };
		}
		case 'deletePrefix': {
			const { prefix } = operation;
			return wrongPrefix(prefix) ?? { kind: 'deletePrefix', prefix };
		}
		case 'get': {
			const { key } = operation;
			return wrongKey(key) ?? { kind: 'read', key };
		}
		case 'check': {
			const { key, cas } = operation;
			if (cas === undefined) return new BadValueError('a check has a condition (cas): a revision or 0');
			return wrongKey(key) ?? wrongWriteOptions(operation) ?? { kind: 'check', key, cas };
		}
		case 'checkSession': {
			const { key, session } = operation;
			const id = session?.id;
			if (typeof id !== 'string' || !isSessionId(id)) return new BadOptionsError('session is a session');
			return wrongKey(key) ?? { kind: 'checkSession', key, session: id };
		}
		default:
			return new BadOptionsError('an operation is a put, delete, deletePrefix, get, check or checkSession');
	}
}

/** The result as people get it. @param operations those that `operationsOf` has made of `Of` */
export function resultOf<Of extends readonly TxnOperation[]>(
	operations: readonly PartOfTransaction[],
	{ held, revision, entries }: TransactionAnswer,
): TxnResult<Of> {
	if (held.includes(false)) return { ok: false, failed: held.flatMap((holds, at) => (holds ? [] : [at])) };
	const first = revision + 1 - operations.length;
	let read = 0;
	const results = operations.map(({ kind }, at) => (kind === 'read' ? entries[read++] : first + at));
	return { ok: true, results: results as unknown as TxnResults<Of> };
}
