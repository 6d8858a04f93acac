/**
 * The commands that this node proposes for its clients: gives each its identity, puts those of one turn into
 * one proposal, and turns what happens to them into one answer each. A client of this life of the process is
 * opened through the log first; what it cannot vouch for it calls unknown, never refused.
 */
import { nanoid } from 'nanoid';
import type { Attempt } from '../../shared/feed.ts';
import { type Ballot, ballotToText, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import type { OnClientResult, Progress, ReplicaLoop } from '../../shared/replica/loop.ts';
import { BatchWriter, stampBatches } from '../../shared/store/batch-writer.ts';
import type { Operation } from '../../shared/store/command.ts';
import { KEY_BYTES_MAX } from '../../shared/store/key.ts';
import type { SubmitAnswer, SubmitOptions } from './service.ts';

export type SubmissionsLoop = Pick<ReplicaLoop, 'propose' | 'withdraw' | 'listen' | 'unlisten'>;

/** From the first command without an answer to the last: the state machine keeps the outcomes of more. */
const COMMANDS_MAX = 50_000;
/** Of one proposal, unless one command and the registration are larger: two still fit a message of the mesh. */
const PROPOSAL_BYTES_MAX = 524_288;
/** Of an operation without its value: a key of the largest size, and what is written around it. */
const OPERATION_BYTES_MAX = KEY_BYTES_MAX + 64;

interface Submission {
	readonly operation: Operation;
	readonly options: SubmitOptions;
	readonly answer: (answer: SubmitAnswer) => void;
	/** null while it waits. */
	proposed: Proposed | null;
	sequence: number;
}

/** One proposal and what has become of it. */
interface Proposed {
	readonly client: string;
	readonly submissions: readonly Submission[];
	readonly attempts: Attempt[];
	placedUnder: Ballot;
	timeout: NodeJS.Timeout | undefined;
}

export class Submissions {
	readonly #loop: SubmissionsLoop;
	readonly #nowMs: () => number;
	readonly #soon: () => void;
	readonly #batch = new BatchWriter();
	#client: string;
	#isOpen = false;
	#opening = false;
	#sequence = 0;
	/** Sequences without an answer, in order. */
	readonly #unanswered = new Map<number, Submission>();
	/** Submitted before the client was open, or in this turn. */
	#waiting: Submission[] = [];
	#stopped = false;

	/** @param soon asks for `endTurn`, once all that is ready was handed in */
	constructor(loop: SubmissionsLoop, nowMs: () => number, soon: () => void) {
		this.#loop = loop;
		this.#soon = soon;
		this.#nowMs = nowMs;
		this.#client = this.#newClient();
	}

	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer> {
		if (this.#stopped) return Promise.resolve(refused('stopping', 'the node is stopping'));
		const first = this.#unanswered.keys().next().value ?? this.#sequence;
		if (this.#sequence - first + this.#waiting.length >= COMMANDS_MAX) {
			return Promise.resolve(refused('overloaded', `${COMMANDS_MAX} commands wait already`));
		}
		return new Promise((answer) => {
			this.#waiting.push({ operation, options, answer, proposed: null, sequence: 0 });
			this.#soon();
		});
	}

	/** Answers everything that waits: what was proposed may yet be chosen. */
	stop(): void {
		this.#stopped = true;
		for (const { answer } of this.#waiting) answer(refused('stopping', 'the node is stopping'));
		this.#waiting = [];
		for (const { answer } of this.#unanswered.values()) {
			answer({ outcome: 'unknown', why: 'stopping', detail: 'the node is stopping', attempts: [] });
		}
		this.#unanswered.clear();
	}

	/** What came in one turn of the event loop goes into one proposal. */
	endTurn(): void {
		if (this.#stopped || this.#waiting.length === 0) return;
		if (this.#isOpen) this.#proposeWaiting();
		else this.#open();
	}

	/**
	 * The client's first command. While it is on its way, what comes waits behind it; but what asks for both
	 * phases from here goes with it, so that people see its campaign even where no leader can be had.
	 */
	#open(): void {
		const [first] = this.#waiting;
		if (this.#opening || !first) return;
		this.#opening = true;
		const timeoutMs = Math.max(...this.#waiting.map(({ options }) => options.timeoutMs));
		const isAlone = first.options.route === 'self';
		if (isAlone) this.#waiting.shift();
		const opened = (answer: SubmitAnswer): void => {
			this.#opening = false;
			if (answer.outcome === 'chosen') {
				this.#isOpen = true;
				return this.#proposeWaiting();
			}
			// It may yet be chosen, so nothing else is ever proposed under it.
			this.#loop.unlisten(this.#client, this.#onResult);
			this.#client = this.#newClient();
			if (answer.outcome === 'kept' || (answer.outcome === 'refused' && answer.why === 'slotNotOpen'))
				return this.#soon();
			// Nothing that waited behind it has left.
			const waiting = this.#waiting;
			this.#waiting = [];
			for (const each of waiting) {
				each.answer(
					answer.outcome === 'refused' ? answer : refused('noLeader', 'the client could not be opened in time'),
				);
			}
		};
		const operation = { kind: 'registerClient', client: this.#client } as const;
		const options = { ...first.options, timeoutMs };
		const opening = { operation, options, answer: opened, proposed: null, sequence: 0 };
		this.#propose(isAlone ? [opening, first] : [opening]);
	}

	#proposeWaiting(): void {
		const waiting = this.#waiting;
		this.#waiting = [];
		const together = waiting.filter(({ options }) => options.route === 'leader');
		if (together.length > 0) this.#propose(together);
		for (const alone of waiting) if (alone.options.route === 'self') this.#propose([alone]);
	}

	/** One proposal, or several where they are too large for one. All are of one route. */
	#propose(submissions: readonly Submission[]): void {
		for (const submission of submissions) {
			submission.sequence = ++this.#sequence;
			this.#unanswered.set(submission.sequence, submission);
		}
		const receivedThrough = (this.#unanswered.keys().next().value as number) - 1;
		const batch = this.#batch;
		let from = 0;
		for (const [index, submission] of submissions.entries()) {
			const isFirst = index === from || submissions[index - 1]?.operation.kind === 'registerClient';
			if (!isFirst && batch.length + sizeOf(submission.operation) > PROPOSAL_BYTES_MAX) {
				this.#proposeOne(submissions.slice(from, index));
				from = index;
			}
			if (index === from) batch.begin(this.#client, submission.sequence, receivedThrough);
			batch.add(submission.operation);
		}
		this.#proposeOne(submissions.slice(from));
	}

	/** What the batch holds. */
	#proposeOne(submissions: readonly Submission[]): void {
		const first = submissions[0] as Submission;
		const last = submissions.at(-1) as Submission;
		const client = this.#client;
		const proposed: Proposed = { client, submissions, attempts: [], placedUnder: NO_BALLOT, timeout: undefined };
		for (const submission of submissions) submission.proposed = proposed;
		const { route, contest } = first.options;
		const value = this.#batch.take();
		stampBatches(value, this.#nowMs());
		const names = [{ client, sequence: last.sequence }];
		const id = this.#loop.propose(names, { value, route, contest }, (progress) => this.#progress(proposed, progress));
		const timeoutMs = Math.max(...submissions.map(({ options }) => options.timeoutMs));
		proposed.timeout = setTimeout(() => this.#loop.withdraw(id), timeoutMs);
	}

	#progress(proposed: Proposed, progress: Progress): void {
		const { attempts } = proposed;
		switch (progress.kind) {
			case 'placed':
				proposed.placedUnder = progress.ballot;
				return attempted(proposed, progress.ballot);
			case 'attempt':
				return attempted(proposed, progress.ballot);
			case 'halted':
			case 'givenUp': {
				const ballot = ballotToText(progress.ballot);
				const haltedBy = progress.kind === 'halted' ? ballotToText(progress.by) : '';
				const at = attempts.findIndex((attempt) => attempt.ballot === ballot);
				if (at >= 0) attempts[at] = { ballot, haltedBy, givenUp: haltedBy === '' };
				return;
			}
			case 'result':
				// Told to the client's listener, command by command.
				return clearTimeout(proposed.timeout);
			case 'kept': {
				const { slot, ballot, value } = progress;
				return this.#answerAll(proposed, { outcome: 'kept', slot, ballot, value, attempts });
			}
			case 'refused': {
				const detail = `the next free slot is ${progress.nextSlot}`;
				return this.#answerAll(proposed, { outcome: 'refused', why: 'slotNotOpen', detail, attempts });
			}
			case 'withdrawn': {
				const answer: SubmitAnswer = progress.left
					? { outcome: 'unknown', why: 'timeout', detail: 'it was proposed and not chosen in time', attempts }
					: { outcome: 'refused', why: 'noLeader', detail: withoutQuorum(proposed), attempts };
				return this.#answerAll(proposed, answer);
			}
		}
	}

	#newClient(): string {
		const client = nanoid();
		this.#loop.listen(client, this.#onResult);
		return client;
	}

	/** Of every client: a sequence is given out once in this life of the process. */
	readonly #onResult: OnClientResult = (sequence, result, slot, chosenAt) => {
		const submission = this.#unanswered.get(sequence);
		if (!submission?.proposed) return;
		this.#unanswered.delete(sequence);
		const { client, placedUnder, attempts } = submission.proposed;
		switch (result.kind) {
			case 'applied':
			case 'duplicate':
				return submission.answer({
					outcome: 'chosen',
					ok: result.ok,
					revision: result.revision,
					slot,
					ballot: placedUnder.node === '' ? chosenAt : placedUnder,
					chosenAt,
					attempts,
				});
			case 'forgotten':
				throw new Error(`command ${sequence} was answered before it had an answer`);
			case 'unknownClient':
				return this.#renewClient(client, submission);
		}
	};

	/** The state machine dropped the client, and so surely did not apply the command: again under a new one. */
	#renewClient(dropped: string, submission: Submission): void {
		if (dropped === this.#client) {
			this.#isOpen = false;
			this.#client = this.#newClient();
		}
		this.#waiting.push(submission);
		this.#soon();
	}

	#answerAll(proposed: Proposed, answer: SubmitAnswer): void {
		clearTimeout(proposed.timeout);
		for (const submission of proposed.submissions) {
			if (this.#unanswered.delete(submission.sequence)) submission.answer(answer);
		}
	}
}

function withoutQuorum({ submissions }: Proposed): string {
	return submissions[0]?.options.route === 'self' ? 'no quorum promised in time' : 'no leader took it in time';
}

/** A campaign for both phases from here: begun for the proposal, or begun before and joined by it. */
function attempted({ submissions, attempts }: Proposed, campaign: Ballot): void {
	if (submissions[0]?.options.route !== 'self') return;
	const ballot = ballotToText(campaign);
	if (attempts.every((attempt) => attempt.ballot !== ballot)) attempts.push({ ballot, haltedBy: '', givenUp: false });
}

function refused(why: 'stopping' | 'overloaded' | 'noLeader', detail: string): SubmitAnswer {
	return { outcome: 'refused', why, detail, attempts: [] };
}

/** At least as large as it is written. */
function sizeOf(operation: Operation): number {
	return operation.kind === 'put' ? operation.value.length + OPERATION_BYTES_MAX : OPERATION_BYTES_MAX;
}
