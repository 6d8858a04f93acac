/** A state machine of the user's own, checked before anything is written under its name and its version. */
import type { MachineLabel } from '../../shared/store/own-machine.ts';
import type { StateMachine } from '../../shared/store/state-machine.ts';
import { ConfigError } from '../config/errors.ts';
import { KEY_VALUE_LABEL } from '../storage/machine-label.ts';

const NAME_PATTERN = /^[\x21-\x7e]{1,64}$/;

/**
 * @throws ConfigError for a name or a version that data could not carry, for the name of the key-value store, and for a
 * machine that lacks a function, which might be called for the first time when much has been written
 */
export function labelOf<State, Command, Result>(machine: StateMachine<State, Command, Result>): MachineLabel {
	const { name, version } = machine;
	if (typeof name !== 'string' || !NAME_PATTERN.test(name)) {
		throw new ConfigError('the name of a state machine must be 1 to 64 characters of visible ASCII');
	}
	if (name === KEY_VALUE_LABEL.name) {
		throw new ConfigError(`the name of a state machine must not be ${JSON.stringify(name)}, which is that of the keys`);
	}
	if (!Number.isSafeInteger(version) || version < 1) {
		throw new ConfigError('the version of a state machine must be a whole number from 1 on');
	}
	const lacking = FUNCTIONS.find((path) => typeof valueAt(machine, path) !== 'function');
	if (lacking !== undefined)
		throw new ConfigError(`the state machine ${JSON.stringify(name)} has no function ${lacking}`);
	return { name, version };
}

/** Those that every machine has. */
const FUNCTIONS: readonly string[] = [
	'initial',
	'apply',
	'snapshot',
	'restore',
	'command.encode',
	'command.decode',
	'result.encode',
	'result.decode',
];

function valueAt(machine: unknown, path: string): unknown {
	return path.split('.').reduce((value, name) => (Object(value) as Readonly<Record<string, unknown>>)[name], machine);
}
