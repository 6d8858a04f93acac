/** Why a run takes no proposal, whatever was done in it: an address can name all that is in a run. */
import { hasUtf8Form } from '../../shared/bytes/text.ts';
import type { ProposeRequest } from '../../shared/feed.ts';
import { keyFault } from '../../shared/store/key.ts';
import { REVISION_MAX, SLOT_MAX, VALUE_CHARS_MAX } from './address.ts';

/** @returns null for a proposal that a run takes */
export function proposalFault({ key, value, contest, cas = 0 }: ProposeRequest): string | null {
	if (value !== null && value.length > VALUE_CHARS_MAX) {
		return `a value has ${VALUE_CHARS_MAX} characters at most here, because it is a part of the address`;
	}
	if (value !== null && !hasUtf8Form(value)) return 'the value has half a surrogate pair, which has no UTF-8 form';
	if (!isWithin(contest, SLOT_MAX)) return `a slot that is contested is a whole number up to ${SLOT_MAX} here`;
	if (!isWithin(cas, REVISION_MAX)) return `a revision is a whole number up to ${REVISION_MAX} here`;
	const fault = keyFault(key);
	return fault === null ? null : `the key ${fault}`;
}

function isWithin(number: number, max: number): boolean {
	return Number.isInteger(number) && number >= 0 && number <= max;
}
