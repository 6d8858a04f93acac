/**
 * The items of a JSON list, one at a time, while the text of the list comes in pieces. So a list may be longer than the
 * memory. The items themselves are not checked here.
 */

/** An item with a value and a key of the largest sizes, in Base64 and with escapes, has fewer characters. */
const ITEM_CHARS_MAX = 1_048_576;

/** The text is no list. */
export class JsonListError extends Error {
	override readonly name = 'JsonListError';
}

/** @throws JsonListError where the pieces together are not a JSON list in UTF-8 */
export async function* jsonItems(pieces: AsyncIterable<Uint8Array | string>): AsyncGenerator<string, void> {
	const decoder = new TextDecoder('utf-8', { fatal: true });
	const list = new Scanner();
	for await (const piece of pieces) yield* list.add(typeof piece === 'string' ? piece : decoded(decoder, piece));
	if (!list.isOver) throw new JsonListError('it is not a whole JSON list');
}

function decoded(decoder: InstanceType<typeof TextDecoder>, piece: Uint8Array): string {
	try {
		return decoder.decode(piece, { stream: true });
	} catch {
		throw new JsonListError('it is not text in UTF-8');
	}
}

class Scanner {
	isOver = false;
	#hasItems = false;
	/** How many brackets and braces are open, that of the list included. */
	#depth = 0;
	#isInString = false;
	#isEscaped = false;
	/** The text of the present item so far. */
	#item = '';

	*add(text: string): Generator<string, void> {
		let from = 0;
		for (let at = 0; at < text.length; at++) {
			const char = text[at] as string;
			if (this.#isInString) this.#inString(char);
			else if (this.#depth === 0) {
				if (char.trim() !== '') this.#begin(char);
				from = at + 1;
			} else if (char === '"') this.#isInString = true;
			else if (char === '[' || char === '{') this.#depth++;
			else if (char === ']' || char === '}') {
				if (--this.#depth > 0) continue;
				if (char === '}') throw noList();
				yield* this.#end(text.slice(from, at), true);
				from = at + 1;
			} else if (char === ',' && this.#depth === 1) {
				yield* this.#end(text.slice(from, at), false);
				from = at + 1;
			}
		}
		this.#item += text.slice(from);
		if (this.#item.length > ITEM_CHARS_MAX)
			throw new JsonListError(`an item has more than ${ITEM_CHARS_MAX} characters`);
	}

	#inString(char: string): void {
		if (this.#isEscaped) this.#isEscaped = false;
		else if (char === '\\') this.#isEscaped = true;
		else if (char === '"') this.#isInString = false;
	}

	#begin(char: string): void {
		if (this.isOver || char !== '[') throw noList();
		this.#depth = 1;
	}

	*#end(rest: string, isLast: boolean): Generator<string, void> {
		const item = (this.#item + rest).trim();
		this.#item = '';
		this.isOver = isLast;
		// Only a list without items has nothing in the place of one.
		if (item === '' && (this.#hasItems || !isLast)) throw noList();
		this.#hasItems = true;
		if (item !== '') yield item;
	}
}

function noList(): JsonListError {
	return new JsonListError('it is not a JSON list');
}
