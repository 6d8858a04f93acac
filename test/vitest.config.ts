/**
 * The configuration of Vitest. Every folder of `test/` is a project with its name, so that none is forgotten:
 * `npx vitest run --config test/vitest.config.ts --project paper`. Projects that start processes, packages or browsers
 * run after all others, one file at a time. Failures must never be hidden: no retry, no `only`, no empty run.
 */

import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** These projects run one file at a time, after the others, because they load the machine or measure it. */
const serial = ['process', 'package', 'browser'];

const testTimeoutMs: Readonly<Record<string, number>> = {
	simulation: 120_000,
	rules: 120_000,
	process: 180_000,
	package: 300_000,
	browser: 120_000,
};
const testTimeoutDefaultMs = 120_000;

export default defineConfig({
	root,
	test: {
		allowOnly: false,
		passWithNoTests: false,
		dangerouslyIgnoreUnhandledErrors: false,
		// By default Vitest leaves one processor unused, which is half of a small machine.
		maxWorkers: availableParallelism(),
		projects: folders().map((name) => ({
			extends: true,
			test: {
				name,
				include: [`test/${name}/**/*.test.{ts,tsx}`],
				environment: 'node',
				retry: 0,
				testTimeout: testTimeoutMs[name] ?? testTimeoutDefaultMs,
				hookTimeout: testTimeoutMs[name] ?? testTimeoutDefaultMs,
				teardownTimeout: 10_000,
				restoreMocks: true,
				fileParallelism: !serial.includes(name),
				sequence: { groupOrder: serial.indexOf(name) + 1 },
			},
		})),
	},
});

/** The folders of `test/`, in the order of their names. */
function folders(): string[] {
	return readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map((entry) => entry.name)
		.sort();
}
