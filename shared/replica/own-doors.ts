/**
 * The rooms beside a replica whose state machine is the user's own. They remember the last commands with their results, so
 * that a reader of changes goes on from a revision. A reader has no queue: it asks for the next one when it has taken the
 * one before, and where that is not remembered any more it is told so. While something in the state waits for a later
 * time, the leader lets the log's time pass.
 */
import type { KeyChanges } from '../key-change.ts';
import { NO_BALLOT } from '../paxos/ballot.ts';
import type { AppliedCommand, OwnMachine } from '../store/own-machine.ts';
import type { DoorParts, MachineDoors } from './doors.ts';
import { TimeOuts } from './time-outs.ts';
import type { ShownEntries } from './view.ts';

/** The memory of a command beside its bytes, and how often its decoded form may be as large as these. */
const COMMAND_BYTES = 256;
const DECODED_FACTOR = 4;

const NOTHING_SHOWN: ShownEntries = { entries: [], entriesCount: 0 };

/** What comes behind a revision: a command, nothing yet, nothing that is remembered, or nothing any more. */
export type Next<Command, Result> =
	| { readonly kind: 'applied'; readonly applied: AppliedCommand<Command, Result> }
	| { readonly kind: 'none' | 'compacted' | 'stopping' };

export class OwnDoors<State, Command, Result> implements MachineDoors {
	readonly #machine: OwnMachine<State, Command, Result>;
	readonly #limits: DoorParts['limits'];
	/** The commands that are remembered; those before `#first` are gone. */
	#commands: AppliedCommand<Command, Result>[] = [];
	#first = 0;
	#bytes = 0;
	/** Every command above this revision is remembered. */
	#floor: number;
	#waiting = new Set<() => void>();
	#hasNews = false;
	#isStopping = false;
	readonly #timeOuts: TimeOuts;

	constructor(machine: OwnMachine<State, Command, Result>, parts: DoorParts) {
		const { limits, runtime, agent, requestMs } = parts;
		this.#machine = machine;
		this.#limits = limits;
		this.#timeOuts = new TimeOuts(
			{
				sessions: () => [],
				heldBy: () => 0,
				get hasLockDelays() {
					return machine.waitsForTime;
				},
			},
			{
				nowMs: () => runtime.nowMs(),
				setTimer: (afterMs) => runtime.setTimer('timeOuts', afterMs),
				leads: () => (agent.view().role === 'leader' ? agent.view().ballot : NO_BALLOT),
				propose: (operation, done) =>
					parts.submit(operation, { route: 'leader', contest: 0, timeoutMs: requestMs }, done),
			},
		);
		this.#floor = machine.revision;
		machine.listener = (applied) => this.#note(applied);
	}

	get unfinished(): Readonly<Record<string, number>> {
		return { 'readers that wait for a command': this.#waiting.size };
	}

	get shown(): ShownEntries {
		return NOTHING_SHOWN;
	}

	/** The machine has no keys. */
	changesAfter(revision: number): KeyChanges {
		return { after: revision, list: [] };
	}

	/** The first command above the revision. */
	after(revision: number): Next<Command, Result> {
		if (revision < this.#floor) return { kind: 'compacted' };
		const applied = this.#commands[this.#placeAfter(revision)];
		if (applied) return { kind: 'applied', applied };
		return { kind: this.#isStopping ? 'stopping' : 'none' };
	}

	/**
	 * Calls `news` once, after a turn in which a command was applied, or when the commands that were remembered are gone.
	 *
	 * @returns a function by which the reader gives up
	 */
	whenNews(news: () => void): () => void {
		this.#waiting.add(news);
		return () => void this.#waiting.delete(news);
	}

	/** All that wait are told that the node is going to stop. */
	endWaits(): void {
		this.#isStopping = true;
		this.#tell();
	}

	// For the replica

	start(): void {
		this.#timeOuts.start();
	}

	stop(): void {
		this.endWaits();
	}

	fire(): void {
		this.#timeOuts.fire();
	}

	collect(): void {
		// Its commands come by `Replica.submit`.
	}

	answer(): void {
		// They are answered one by one.
	}

	endTurn(): void {
		if (!this.#hasNews) return;
		this.#hasNews = false;
		this.#tell();
	}

	membersChanged(): void {
		// Nobody waits for that here.
	}

	stateReplaced(): void {
		this.#commands = [];
		this.#first = 0;
		this.#bytes = 0;
		this.#floor = this.#machine.revision;
		this.#hasNews = true;
	}

	#note(applied: AppliedCommand<Command, Result>): void {
		this.#commands.push(applied);
		this.#bytes += memoryOf(applied);
		this.#hasNews = true;
		const { historyChangesMax, historyBytesMax } = this.#limits;
		while (this.#commands.length - this.#first > historyChangesMax || this.#bytes > historyBytesMax) this.#forget();
		// So each command is moved once at most, on average.
		if (2 * this.#first < this.#commands.length) return;
		this.#commands = this.#commands.slice(this.#first);
		this.#first = 0;
	}

	#forget(): void {
		const oldest = this.#commands[this.#first++] as AppliedCommand<Command, Result>;
		this.#bytes -= memoryOf(oldest);
		this.#floor = oldest.revision;
	}

	/** By halving: the revisions grow. */
	#placeAfter(revision: number): number {
		let low = this.#first;
		let high = this.#commands.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((this.#commands[middle] as AppliedCommand<Command, Result>).revision <= revision) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	#tell(): void {
		const waiting = this.#waiting;
		this.#waiting = new Set();
		for (const news of waiting) news();
	}
}

function memoryOf({ bytes }: AppliedCommand<unknown, unknown>): number {
	return COMMAND_BYTES + DECODED_FACTOR * bytes;
}
