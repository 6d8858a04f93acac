/** Measures the bars of the dashboard one after the other, each with a fresh swarm and a fresh browser. */

import { absence } from './absence.ts';
import { accessibility } from './accessibility.ts';
import type { Bar, DashboardBenchOptions, Measured } from './bar.ts';
import { busy } from './busy.ts';
import { eventToPixel } from './event-to-pixel.ts';
import { gaps } from './gaps.ts';
import { heap } from './heap.ts';
import { keyboard } from './keyboard.ts';
import { largeValues } from './large-values.ts';
import { oneWayCut } from './one-way-cut.ts';
import { scrub } from './scrub.ts';
import { throughput } from './throughput.ts';
import { truth } from './truth.ts';
import { weight } from './weight.ts';

const BARS: readonly Bar[] = [
	weight,
	eventToPixel,
	busy,
	heap,
	scrub,
	throughput,
	truth,
	gaps,
	absence,
	oneWayCut,
	largeValues,
	accessibility,
	keyboard,
];

export const BAR_NAMES = BARS.map(({ name }) => name);

export async function dashboard(options: DashboardBenchOptions): Promise<void> {
	const asked = BARS.filter(({ name }) => options.only?.includes(name) ?? true);
	const rows: Measured[] = [];
	for (const bar of asked) {
		const measured = await measuredOrNot(bar, options);
		rows.push(...measured);
		for (const row of measured) process.stdout.write(options.json ? `${JSON.stringify(row)}\n` : line(row));
	}
	if (!options.json) process.stdout.write(`${rows.filter(({ isMet }) => isMet).length} of ${rows.length} are met\n`);
}

/** A bar that cannot be measured is not met, and the others are measured all the same. */
async function measuredOrNot(bar: Bar, options: DashboardBenchOptions): Promise<readonly Measured[]> {
	try {
		return await bar.measure(options);
	} catch (error) {
		const note = error instanceof Error ? error.message : String(error);
		return [{ bar: bar.name, target: 'it can be measured', measured: 'nothing', isMet: false, note }];
	}
}

function line({ bar, target, measured, isMet, note }: Measured): string {
	return `${isMet ? 'met    ' : 'NOT MET'}  ${bar}\n         target: ${target}\n         measured: ${measured}\n${note ? `         ${note}\n` : ''}`;
}
