/** A UUID of random bytes. @source RFC 9562, 5.4 */

/** @param bytes 16 random bytes */
export function uuidOf(bytes: Uint8Array): string {
	const hex = Array.from(bytes, (byte, at) => {
		const marked = at === 6 ? 0x40 | (byte & 0x0f) : at === 8 ? 0x80 | (byte & 0x3f) : byte;
		return marked.toString(16).padStart(2, '0');
	}).join('');
	return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
