/**
 * Requests with a name, which people may repeat at any node and as often as they like. Each is a client of its own in the
 * table of clients of the store, and has one batch. So the first copy that is chosen is applied, and every later one is
 * told its outcome, for as long as the table keeps that; then it is refused.
 *
 * A request is registered before its batch is proposed: a transaction cannot begin with a registration, and what the
 * request creates may be named after the revision of that, which is the same for every copy.
 *
 * What it must never do: say of a request that it did not happen, because an earlier copy may have; give one request two
 * places among the sequences.
 *
 * @source draft-ietf-httpapi-idempotency-key-header
 */
import type { Slot } from '../paxos/message.ts';
import { TRANSACTION_COMMANDS_MAX } from '../store/batch-format.ts';
import { BatchWriter } from '../store/batch-writer.ts';
import type { Operation } from '../store/command.ts';
import type { Machine } from '../store/machine.ts';
import type { Result } from '../store/result.ts';
import { Batch, type BatchEnd, type Submitter } from './batch.ts';
import type { OnPart } from './own-batch.ts';
import type { Submissions } from './submissions.ts';

export interface NamedRequest {
	/** `REQUEST_MARK`, and up to 63 more characters of ASCII. */
	readonly name: string;
	/** A number for the contents, from 1 to `CONTENT_MAX`: a request with other contents under the same name has another one. */
	readonly content: number;
	/** Whether all operations have their effect, or none has. Without it there is one operation. */
	readonly isTransaction: boolean;
	/** Milliseconds. */
	readonly timeoutMs: number;
	/** The operations to carry out. @param registered the revision of the registration of the request */
	operations(registered: number): readonly Operation[];
}

export type NamedAnswer =
	/**
	 * It has happened, now or when an earlier copy was applied. `ok` is false where a condition did not hold. `registered`
	 * is the revision of its registration.
	 */
	| { readonly outcome: 'chosen'; readonly ok: boolean; readonly registered: number; readonly slot: Slot }
	/** It may have happened, or may yet. */
	| { readonly outcome: 'unknown'; readonly detail: string }
	/** The name stands for another request, and this one surely did not and will not happen. */
	| { readonly outcome: 'taken' }
	/** Its outcome is not kept any more. It will not happen again. */
	| { readonly outcome: 'forgotten' };

export type OnNamed = (answer: NamedAnswer) => void;

export const CONTENT_MAX = 2 ** 46;

export interface NamedRequestsRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	readonly machine: Pick<Machine, 'keepsOutcomesOf'>;
}

/** The part of the table of submissions that the requests use. */
type Table = Pick<Submissions, 'listen' | 'unlisten' | 'submit'>;

export class NamedRequests {
	readonly submissions: Table;
	readonly runtime: NamedRequestsRuntime;
	readonly writer = new BatchWriter();
	/** The names under which requests have no answer. */
	readonly #names = new Map<string, Name>();
	#count = 0;

	constructor(submissions: Table, runtime: NamedRequestsRuntime) {
		this.submissions = submissions;
		this.runtime = runtime;
	}

	/** The number of requests without an answer. A request and its copies count once. */
	get count(): number {
		return this.#count;
	}

	/** @param onPart as of `OwnClient.transact` @param answer called once, perhaps from inside this call */
	submit(request: NamedRequest, onPart: OnPart, answer: OnNamed): void {
		const name = this.#names.get(request.name) ?? this.#begin(request.name);
		const same = name.requests.find(({ content }) => content === request.content);
		if (same) return same.join(onPart, answer);
		const begun = new OpenRequest(this, request);
		begun.join(onPart, answer);
		name.requests.push(begun);
		this.#count++;
		begun.register();
	}

	/** A request calls this when it has its answer. */
	ended(request: OpenRequest): void {
		const name = this.#names.get(request.name) as Name;
		name.requests.splice(name.requests.indexOf(request), 1);
		this.#count--;
		if (name.requests.length > 0) return;
		this.#names.delete(request.name);
		this.submissions.unlisten(request.name, name);
	}

	#begin(id: string): Name {
		const name = new Name();
		this.#names.set(id, name);
		this.submissions.listen(id, name);
		return name;
	}
}

