/**
 * For whom a node makes facts of single messages, which cost time under load. The one listener, which is the feed, may
 * pause: then none are made unless others watch too, and states that no fact has told are passed over.
 */
import type { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { Message, Slot } from '../../shared/paxos/message.ts';
import type { Machine } from '../../shared/store/machine.ts';
import type { FactStream } from './fact-stream.ts';
import type { FactListener, FactWatch } from './service.ts';

/** As of `FactWatch.pause`. */
interface Pause {
	readonly from: Slot;
	reached(): void;
	/** These are as they were told last, or passed over. */
	readonly chosenThrough: Slot;
	readonly lastSlot: Slot;
}

export class Watching {
	readonly #agent: Pick<PaxosAgent, 'watched' | 'view'>;
	readonly #facts: FactStream;
	readonly #machine: Pick<Machine, 'revision'>;
	/** Those for whom the facts of single messages are made. The log's own watcher, of coarse facts, does not count. */
	#watchersCount = 0;
	/** null for none. */
	#listener: FactListener | null = null;
	/** For the listener no facts of single messages are made until this; null where they are, or nobody listens. */
	#pause: Pause | null = null;
	/** Up to this revision the listener was told. */
	#toldRevision = 0;

	/** @param agent makes facts of single messages while it is watched */
	constructor(agent: Pick<PaxosAgent, 'watched' | 'view'>, facts: FactStream, machine: Pick<Machine, 'revision'>) {
		this.#agent = agent;
		this.#facts = facts;
		this.#machine = machine;
	}

	/** @throws Error where the facts have a listener already */
	watch(listener: FactListener): FactWatch {
		if (this.#listener !== null) throw new Error('the facts have a listener already');
		this.#listener = listener;
		const unwatch = this.#facts.watch((fact) => listener.fact(fact));
		this.count(true);
		return {
			pause: (from, reached) => {
				const isPaused = this.#pause !== null;
				const { chosenThrough, lastSlot } = this.#pause ?? this.#agent.view();
				this.#pause = { from, reached, chosenThrough, lastSlot };
				if (!isPaused) this.count(false);
			},
			resume: () => this.#resume(),
			end: () => {
				unwatch();
				this.#resume();
				this.count(false);
				this.#listener = null;
			},
		};
	}

	/** One more watches the facts of single messages, or one fewer. */
	count(isOneMore: boolean): void {
		if (this.#watchersCount === 0) {
			this.passOver();
			this.#toldRevision = this.#machine.revision;
		}
		this.#watchersCount += isOneMore ? 1 : -1;
		this.#agent.watched = this.#watchersCount > 0;
		if (this.#agent.watched || this.#pause === null) return;
		// What was told to others meanwhile was told to the listener too.
		const { chosenThrough, lastSlot } = this.#agent.view();
		this.#pause = { ...this.#pause, chosenThrough, lastSlot };
	}

	/** Tells the listener that its pause is over, where one of the messages is about the slot that it waits for. */
	arrived(messages: readonly Message[]): void {
		if (this.#pause !== null && isAbout(messages, this.#pause.from)) this.#pause.reached();
	}

	/** The listener is told of this revision now. @returns that of which it was told last */
	tellRevision(revision: number): number {
		const told = this.#toldRevision;
		this.#toldRevision = revision;
		return told;
	}

	/** A state that no fact has told has a number of its own. */
	passOver(): void {
		if (this.#pause === null || this.#agent.watched) return;
		const { chosenThrough, lastSlot } = this.#agent.view();
		const slots = chosenThrough - this.#pause.chosenThrough;
		if (slots === 0 && lastSlot === this.#pause.lastSlot) return;
		this.#pause = { ...this.#pause, chosenThrough, lastSlot };
		this.#facts.pass(Math.max(1, slots));
		this.#listener?.passed(slots, this.#facts.seq);
	}

	#resume(): void {
		if (this.#pause === null) return;
		this.#pause = null;
		this.count(true);
	}
}

/** Whether one of the messages is about the acceptance of `slot` or of a later one. */
function isAbout(messages: readonly Message[], slot: Slot): boolean {
	for (const message of messages) {
		if ((message.kind === 'accept' || message.kind === 'accepted') && message.slot >= slot) return true;
	}
	return false;
}
