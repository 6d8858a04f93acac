/** Durations as people write them. */

const MS_PER_UNIT: Readonly<Record<string, number>> = {
	ns: 1e-6,
	us: 1e-3,
	µs: 1e-3,
	ms: 1,
	s: 1000,
	m: 60_000,
	h: 3_600_000,
};

/** It is tried where the part before it ends and nowhere else, so a long text takes no more than its length. */
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/y;

/** Milliseconds of a duration such as `1h30m`, `1.5s` or `0`; null for a text that is none. */
export function durationMs(text: string): number | null {
	if (text === '0') return 0;
	if (text === '') return null;
	let ms = 0;
	for (let at = 0; at < text.length; at = PART.lastIndex) {
		PART.lastIndex = at;
		const [, amount, unit] = PART.exec(text) ?? [];
		if (unit === undefined) return null;
		ms += Number(amount) * (MS_PER_UNIT[unit] as number);
	}
	return ms;
}

/** `10s`, `1m30s`, `24h0m0s`, as Go writes it. @param ms a whole number */
export function durationText(ms: number): string {
	if (ms > 0 && ms < 1000) return `${ms}ms`;
	const hours = Math.floor(ms / 3_600_000);
	const minutes = Math.floor(ms / 60_000) % 60;
	const seconds = `${(ms % 60_000) / 1000}s`;
	if (hours > 0) return `${hours}h${minutes}m${seconds}`;
	return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
