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
	for (let at = 0; at < text.length; at++) {
		const unit = text.charCodeAt(at);
		if (unit === QUOTE) at = endOfString(text, at);
		else if ((unit === COMMA || unit === BRACKET || unit === BRACE) && ++items > max) return true;
	}
	return false;
}

/** @param at the quotation mark where it begins @returns that where it ends; where it does not end, the end of the text */
function endOfString(text: string, at: number): number {
	for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
		let backslashes = 0;
		while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
		if (backslashes % 2 === 0) return end;
	}
	return text.length;
}
