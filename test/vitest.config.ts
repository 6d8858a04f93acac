/**
 * The configuration of Vitest. Every folder of `test/` is a project with its name, so that none is forgotten: `npx
 * vitest run --config test/vitest.config.ts --project paper`. Projects that start processes or packages run after all
 * others, then those with a browser, and those that measure come last, one file at a time. Failures must never be
 * hidden: no retry, no `only`, no empty run.
 */

import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { withoutRules } from '../dashboard/without-plugin.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The files of these projects start many processes each, so they run after the others, and few at a time: two for each
 * processor. Each node that runs costs time even where its test waits, so more files at a time take longer in all.
 */
const heavy = ['process', 'package'];
const heavyWorkersMax = 4;
/** A browser takes much of a small machine, so of the files of these projects two run at a time. */
const browsing = ['browser'];
const browsersMax = 2;
/** The files of these projects measure a node, so each of them has the machine for itself. */
const measuring = ['fuzz', 'measured'];
/**
 * Each file of these projects has a process for itself: it measures memory or time, or ends, replaces or reads what a
 * process has but once. Files of the others share processes, because to start one for each would take longer than most
 * of them run. Nothing of such a file may outlive it: no socket, no timer, no child, no changed global.
 */
const alone = ['check', 'feed', 'fuzz', 'measured', 'package', 'storage'];

/**
 * The files that take longest, which begin before all others of their group. Vitest sorts by the times of the last run, and
 * by size where there was none, as in a clean clone: then a long file may begin late, and run alone at the end.
 */
const longest = [
	'simulation/world',
	'package/package',
	'process/new-disk',
	'process/bad-input',
	'process/damaged-log',
	'process/lab',
	'process/backup',
	'process/five-nodes',
	'process/put-back',
	'process/terminal',
	'browser/sandbox',
	'browser/decision',
	'browser/keyboard',
	'browser/members',
	'browser/everyone',
];

class LongestFirst extends BaseSequencer {
	override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
		const sorted = await super.sort(files);
		return sorted.sort((a, b) => placeOf(a) - placeOf(b));
	}
}

/** It only ends what hangs: on a busy machine a test may take ten times as long as it does alone. */
const testTimeoutMs = 300_000;

export default defineConfig({
	root,
	plugins: [withoutRules()],
	test: {
		allowOnly: false,
		passWithNoTests: false,
		dangerouslyIgnoreUnhandledErrors: false,
		sequence: { sequencer: LongestFirst },
		projects: folders().map((name) => ({
			extends: true,
			test: {
				name,
				include: [`test/${name}/**/*.test.{ts,tsx}`],
				environment: 'node',
				retry: 0,
				testTimeout: testTimeoutMs,
				hookTimeout: testTimeoutMs,
				teardownTimeout: 10_000,
				restoreMocks: true,
				isolate: alone.includes(name),
				...timeOf(name),
			},
		})),
	},
});

/** Its place in `longest`; behind the last one where it is not there. */
function placeOf({ moduleId }: TestSpecification): number {
	const place = longest.findIndex((name) => moduleId.includes(`/test/${name}.test.`));
	return place < 0 ? longest.length : place;
}

/** When the files of a project run, and how many at a time. */
function timeOf(project: string): { maxWorkers: number; sequence: { groupOrder: number } } {
	// By default Vitest leaves one processor unused, which is half of a small machine.
	const processors = availableParallelism();
	if (measuring.includes(project)) return { maxWorkers: 1, sequence: { groupOrder: 3 } };
	if (browsing.includes(project)) {
		return { maxWorkers: Math.min(browsersMax, processors), sequence: { groupOrder: 2 } };
	}
	if (heavy.includes(project)) {
		return { maxWorkers: Math.min(heavyWorkersMax, 2 * processors), sequence: { groupOrder: 1 } };
	}
	return { maxWorkers: processors, sequence: { groupOrder: 0 } };
}

/** The folders of `test/`, in the order of their names. */
function folders(): string[] {
	return readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map((entry) => entry.name)
		.sort();
}
