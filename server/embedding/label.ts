/** The name and the version of a state machine of the user's own, checked before anything is written under them. */
import type { MachineLabel } from '../../shared/store/own-machine.ts';
import { ConfigError } from '../config/config.ts';
import { KEY_VALUE_LABEL } from '../storage/machine-label.ts';

const NAME_PATTERN = /^[\x21-\x7e]{1,64}$/;

/** @throws ConfigError for a name or a version that data could not carry, and for the name of the key-value store */
export function labelOf({ name, version }: MachineLabel): MachineLabel {
	if (typeof name !== 'string' || !NAME_PATTERN.test(name)) {
		throw new ConfigError('the name of a state machine must be 1 to 64 characters of visible ASCII');
	}
	if (name === KEY_VALUE_LABEL.name) {
		throw new ConfigError(`the name of a state machine must not be ${JSON.stringify(name)}, which is that of the keys`);
	}
	if (!Number.isSafeInteger(version) || version < 1) {
		throw new ConfigError('the version of a state machine must be a whole number from 1 on');
	}
	return { name, version };
}
