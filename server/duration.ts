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

/** Milliseconds of a duration such as `1h30m`, `1.5s` or `0`; null for a text that is none. */
export function durationMs(text: string): number | null {
	if (text === '0') return 0;
	const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
	if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return null;
	return parts.reduce((ms, [, amount, unit]) => ms + Number(amount) * (MS_PER_UNIT[unit as string] as number), 0);
}
