/**
 * Text of others may be as long as a value of 512 KiB, and a browser takes up to a second to lay out a line of it. Of a text
 * that may be long the page shows how it begins.
 */

/** @returns the text; of one with more than `charsMax` characters its beginning and `…`, with no pair of surrogates cut */
export function beginning(text: string, charsMax: number): string {
	if (text.length <= charsMax) return text;
	const end = isHighSurrogate(text.charCodeAt(charsMax - 1)) ? charsMax - 1 : charsMax;
	return `${text.slice(0, end)}…`;
}

function isHighSurrogate(code: number): boolean {
	return code >= 0xd800 && code <= 0xdbff;
}
