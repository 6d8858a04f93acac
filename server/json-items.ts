/**
 * Bounds how much a text of JSON has in it, before it is parsed: a text that is large by its values takes a few
 * milliseconds, and one that is large by their number takes hundreds.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;

/** Whether there are more than `max` lists, objects and commas, outside strings. The text may be no JSON. */
export function hasMoreItems(text: string, max: number): boolean {
	let items = 0;
	let isInString = false;
	for (let at = 0; at < text.length; at++) {
		const unit = text.charCodeAt(at);
		if (isInString) {
			if (unit === BACKSLASH) at++;
			else if (unit === QUOTE) isInString = false;
		} else if (unit === QUOTE) isInString = true;
		else if ((unit === COMMA || unit === BRACKET || unit === BRACE) && ++items > max) return true;
	}
	return false;
}
