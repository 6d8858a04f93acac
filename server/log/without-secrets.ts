/** Keeps secrets out of texts that leave the process: lines of the log, and what people send to others. */

/** A shorter secret is a part of too many words to be looked for. */
const LOOKED_FOR_CHARS_MIN = 4;

export function withoutSecrets(text: string, secrets: readonly string[]): string {
	return secrets
		.filter((secret) => secret.length >= LOOKED_FOR_CHARS_MIN)
		.flatMap((secret) => [secret, asInJson(secret), encodeURIComponent(secret)])
		.reduce((before, secret) => (before.includes(secret) ? before.replaceAll(secret, '[secret]') : before), text);
}

const STRINGS = /"[^"\\]*(?:\\.[^"\\]*)*"/g;

/** The same of a text in JSON, which stays JSON: a number that has the digits of a secret is none. */
export function jsonWithoutSecrets(text: string, secrets: readonly string[]): string {
	const without = withoutSecrets(text, secrets);
	if (without === text || !isJson(text)) return without;
	return text.replace(STRINGS, (string) => JSON.stringify(withoutSecrets(JSON.parse(string) as string, secrets)));
}

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}

function asInJson(text: string): string {
	return JSON.stringify(text).slice(1, -1);
}
