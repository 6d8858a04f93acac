/**
 * One node of one group: the agent and the loop of a real node, on a simulated computer. What it does is what a real node
 * does, turn by turn, with the same frames and the same flushes. How long a turn takes is taken from `Costs`.
 */

import { OPEN_SLOTS_MAX } from '../../../server/node/agent-config.ts';
import { PaxosAgent } from '../../../shared/paxos/agent.ts';
import { SLOTS_AHEAD_MAX } from '../../../shared/paxos/bounds.ts';
import type { Member } from '../../../shared/paxos/change.ts';
import type { Outcome, TimerRequest } from '../../../shared/paxos/effects.ts';
import type { Envelope, Message } from '../../../shared/paxos/message.ts';
import { batchValue } from '../../../shared/paxos/value.ts';
import { type LoopLog, ReplicaLoop } from '../../../shared/replica/loop.ts';
import type { Machine } from '../../../shared/store/machine.ts';
import { type Computer, Process } from './computer.ts';
import type { Costs } from './costs.ts';

/** What a client is told once its command is applied, or its read may be answered. */
export type Answer = () => void;

/** How a node takes part. A witness votes and keeps the log, but has no store and answers nobody. */
export type Part = 'first leader' | 'follower' | 'witness';

const VALUE_BYTES_MAX = 1024 * 1024;
const HEARTBEAT_MS = 100;
/** The first leader stands for election at once, and the others only if it does not. */
const ELECTION_MS = { 'first leader': [200, 201], follower: [2000, 4000], witness: [8000, 9000] } as const;
/** Since 1970. */
const BEGINNING_MS = 1_800_000_000_000;

export class Replica extends Process {
	readonly id: string;
	/** The turns in which it did something. */
	turns = 0;
	readonly part: Part;
	readonly #costs: Costs;
	readonly #loop: ReplicaLoop;
	readonly #timers = new Map<TimerRequest['timer'], number>();
	#timersSet = 0;
	/** Frames of this turn, by the node that they go to. */
	#frames = new Map<string, Message[]>();
	#peers: ReadonlyMap<string, Replica> = new Map();
	/** Those whose commands came in this turn, and those whose commands are proposed, in the order of their commands. */
	#asking: Answer[] = [];
	readonly #proposed: Answer[] = [];
	/** Those who ask in this turn to read, those who wait for a slot to be known, and those who wait for it to be applied. */
	#reading: Answer[] = [];
	readonly #reads = new Map<number, Answer[]>();
	#readable: { readonly slot: number; readonly answers: readonly Answer[] }[] = [];
	/** Commands that were applied and reads that were answered in this turn. */
	#applied = 0;
	#read = 0;
	readonly #log: FlushedLog;

