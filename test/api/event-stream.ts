/** A reader of server-sent events, by the rules for browsers. */
import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface ServerSentEvent {
	/** 'message' where the event has no name. */
	readonly event: string;
	/** That of the event, or of the last block before it that had one. */
	readonly id: string;
	readonly data: unknown;
}

export class EventStream {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	/** The last id that came, behind which the stream would go on elsewhere. */
	id = '';
	readonly #response: IncomingMessage;
	readonly #blocks: AsyncIterator<string>;

	private constructor(response: IncomingMessage) {
		this.status = response.statusCode ?? 0;
		this.headers = response.headers;
		this.#response = response;
		this.#blocks = blocks(response);
	}

	/** @param url such as `http://127.0.0.1:7101/v1/watch/app/`. Rejects where nothing answers. */
	static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
		const [response] = (await once(get(url, { headers, agent: false }), 'response')) as [IncomingMessage];
		return new EventStream(response);
	}

	/** The id that comes next, with or without an event. */
	async nextId(): Promise<string> {
		const { value } = await this.#blocks.next();
		return fieldsOf(value).id ?? '';
	}

	/** The next event; undefined at the end. Rejects where the connection is lost. */
	async next(): Promise<ServerSentEvent | undefined> {
		for (;;) {
			const { value, done } = await this.#blocks.next();
			if (done) return undefined;
			const { id, data, event = 'message' } = fieldsOf(value);
			if (id !== undefined) this.id = id;
			if (data !== undefined) return { event, id: this.id, data: JSON.parse(data) };
		}
	}

	close(): void {
		this.#response.destroy();
	}
}

async function* blocks(response: IncomingMessage): AsyncGenerator<string> {
	let text = '';
	for await (const chunk of response) {
		text += chunk;
		const all = text.split('\n\n');
		text = all.pop() ?? '';
		yield* all;
	}
}

function fieldsOf(block: string): Record<string, string | undefined> {
	const lines = block.split('\n').filter((line) => !line.startsWith(':'));
	return Object.fromEntries(lines.map((line) => line.split(/: (.*)/s).slice(0, 2)));
}
