/** Reads server-sent events. @source HTML Standard, 9.2.6 Interpreting an event stream */

export interface ServerSentEvent {
	/** 'message' where the event has none. */
	readonly name: string;
	/** '' where the block has none. */
	readonly id: string;
	/** '' for a block that only has an id. */
	readonly data: string;
}

/** Each block of the stream, those without data included. One that is cut off is left out. */
export async function* serverSentEvents(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
	const decoder = new TextDecoder();
	let text = '';
	for await (const piece of pieces) {
		text += decoder.decode(piece, { stream: true });
		const blocks = text.split('\n\n');
		text = blocks.pop() ?? '';
		for (const block of blocks) yield eventOf(block);
	}
}

function eventOf(block: string): ServerSentEvent {
	let [name, id, data] = ['message', '', ''];
	for (const line of block.split('\n')) {
		const at = line.indexOf(':');
		const value = line.slice(at + 1).replace(/^ /, '');
		if (line.slice(0, at) === 'event') name = value;
		else if (line.slice(0, at) === 'id') id = value;
		else if (line.slice(0, at) === 'data') data += data === '' ? value : `\n${value}`;
	}
	return { name, id, data };
}
