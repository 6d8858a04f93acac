/** The durable bytes of a file, in pages. A snapshot shares them until they are written: most pages never are again. */

const PAGE_BYTES = 4096;

/** The bytes of a platter as they were. */
export class Snapshot {
	readonly #pages: readonly Uint8Array[];
	#bytes: Uint8Array | undefined;

	constructor(pages: readonly Uint8Array[]) {
		this.#pages = pages;
	}

	get bytes(): Uint8Array {
		this.#bytes ??= joined(this.#pages);
		return this.#bytes;
	}
}

export class Platter {
	readonly #pages: Uint8Array[] = [];
	/** By page: 1 where no snapshot shares it. */
	readonly #isOwn: Uint8Array;
	/** The last snapshot, while it is up to date. */
	#snapshot: Snapshot | undefined;

	constructor(bytes: Uint8Array) {
		for (let at = 0; at < bytes.length; at += PAGE_BYTES) this.#pages.push(bytes.slice(at, at + PAGE_BYTES));
		this.#isOwn = new Uint8Array(this.#pages.length).fill(1);
	}

	/** @param bytes do not cross the end of a page */
	write(at: number, bytes: Uint8Array): void {
		const page = Math.floor(at / PAGE_BYTES);
		if (this.#isOwn[page] === 0) {
			this.#pages[page] = (this.#pages[page] as Uint8Array).slice();
			this.#isOwn[page] = 1;
		}
		this.#snapshot = undefined;
		this.#pages[page]?.set(bytes, at % PAGE_BYTES);
	}

	snapshot(): Snapshot {
		if (this.#snapshot) return this.#snapshot;
		this.#isOwn.fill(0);
		this.#snapshot = new Snapshot(this.#pages.slice());
		return this.#snapshot;
	}

	/** A copy. */
	bytes(): Uint8Array {
		return joined(this.#pages);
	}
}

export function joined(pages: readonly Uint8Array[]): Uint8Array {
	let length = 0;
	for (const page of pages) length += page.length;
	const bytes = new Uint8Array(length);
	let at = 0;
	for (const page of pages) {
		bytes.set(page, at);
		at += page.length;
	}
	return bytes;
}
