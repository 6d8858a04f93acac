/** Keeps secrets out of texts that leave the process: lines of the log, and what people send to others. */

/** A shorter secret is a part of too many words to be looked for. */
const LOOKED_FOR_CHARS_MIN = 4;

export function withoutSecrets(text: string, secrets: readonly string[]): string {
	return secrets
		.filter((secret) => secret.length >= LOOKED_FOR_CHARS_MIN)
		.flatMap((secret) => [secret, asInJson(secret), encodeURIComponent(secret)])
		.reduce((before, secret) => (before.includes(secret) ? before.replaceAll(secret, '[secret]') : before), text);
}

function asInJson(text: string): string {
	return JSON.stringify(text).slice(1, -1);
}
