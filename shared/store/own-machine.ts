/**
 * A machine of the user's own as a replica knows it: it takes in commands as the key-value store does, at most once each,
 * and hands them to the user's code. What that code makes of a command is in the digest, so a node on which it makes
 * something else is noticed.
 *
 * What it must never do: call that code while another call of it is under way; go on after it has thrown.
 */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { AppliedOnce, type AppliedState } from './applied-once.ts';
import { KIND_COMMAND } from './batch-format.ts';
import type { BatchReader } from './batch-reader.ts';
import { CLIENT_LIMITS, type ClientLimits } from './client-limits.ts';
import { ClientTable } from './client-table.ts';
import { Cut, clientSections, iterated, SectionOf, writeApplied, writeClientCounts } from './cut.ts';
import { OWN_PART, OWN_STATE_FORMAT, PART } from './cut-format.ts';
import { digestOfBytes } from './digest.ts';
import type { Machine, MachineKind, MachineRestore } from './machine.ts';
import { SlotRandom } from './slot-random.ts';
import { type ApplyContext, OWN_PART_BYTES_MAX, type StateMachine } from './state-machine.ts';
import { StateRestore } from './state-restore.ts';

/** The user's code has thrown, and the node must stop. The message says where. */
export class MachineError extends Error {
	override readonly name = 'MachineError';
}

/** A command that was applied. */
export interface AppliedCommand<Command, Result> {
	readonly revision: number;
	readonly slot: number;
	readonly timeMs: number;
	readonly command: Command;
	readonly result: Result;
	/** The bytes of both as they were encoded. */
	readonly bytes: number;
}

interface OwnState<State> extends AppliedState {
	own: State;
}

export class OwnMachine<State, Command, Result> extends AppliedOnce<OwnState<State>> implements Machine {
	/** Is told of each command that is applied; null for nobody. */
	listener: ((applied: AppliedCommand<Command, Result>) => void) | null = null;
	/** The result of the command that was applied last; null before the first one, and once a state was taken over. */
	last: { readonly revision: number; readonly result: Result } | null = null;
	readonly #machine: StateMachine<State, Command, Result>;
	readonly #random = new SlotRandom();
	readonly #context: { slot: number; timeMs: number; random(): number };
	#openCut: Cut | null = null;
	/** Whether the user's code is called now. */
	#isCalling = false;

	constructor(
		machine: StateMachine<State, Command, Result>,
		limits: ClientLimits = CLIENT_LIMITS,
		state: OwnState<State> = initialOf(machine, limits),
	) {
		super(state);
		this.#machine = machine;
		this.#context = { slot: 0, timeMs: state.timeMs, random: () => this.#random.next() } satisfies ApplyContext;
	}

	/** The user's state. It is only read, and kept by nobody. */
	get own(): State {
		if (this.#isCalling) throw new Error('the state is not to be read while the state machine is called');
		return this.state.own;
	}

	/** Whether the log's time has to pass: see `StateMachine.waitsForTime`. */
	get waitsForTime(): boolean {
		return this.#guarded('waitsForTime', () => this.#machine.waitsForTime?.(this.state.own, this.timeMs) ?? false);
	}

	override passTime(ms: number, slot = 0): void {
		super.passTime(ms);
		this.#random.begin(slot);
		this.#context.slot = slot;
		this.#context.timeMs = this.timeMs;
	}

	cut(): Cut {
		if (this.#openCut !== null) throw new Error('a cut of this machine is open already');
		const { revision, timeMs, digest } = this;
		const { name, version } = this.#machine;
		const clients = this.state.clients.openCut();
		const parts = this.#guarded('snapshot', () => this.#machine.snapshot(this.state.own)[Symbol.iterator]());
		const head = (out: Writer): void => {
			out.int(OWN_STATE_FORMAT);
			out.text(name);
			out.int(version);
			writeApplied(out, { revision, timeMs, digest });
			writeClientCounts(out, clients);
		};
		let isOver = false;
		const nextPart = (): Uint8Array | undefined => {
			if (isOver) return undefined;
			const next = this.#guarded('snapshot', () => parts.next());
			isOver = next.done === true;
			return next.done === true ? END : this.#checked(next.value);
		};
		const sections = [
			new SectionOf(
				PART.head,
				iterated([head].values()),
				() => HEAD_BYTES,
				(out, write) => write(out),
			),
			new SectionOf(
				OWN_PART,
				nextPart,
				({ length }) => length,
				(out, part) => out.bytes(part),
			),
			...clientSections(clients),
		];
		this.#openCut = new Cut(revision, sections, () => {
			this.#openCut = null;
			this.state.clients.closeCut();
			parts.return?.();
		});
		return this.#openCut;
	}

	/** @param other one of the same `StateMachine` */
	become(other: OwnMachine<State, Command, Result>): void {
		for (const each of [this, other]) each.#openCut?.close();
		this.state = other.state;
		this.last = null;
	}

	tidy(): void {
		// It keeps nothing that is not part of its state.
	}

	protected override begins(): void {
		// Only the log's time and the revision go on.
	}

	protected override carryOut(command: BatchReader): boolean {
		if (command.kind !== KIND_COMMAND) return false;
		const { value } = command;
		const decoded = this.#guarded('command.decode', () => this.#machine.command.decode(value));
		const result = this.#guarded('apply', () => this.#machine.apply(this.state.own, decoded, this.#context));
		const encoded = this.#guarded('result.encode', () => mustBeBytes(this.#machine.result.encode(result)));
		const { state, timeMs } = this;
		state.digest = digestOfBytes(state.digest, encoded);
		this.last = { revision: state.revision, result };
		this.listener?.({
			revision: state.revision,
			slot: this.#context.slot,
			timeMs,
			command: decoded,
			result,
			bytes: value.length + encoded.length,
		});
		return true;
	}

