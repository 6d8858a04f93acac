/** The pure functions that Node and browsers have beyond the language. They give the same bytes for the same text. */

declare class TextEncoder {
	encode(text: string): Uint8Array;
}

declare class TextDecoder {
	constructor(label: 'utf-8', options: { readonly fatal: boolean; readonly ignoreBOM: boolean });
	/** Throws a `TypeError` where it is fatal and the bytes are not UTF-8. */
	decode(bytes: Uint8Array): string;
}
