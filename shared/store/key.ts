/** The rules for keys and values at every door: HTTP, the feed, the command line, clients, the page's form. */
import { hasUtf8Form, toUtf8 } from '../bytes/text.ts';

/** A key of this size still fits a request line when it is percent-encoded. Node bounds request lines at 16 KiB. */
export const KEY_BYTES_MAX = 4096;
export const VALUE_BYTES_MAX = 524_288;

/** Most keys match this, and then need not be tried against the slower rules below. */
const ORDINARY = /^(?!.*\.\.)[!-$&-.0-~][!-$&-~]{0,1023}$/;

/** Says why `key` is refused, as the end of a sentence that begins with "the key"; null for a good key. */
export function keyFault(key: string): string | null {
	return key === '' ? 'is empty' : prefixFault(key);
}

/** As `keyFault`, for the beginning of keys: it may be empty. */
export function prefixFault(prefix: string): string | null {
	if (ORDINARY.test(prefix)) return null;
	if (!hasUtf8Form(prefix)) return 'has half a surrogate pair, which has no UTF-8 form';
	const bytes = toUtf8(prefix).length;
	if (bytes > KEY_BYTES_MAX) return `has ${bytes} bytes, max size: ${KEY_BYTES_MAX} bytes`;
	if (prefix.startsWith('/')) return 'begins with a slash';
	if (prefix.startsWith(' ') || prefix.endsWith(' ')) return 'begins or ends with a space';
	if (decodedOnce(prefix).split('/').includes('..')) return 'has the segment ".."';
	const unseen = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(prefix);
	return unseen && `has the character ${codePointName(unseen[0])}, which cannot be printed`;
}

/** Such as U+200D. */
function codePointName(character: string): string {
	return `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** As a program would read the key that takes it for percent-encoded, as far as that makes other segments of it. */
function decodedOnce(key: string): string {
	return key.replace(/%2e/gi, '.').replace(/%2f/gi, '/');
}
