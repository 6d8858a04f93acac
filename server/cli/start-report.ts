/**
 * Reports the progress of nodes that read their logs: on a terminal by one line with a bar that is redrawn in place,
 * elsewhere by a line now and then. A short start is not reported.
 */
import type { Environment } from '../config/settings.ts';
import { describeStart, type StartProgress } from '../replica/memory.ts';
import type { Output } from './output.ts';
import { barOf, CLEAR_LINE, canDraw, fitted } from './progress-bar.ts';

/** A start that takes less than this is not reported. */
const QUIET_MS = 1000;
/** Where there is no terminal, a line is written for each step of so many percent. */
const LINE_PERCENT = 10;

export class StartReport {
	readonly #output: Output;
	readonly #draws: boolean;
	readonly #nowMs: () => number;
	#startedMs: number | null = null;
	/** The progress of the nodes that are not ready. */
	readonly #starting = new Map<string, StartProgress>();
	/** The last step of each node that has a line, percent. */
	readonly #said = new Map<string, number>();
	#isDrawn = false;

	constructor(output: Output, environment: Environment, nowMs: () => number) {
		this.#output = output;
		this.#draws = canDraw(output.isTTY, environment);
		this.#nowMs = nowMs;
	}

	/** @param progress null where the node is ready or has ended */
	update(id: string, progress: StartProgress | null): void {
		this.#startedMs ??= this.#nowMs();
		if (progress === null) this.#starting.delete(id);
		else this.#starting.set(id, progress);
		if (this.#draws) return this.#draw();
		if (progress !== null && this.#isDue(id, progress)) this.#output.write(`${id}: ${describeStart(progress)}\n`);
	}

	/** Writes a line above the bar. */
	say(line: string): void {
		this.clear();
		this.#output.write(`${line}\n`);
		if (this.#draws) this.#draw();
	}

	/** Takes the bar away, until the next update. */
	clear(): void {
		if (this.#isDrawn) this.#output.write(CLEAR_LINE);
		this.#isDrawn = false;
	}

	get #takesLong(): boolean {
		return this.#startedMs !== null && this.#nowMs() - this.#startedMs >= QUIET_MS;
	}

	#isDue(id: string, { percent }: StartProgress): boolean {
		if (!this.#takesLong || percent < (this.#said.get(id) ?? 0) + LINE_PERCENT) return false;
		this.#said.set(id, percent - (percent % LINE_PERCENT));
		return true;
	}

	#draw(): void {
		this.clear();
		if (this.#starting.size === 0 || !this.#takesLong) return;
		const nodes = [...this.#starting].map(([id, { percent }]) => `${id} ${percent} %`);
		const percents = [...this.#starting.values()].map(({ percent }) => percent);
		const mean = percents.reduce((sum, percent) => sum + percent, 0) / percents.length;
		this.#output.write(fitted(`${barOf(mean)} ${nodes.join('  ')}`, this.#output.columns));
		this.#isDrawn = true;
	}
}
