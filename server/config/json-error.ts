/**
 * Finds the place where a text stops being JSON, and what is expected there. `JSON.parse` names no line, and its errors
 * differ between versions of Node.js. It is called only with a text that `JSON.parse` refused.
 */

export interface JsonError {
	/** From 1. */
	readonly line: number;
	/** From 1, in UTF-16 units. */
	readonly column: number;
	readonly expected: string;
}

const SPACE = /[ \t\r\n]*/y;
/** A string: all characters but control characters, the quote and the backslash, and all escapes. */
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

export function findJsonError(text: string): JsonError {
	let at = 0;
	let expected = '';

	/** Each of these functions reads as far as the text is right. @returns whether it has read the whole item */
	const value = (): boolean => {
		// The marks that end the lists and objects around the value, the innermost last. They may be many.
		const open: string[] = [];
		for (;;) {
			const close = take('{') ? '}' : take('[') ? ']' : '';
			if (close === '') {
				if (!(text[at] === '"' ? match(STRING, 'a string that ends') : match(SCALAR, 'a value'))) return false;
			} else if (!take(close)) {
				open.push(close);
				if (close === '}' && !fieldName()) return false;
				continue;
			}
			while (open.length > 0 && take(open.at(-1) as string)) open.pop();
			const around = open.at(-1);
			if (around === undefined) return true;
			if (!take(',')) return fail(`"," or "${around}"`);
			if (around === '}' && !fieldName()) return false;
		}
	};
	const fieldName = (): boolean => match(STRING, 'a field name in double quotes') && need(':');
	const need = (mark: string): boolean => take(mark) || fail(`"${mark}"`);
	const take = (mark: string): boolean => {
		skipSpace();
		if (text[at] !== mark) return false;
		at++;
		skipSpace();
		return true;
	};
	const match = (pattern: RegExp, what: string): boolean => {
		pattern.lastIndex = at;
		if (!pattern.test(text)) return fail(what);
		at = pattern.lastIndex;
		return true;
	};
	const fail = (what: string): false => {
		expected = what;
		return false;
	};
	const skipSpace = (): void => {
		SPACE.lastIndex = at;
		SPACE.test(text);
		at = SPACE.lastIndex;
	};

	skipSpace();
	if (value()) {
		skipSpace();
		fail('nothing more');
	}
	const before = text.slice(0, at).split('\n');
	return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, expected };
}
