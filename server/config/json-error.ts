/**
 * Finds the place where a text stops being JSON, and what is expected there. `JSON.parse` names no line, and its errors
 * differ between versions of Node.js. Of two fields with one name it would keep the last, which nobody may have meant.
 */

export interface JsonError {
	/** From 1. */
	readonly line: number;
	/** From 1, in UTF-16 units. */
	readonly column: number;
	/** The text that would be right there; '' where a field begins whose name the object has already. */
	readonly expected: string;
	/** The name of that field, as it is written; '' for none. */
	readonly repeated: string;
}

const SPACE = /[ \t\r\n]*/y;
/**
 * A string: all characters but control characters, the quote and the backslash, and all escapes. It takes no room for each
 * character, because a string may be long.
 */
const STRING = /"[ !#-[\]-\uffff]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-[\]-\uffff]*)*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** @returns null for JSON in which each field of an object has a name of its own */
export function findJsonError(text: string): JsonError | null {
	let at = 0;
	let expected = '';
	let repeated = '';
	/** The fields of all objects, each behind the number of its object. A set for each object would take long to make. */
	const fields = new Set<string>();
	let objects = 0;

	/** Each of these functions reads as far as the text is right. @returns whether it has read the whole item */
	const value = (): boolean => {
		// The lists and objects around the value, the innermost last: the mark that ends each, and its number. They may be many.
		const open: { readonly close: string; readonly object: number }[] = [];
		for (;;) {
			const close = take('{') ? '}' : take('[') ? ']' : '';
			if (close === '') {
				if (!(text[at] === '"' ? match(STRING, 'a string that ends') : match(SCALAR, 'a value'))) return false;
			} else if (!take(close)) {
				open.push({ close, object: ++objects });
				if (close === '}' && !fieldName(objects)) return false;
				continue;
			}
			let around = open.at(-1);
			while (around && take(around.close)) {
				open.pop();
				around = open.at(-1);
			}
			if (!around) return true;
			if (!take(',')) return fail(`"," or "${around.close}"`);
			if (around.close === '}' && !fieldName(around.object)) return false;
		}
	};
	const fieldName = (object: number): boolean => {
		const start = at;
		if (!match(STRING, 'a field name in double quotes')) return false;
		const written = text.slice(start, at);
		const name = written.includes('\\') ? JSON.stringify(JSON.parse(written)) : written;
		const field = `${object} ${name}`;
		if (fields.has(field)) {
			at = start;
			repeated = written;
			return false;
		}
		fields.add(field);
		return take(':') || fail('":"');
	};
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
		if (at < text.length) fail('nothing more');
	}
	if (expected === '' && repeated === '') return null;
	const before = text.slice(0, at).split('\n');
	return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, expected, repeated };
}
