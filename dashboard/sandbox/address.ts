/**
 * A run at a moment as a short text for an address, and back. The text has a version, and everything in it is checked:
 * an address may come from anywhere.
 *
 *     1~SEED~NODES~AT~ACTION~ACTION…        numbers in base 36; AT and the times of actions in microseconds
 *     2~RULE~SEED~NODES~AT~ACTION…          a run without that rule
 *     ACTION = AFTER.CODE.FIELD.FIELD…      AFTER: since the action before
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Action, Script, TimedAction } from '../../shared/simulation/action.ts';
import { RULE_IDS, type RuleId } from '../../shared/simulation/rule-ids.ts';
import type { Instant } from '../../shared/simulation/schedule.ts';
import {
	DELAY_MS_MAX,
	NODES_MAX,
	NODES_MIN,
	RUN_US_MAX,
	SPARES,
	STEP_CLOCK_MS_MAX,
} from '../../shared/simulation/stage.ts';
import { keyFault } from '../../shared/store/key.ts';

/** A run up to a moment. */
export interface RunAt {
	/** The rule that was taken out; null for none. */
	readonly without: RuleId | null;
	readonly script: Script;
	readonly at: Instant;
}

const VERSION = '1';
const VERSION_WITHOUT = '2';
const ADDRESS_CHARS_MAX = 16_000;
const ACTIONS_MAX = 500;
export const VALUE_CHARS_MAX = 200;
export const SEED_MAX = 2 ** 32 - 1;
export const SLOT_MAX = 1_000_000;
export const REVISION_MAX = 1_000_000;
const FLIGHT_MAX = 10_000_000;

/** Its text says what is wrong with an address. */
export class AddressError extends Error {
	override readonly name = 'AddressError';
}

export function addressOf({ without, script: { seed, nodes, actions }, at }: RunAt): string {
	let before = 0;
	const parts = actions.map((timed) => {
		const [code, ...fields] = fieldsOf(timed.action);
		const after = timed.at - before;
		before = timed.at;
		return [numberText(after), code, ...fields].join('.');
	});
	const version = without === null ? [VERSION] : [VERSION_WITHOUT, without];
	return [...version, numberText(seed), String(nodes), numberText(at), ...parts].join('~');
}

/** Whether there is an address of the run with one action more. */
export function hasRoom({ without, script }: Omit<RunAt, 'at'>, action: Action): boolean {
	const at = script.actions.at(-1)?.at ?? 0;
	// The times of the action and of the moment are not known yet, and are no longer than the longest.
	const actions = [...script.actions, { at: at + RUN_US_MAX, action }];
	const address = addressOf({ without, script: { ...script, actions }, at: RUN_US_MAX });
	return actions.length <= ACTIONS_MAX && address.length <= ADDRESS_CHARS_MAX;
}

/** @throws AddressError */
export function runOfAddress(address: string): RunAt {
	if (address.length > ADDRESS_CHARS_MAX) throw new AddressError(`it has more than ${ADDRESS_CHARS_MAX} characters`);
	const [version, ...parts] = address.split('~');
	if (version !== VERSION && version !== VERSION_WITHOUT) {
		throw new AddressError('it is of another version of this page');
	}
	const without = version === VERSION ? null : ruleOf(parts.shift());
	const [seedText, nodesText, atText, ...actionTexts] = parts;
	const seed = numberOf(seedText, 0, SEED_MAX);
	const nodes = numberOf(nodesText, NODES_MIN, NODES_MAX);
	const at = numberOf(atText, 0, RUN_US_MAX);
	if (actionTexts.length > ACTIONS_MAX) throw new AddressError(`it has more than ${ACTIONS_MAX} actions`);
	const actions: TimedAction[] = [];
	let time = 0;
	for (const text of actionTexts) {
		const [after, code = '', ...fields] = text.split('.');
		time += numberOf(after, 0, RUN_US_MAX);
		if (time > at) throw new AddressError('an action comes after its moment');
		actions.push({ at: time, action: new Fields(fields, nodes + SPARES).action(code) });
	}
	return { without, script: { seed, nodes, actions }, at };
}

function fieldsOf(action: Action): readonly string[] {
	switch (action.kind) {
		case 'propose': {
			const { node, key, value, route, contest, cas } = action;
			const code = cas === undefined ? ['p'] : ['q', numberText(cas)];
			const fields = [...code, nodeText(node), route === 'self' ? 's' : 'l', numberText(contest), escaped(key)];
			return value === null ? fields : [...fields, escaped(value)];
		}
		case 'read':
			return ['r', nodeText(action.node), escaped(action.key)];
		case 'crash':
			return ['c', nodeText(action.node)];
		case 'losePower':
			return ['b', nodeText(action.node)];
		case 'restart':
			return ['s', nodeText(action.node)];
		case 'loseDisk':
			return ['w', nodeText(action.node)];
		case 'pause':
			return ['z', nodeText(action.node)];
		case 'resume':
			return ['y', nodeText(action.node)];
		case 'stepClock':
			return ['k', nodeText(action.node), numberText(action.byMs)];
		case 'cut':
			return ['x', nodeText(action.from), nodeText(action.to)];
		case 'heal':
			return ['h', nodeText(action.a), nodeText(action.b)];
		case 'healAll':
			return ['H'];
		case 'slow':
			return ['l', nodeText(action.a), nodeText(action.b), numberText(action.ms)];
		case 'deliver':
			return ['v', numberText(action.flight)];
		case 'drop':
			return ['o', numberText(action.flight)];
		case 'duplicate':
			return ['u', numberText(action.flight)];
		case 'hold':
			return ['t', numberText(action.flight), numberText(action.ms)];
		case 'addMember':
			return action.replaces === null ? ['a'] : ['a', nodeText(action.replaces)];
		case 'removeMember':
			return ['m', nodeText(action.node)];
	}
}

