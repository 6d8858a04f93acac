/** Why a run takes no proposal: the run, with all that people did in it, must fit into an address. */
import type { ProposeRequest } from '../../shared/feed.ts';
import type { Stage } from '../../shared/simulation/stage.ts';
import { keyFault } from '../../shared/store/key.ts';
import { ACTIONS_MAX, VALUE_CHARS_MAX } from './address.ts';

/** @returns null for a proposal that the run takes */
export function proposalFault({ key, value }: ProposeRequest, stage: Stage): string | null {
	if (stage.script.actions.length >= ACTIONS_MAX) return `a run has ${ACTIONS_MAX} actions at most`;
	if (value !== null && value.length > VALUE_CHARS_MAX) {
		return `a value has ${VALUE_CHARS_MAX} characters at most here, because it is a part of the address`;
	}
	const fault = keyFault(key);
	return fault === null ? null : `the key ${fault}`;
}