	protected override conditionsOf(command: BatchReader): readonly boolean[] {
		// A batch with commands of a machine is no transaction, and nothing else has an effect here.
		return new Array<boolean>(command.count).fill(false);
	}

	protected override together(): void {
		// See `conditionsOf`.
	}

	#guarded<T>(where: string, call: () => T): T {
		this.#isCalling = true;
		try {
			return atOnce(call());
		} catch (cause) {
			throw machineError(this.#machine.name, `${where} at slot ${this.#context.slot}`, cause);
		} finally {
			this.#isCalling = false;
		}
	}

	/** The part as it is now: the machine may make the next one in the same array before this one is written. */
	#checked(part: Uint8Array): Uint8Array {
		if (part instanceof Uint8Array && part.length > 0 && part.length <= OWN_PART_BYTES_MAX) return part.slice();
		const why = `a part of a snapshot is not an array of 1 to ${OWN_PART_BYTES_MAX} bytes`;
		throw machineError(this.#machine.name, 'snapshot', new RangeError(why));
	}
}

/** A user's machine as a kind of state machine. @param limits the same at every node */
export function ownKind<State, Command, Result>(
	machine: StateMachine<State, Command, Result>,
	limits: ClientLimits = CLIENT_LIMITS,
): MachineKind<OwnMachine<State, Command, Result>> {
	return {
		empty: () => new OwnMachine(machine, limits),
		restore: () => new OwnRestore(machine, limits),
	};
}

class OwnRestore<State, Command, Result>
	extends StateRestore<OwnState<State>>
	implements MachineRestore<OwnMachine<State, Command, Result>>
{
	readonly #machine: StateMachine<State, Command, Result>;
	readonly #limits: ClientLimits;
	readonly #parts: Uint8Array[] = [];
	/** The version that has written the parts. */
	#version = 0;

	constructor(machine: StateMachine<State, Command, Result>, limits: ClientLimits) {
		super(initialOf(machine, limits), limits, [OWN_PART]);
		this.#machine = machine;
		this.#limits = limits;
	}

	get itemsCount(): number {
		return this.#parts.length;
	}

	finish(): OwnMachine<State, Command, Result> {
		this.mustBeWhole();
		const { name } = this.#machine;
		try {
			this.state.own = atOnce(this.#machine.restore(this.#parts, this.#version));
		} catch (cause) {
			throw machineError(name, 'restore', cause);
		}
		return new OwnMachine(this.#machine, this.#limits, this.state);
	}

	protected override readHead(from: Reader): void {
		const { name, version } = this.#machine;
		if (from.int() !== OWN_STATE_FORMAT) {
			throw new MalformedError(`the state is not that of the state machine "${name}"`);
		}
		const written = from.text();
		this.#version = from.int();
		const fault = machineFault({ name: written, version: this.#version }, { name, version });
		if (fault !== null) throw new MalformedError(fault);
		this.readApplied(from);
		this.expect(OWN_PART, Number.POSITIVE_INFINITY);
	}

	protected override readItem(_kind: number, from: Reader): void {
		const part = from.bytes();
		if (part.length > 0) this.#parts.push(part);
		else this.expect(OWN_PART, 0);
	}
}

/** The name and the version of a machine. */
export type MachineLabel = Pick<StateMachine<unknown, unknown, unknown>, 'name' | 'version'>;

/** Why `running` must not use what `written` has written, in a sentence without an end; null where it may. */
export function machineFault(written: MachineLabel, running: MachineLabel): string | null {
	if (written.name !== running.name) {
		return `it was written by the state machine "${written.name}", and this program runs "${running.name}"`;
	}
	if (written.version <= running.version) return null;
	return `it was written by version ${written.version} of the state machine "${written.name}", and this program runs version ${running.version}`;
}

/** @throws TypeError for a promise. A command or a result may well have a field of that name. */
function atOnce<T>(returned: T): T {
	const { then } = Object(returned) as { readonly then?: unknown };
	if (typeof then !== 'function') return returned;
	// It may fail later, and nobody else listens.
	Promise.resolve(returned).catch(() => undefined);
	throw new TypeError('it returned a promise, and must not wait for anything');
}

function mustBeBytes(encoded: Uint8Array): Uint8Array {
	if (encoded instanceof Uint8Array) return encoded;
	throw new TypeError('it returned no Uint8Array');
}

/** Marks the end of the parts of a machine, of which each has a byte. */
const END = new Uint8Array(0);
/** About so many bytes are those of a head. */
const HEAD_BYTES = 128;

function initialOf<State>(
	machine: Pick<StateMachine<State, unknown, unknown>, 'initial' | 'name'>,
	limits: ClientLimits,
): OwnState<State> {
	try {
		return { revision: 0, timeMs: 0, digest: 0, clients: new ClientTable(limits), own: atOnce(machine.initial()) };
	} catch (cause) {
		throw machineError(machine.name, 'initial', cause);
	}
}

function machineError(name: string, where: string, cause: unknown): MachineError {
	const why = cause instanceof Error ? cause.message : String(cause);
	return new MachineError(`the state machine "${name}" has failed in ${where}: ${why}`, { cause });
}