/** The fields of one action, each taken once, in their order. */
class Fields {
	readonly #fields: string[];
	readonly #nodes: number;

	constructor(fields: readonly string[], nodes: number) {
		this.#fields = [...fields];
		this.#nodes = nodes;
	}

	action(code: string): Action {
		const action = this.#read(code);
		if (this.#fields.length > 0) throw new AddressError(`an action ${code} has too many fields`);
		return action;
	}

	#read(code: string): Action {
		switch (code) {
			case 'p':
			case 'q': {
				const condition = code === 'q' ? { cas: this.#number(0, REVISION_MAX) } : {};
				const node = this.#node();
				const route = this.#take() === 's' ? 'self' : 'leader';
				const contest = this.#number(0, route === 'self' ? SLOT_MAX : 0);
				const key = this.#key();
				const value = this.#fields.length > 0 ? this.#value() : null;
				return { kind: 'propose', node, key, value, route, contest, ...condition };
			}
			case 'r':
				return { kind: 'read', node: this.#node(), key: this.#key() };
			case 'c':
				return { kind: 'crash', node: this.#node() };
			case 'b':
				return { kind: 'losePower', node: this.#node() };
			case 's':
				return { kind: 'restart', node: this.#node() };
			case 'w':
				return { kind: 'loseDisk', node: this.#node() };
			case 'z':
				return { kind: 'pause', node: this.#node() };
			case 'y':
				return { kind: 'resume', node: this.#node() };
			case 'k':
				return { kind: 'stepClock', node: this.#node(), byMs: this.#number(-STEP_CLOCK_MS_MAX, STEP_CLOCK_MS_MAX) };
			case 'x': {
				const [from, to] = this.#pair();
				return { kind: 'cut', from, to };
			}
			case 'h': {
				const [a, b] = this.#pair();
				return { kind: 'heal', a, b };
			}
			case 'H':
				return { kind: 'healAll' };
			case 'l': {
				const [a, b] = this.#pair();
				return { kind: 'slow', a, b, ms: this.#number(0, DELAY_MS_MAX) };
			}
			case 'v':
				return { kind: 'deliver', flight: this.#number(1, FLIGHT_MAX) };
			case 'o':
				return { kind: 'drop', flight: this.#number(1, FLIGHT_MAX) };
			case 'u':
				return { kind: 'duplicate', flight: this.#number(1, FLIGHT_MAX) };
			case 't':
				return { kind: 'hold', flight: this.#number(1, FLIGHT_MAX), ms: this.#number(0, DELAY_MS_MAX) };
			case 'a':
				return { kind: 'addMember', replaces: this.#fields.length > 0 ? this.#node() : null };
			case 'm':
				return { kind: 'removeMember', node: this.#node() };
			default:
				throw new AddressError(`there is no action ${code}`);
		}
	}

	#pair(): readonly [NodeId, NodeId] {
		const pair = [this.#node(), this.#node()] as const;
		if (pair[0] === pair[1]) throw new AddressError('a node has no link to itself');
		return pair;
	}

	#node(): NodeId {
		return `n${this.#number(1, this.#nodes)}`;
	}

	#key(): string {
		const key = unescaped(this.#take());
		const fault = keyFault(key);
		if (fault !== null) throw new AddressError(`a key ${fault}`);
		return key;
	}

	#value(): string {
		const value = unescaped(this.#take());
		if (value.length > VALUE_CHARS_MAX) throw new AddressError(`a value has more than ${VALUE_CHARS_MAX} characters`);
		return value;
	}

	#number(min: number, max: number): number {
		return numberOf(this.#take(), min, max);
	}

	#take(): string {
		const field = this.#fields.shift();
		if (field === undefined) throw new AddressError('an action lacks a field');
		return field;
	}
}

function ruleOf(text: string | undefined): RuleId {
	const rule = RULE_IDS.find((id) => id === text);
	if (!rule) throw new AddressError('it leaves out a rule that is not there');
	return rule;
}

function numberText(number: number): string {
	return number.toString(36);
}

function nodeText(node: NodeId): string {
	return Number(node.slice(1)).toString(36);
}

/** Only the one text that `numberText` writes is a number. */
function numberOf(text: string | undefined, min: number, max: number): number {
	const number = Number.parseInt(text ?? '', 36);
	if (Number.isSafeInteger(number) && number >= min && number <= max && numberText(number) === text) return number;
	throw new AddressError(
		`it has ${text === undefined ? 'nothing' : `“${text.slice(0, 20)}”`} in the place of a number`,
	);
}

function escaped(text: string): string {
	const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
	return encodeURIComponent(text).replace(/[.~!'()*]/g, hex);
}

function unescaped(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		throw new AddressError('a text in it has broken escapes');
	}
}
