/** The key or prefix that the URL of a request names. */
import { keyFault, prefixFault } from '../../shared/store/key.ts';
import { HttpError } from './answer.ts';

/**
 * The key in the URL as it was sent: `a/b` in `/v1/kv/a%2Fb?raw`.
 *
 * @param path what stands before the key and its slash
 * @param isPrefix whether it may be a prefix, and so empty
 * @throws HttpError 400 for one that is not allowed
 */
export function keyOf(url: string, path: string, isPrefix: boolean): string {
	const key = decodedKeyOf(url, path);
	checkKey(key, isPrefix);
	return key;
}

/** The same key, not checked yet. @throws HttpError 400 */
export function decodedKeyOf(url: string, path: string): string {
	const written = pathOf(url).slice(path.length + 1);
	const key = written.includes('%') ? percentDecoded(written) : written;
	if (key === null) throw new HttpError(400, 'Invalid key name: the key is not percent-encoded UTF-8');
	return key;
}

/** @throws HttpError 400 */
export function checkKey(key: string, isPrefix: boolean): void {
	if (key === '' && !isPrefix) throw new HttpError(400, 'Missing key name');
	const fault = isPrefix ? prefixFault(key) : keyFault(key);
	if (fault !== null) throw new HttpError(400, `Invalid key name: the key ${fault}`);
}

export function pathOf(url: string): string {
	const end = url.indexOf('?');
	return end < 0 ? url : url.slice(0, end);
}

function percentDecoded(text: string): string | null {
	try {
		return decodeURIComponent(text);
	} catch {
		return null;
	}
}