	constructor(id: string, ids: readonly string[], part: Part, computer: Computer, costs: Costs, random: () => number) {
		super(computer);
		this.id = id;
		this.part = part;
		this.#costs = costs;
		this.#log = new FlushedLog(computer, (through) => this.hand(() => this.#loop.durable(through)));
		const members = ids.map((member): Member => ({ id: member, url: '', isVoter: true, replaces: null }));
		const [electionMinMs, electionMaxMs] = ELECTION_MS[part];
		const agent = new PaxosAgent({
			id,
			members,
			openSlotsMax: OPEN_SLOTS_MAX,
			slotsAheadMax: SLOTS_AHEAD_MAX,
			valueBytesMax: VALUE_BYTES_MAX,
			messageBytesMax: VALUE_BYTES_MAX,
			timings: {
				electionMinMs,
				electionMaxMs,
				heartbeatMs: HEARTBEAT_MS,
				pollMaxMs: 60,
				retryMs: 200,
				backoffMinMs: 30,
				backoffMaxMs: 500,
			},
		});
		const nowMs = () => computer.world.nowUs / 1000;
		const runtime = {
			nowMs,
			wallTime: () => ({ ms: BEGINNING_MS + Math.floor(nowMs()), ns: Math.floor((nowMs() % 1) * 1_000_000) }),
			stillMs: () => 0,
			random,
			setTimer: (timer: TimerRequest['timer'], afterMs: number) => this.#setTimer(timer, afterMs),
			send: (envelope: Envelope) => this.#send(envelope),
			fact: () => undefined,
			soon: () => undefined,
		};
		const listener = {
			outcome: (outcome: Outcome) => this.#outcome(outcome),
			result: () => undefined,
			applied: () => [],
			installed: () => undefined,
		};
		const machine = new CountingMachine((commands) => this.#apply(commands));
		this.#loop = new ReplicaLoop({
			id,
			agent,
			log: this.#log,
			machine,
			appliedThrough: 0,
			runtime,
			listener,
			appliedBytesFull: Number.POSITIVE_INFINITY,
		});
	}

	start(peers: readonly Replica[]): void {
		this.#peers = new Map(peers.filter((peer) => peer !== this).map((peer) => [peer.id, peer]));
		this.hand(() => {
			this.#loop.start();
			for (const id of this.#peers.keys()) this.#loop.linkUp(id);
		});
	}

	/** A client asks for a put. */
	put(answer: Answer): void {
		this.hand(() => this.#asking.push(answer));
	}

	/** A client asks for a linearizable read. */
	read(answer: Answer): void {
		this.hand(() => this.#reading.push(answer));
	}

	protected override turn(): number {
		this.#applied = 0;
		this.#read = 0;
		if (this.#asking.length > 0) this.#propose();
		if (this.#reading.length > 0) {
			this.#reads.set(this.#loop.read(), this.#reading);
			this.#reading = [];
		}
		this.#loop.turn(true);
		this.#answerReads();
		this.#loop.flush();
		this.atEnd(this.#log.takeFlush());
		const frames = this.#frames;
		this.#frames = new Map();
		for (const [to, messages] of frames) {
			this.atEnd(() => this.#peers.get(to)?.receiveLater(this.id, messages));
		}
		this.turns++;
		const { commandUs, turnUs } = this.part === 'first leader' ? this.#costs.leader : this.#costs.follower;
		const eachUs = this.part === 'witness' ? commandUs - this.#costs.applyUs : commandUs;
		return turnUs + this.#applied * eachUs + this.#read * this.#costs.readUs;
	}

	/** A frame of another computer has left it. */
	receiveLater(from: string, messages: readonly Message[]): void {
		const { world, hardware } = this.computer;
		world.after(hardware.linkUs, () => this.hand(() => this.#loop.receive(from, messages)));
	}

	/**
	 * All commands of this turn become one proposal. Of each command only one byte is carried, since its bytes cost
	 * nothing here.
	 */
	#propose(): void {
		const value = batchValue(new Uint8Array(this.#asking.length));
		this.#proposed.push(...this.#asking);
		this.#asking = [];
		this.#loop.propose({ value, route: 'leader', contest: 0 });
	}

	#apply(commands: number): void {
		this.#applied += commands;
		if (this.part !== 'first leader') return;
		for (const answer of this.#proposed.splice(0, commands)) this.atEnd(answer);
	}

	#outcome(outcome: Outcome): void {
		if (outcome.kind !== 'readAt') return;
		const answers = this.#reads.get(outcome.read);
		this.#reads.delete(outcome.read);
		if (answers) this.#readable.push({ slot: outcome.slot, answers });
	}

	#answerReads(): void {
		const { appliedThrough } = this.#loop;
		for (const { slot, answers } of this.#readable) {
			if (slot > appliedThrough) continue;
			this.#read += answers.length;
			for (const answer of answers) this.atEnd(answer);
		}
		this.#readable = this.#readable.filter(({ slot }) => slot > appliedThrough);
	}

	#send({ to, message }: Envelope): void {
		const messages = this.#frames.get(to);
		if (messages) messages.push(message);
		else this.#frames.set(to, [message]);
	}

	#setTimer(timer: TimerRequest['timer'], afterMs: number): void {
		const number = ++this.#timersSet;
		this.#timers.set(timer, number);
		this.computer.world.after(afterMs * 1000, () => {
			if (this.#timers.get(timer) === number) this.hand(() => this.#loop.fire(timer));
		});
	}
}

/** A log whose records are durable once the computer has flushed. A flush takes all records that wait. */
class FlushedLog implements LoopLog {
	durableThrough = 0;
	readonly room = 'everything';
	readonly #computer: Computer;
	readonly #durable: (through: number) => void;
	#appended = 0;
	#isFlushing = false;

	constructor(computer: Computer, durable: (through: number) => void) {
		this.#computer = computer;
		this.#durable = durable;
	}

	get reached(): number {
		return this.durableThrough;
	}

	get newest(): number {
		return this.#appended;
	}

	append(records: readonly unknown[]): number {
		this.#appended += records.length;
		return this.#appended;
	}

	flush(): void {
		// The turn's records are flushed at its end: see `takeFlush`.
	}

	/** What begins the flush. */
	takeFlush(): () => void {
		return () => {
			if (this.#isFlushing || this.#appended === this.durableThrough) return;
			this.#isFlushing = true;
			const through = this.#appended;
			this.#computer.flush(() => {
				this.#isFlushing = false;
				this.durableThrough = through;
				this.#durable(through);
			});
		};
	}
}

/** A machine that counts commands, each of which is one byte. */
class CountingMachine implements Machine {
	revision = 0;
	readonly digest = 0;
	readonly #applied: (commands: number) => void;

	constructor(applied: (commands: number) => void) {
		this.#applied = applied;
	}

	passTime(): void {
		// Nothing here depends on the time.
	}

	apply({ length }: Uint8Array): void {
		this.revision += length;
		this.#applied(length);
	}

	outcomeOf(): undefined {
		return undefined;
	}

	registrationOf(): undefined {
		return undefined;
	}

	keepsOutcomesOf(): boolean {
		return false;
	}

	cut(): never {
		throw new Error('no snapshot is taken here');
	}

	become(): never {
		throw new Error('no snapshot is taken over here');
	}

	tidy(): void {
		// It keeps nothing.
	}
}