/** Different requests under one name. Which of them has happened, here or at another node, only the log tells. */
class Name implements Submitter {
	readonly requests: OpenRequest[] = [];

	result(sequence: number, result: Result, slot: Slot): void {
		for (const request of [...this.requests]) request.result(sequence, result, slot);
	}

	settled(): void {
		// The results have told all.
	}

	ended(): void {
		// Each batch tells its own request.
	}
}

/** The registration has this sequence, which the store does not keep. */
const REGISTRATION = 1;

/** The sequence of its first operation. */
export function firstOfRequest({ content }: NamedRequest): number {
	return content * TRANSACTION_COMMANDS_MAX;
}

/** A request without an answer, with all that wait for it at this node. */
class OpenRequest implements Submitter {
	readonly #owner: NamedRequests;
	readonly #request: NamedRequest;
	readonly #waiting: { readonly onPart: OnPart; readonly answer: OnNamed }[] = [];
	readonly #endsMs: number;
	readonly #first: number;
	/** The revision of its registration; 0 before. */
	#registered = 0;
	/** The number of its operations; 0 before it is registered. */
	#count = 0;
	#ok = true;
	#isOver = false;

	constructor(owner: NamedRequests, request: NamedRequest) {
		this.#owner = owner;
		this.#request = request;
		this.#endsMs = owner.runtime.nowMs() + request.timeoutMs;
		// Of two requests under one name no sequences are the same.
		this.#first = firstOfRequest(request);
	}

	get name(): string {
		return this.#request.name;
	}

	get content(): number {
		return this.#request.content;
	}

	join(onPart: OnPart, answer: OnNamed): void {
		this.#waiting.push({ onPart, answer });
	}

	register(): void {
		this.#submit(REGISTRATION, [{ kind: 'registerClient', client: this.name }], false);
	}

	result(sequence: number, result: Result, slot: Slot): void {
		if (this.#count === 0) {
			if (sequence !== REGISTRATION) return;
			return 'revision' in result ? this.#go(result.revision) : this.#end({ outcome: 'forgotten' });
		}
		const index = sequence - this.#first;
		if (index < 0 || index >= this.#count) return;
		if (!('ok' in result)) {
			const isTaken = this.#owner.runtime.machine.keepsOutcomesOf(this.name);
			return this.#end({ outcome: isTaken ? 'taken' : 'forgotten' });
		}
		this.#ok &&= result.ok;
		for (const { onPart } of this.#waiting) onPart(index, result);
		if (index < this.#count - 1) return;
		this.#end({ outcome: 'chosen', ok: this.#ok, registered: this.#registered, slot });
	}

	settled(): void {
		// The results have told all.
	}

	ended(_batch: Batch, { kind, ...end }: BatchEnd): void {
		const detail = 'detail' in end ? end.detail : 'the slot was taken';
		const why = kind === 'unknown' ? detail : `it was not taken in now (${detail}), and an earlier copy may have been`;
		this.#end({ outcome: 'unknown', detail: why });
	}

	#go(registered: number): void {
		this.#registered = registered;
		const { isTransaction } = this.#request;
		const operations = this.#request.operations(registered);
		this.#count = operations.length;
		this.#submit(this.#first, operations, isTransaction);
	}

	#submit(first: number, operations: readonly Operation[], isTransaction: boolean): void {
		const { submissions, runtime, writer } = this.#owner;
		writer.begin(this.name, first, 0, isTransaction);
		for (const operation of operations) writer.add(operation);
		const options = { route: 'leader', contest: 0, timeoutMs: Math.max(1, this.#endsMs - runtime.nowMs()) } as const;
		const registers = first === REGISTRATION;
		const batch = new Batch(this, this.name, first, operations.length, options, writer.take(), registers);
		const refusal = submissions.submit(batch);
		if (refusal !== null) this.ended(batch, { kind: 'refused', ...refusal });
	}

	#end(answer: NamedAnswer): void {
		if (this.#isOver) return;
		this.#isOver = true;
		this.#owner.ended(this);
		for (const each of this.#waiting) each.answer(answer);
	}
}
