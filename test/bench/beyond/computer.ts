/** A computer: cores that processes wait for, and one disk that flushes for one process after another. */
import type { World } from './world.ts';

export interface Hardware {
	readonly cores: number;
	/** One flush of the disk, microseconds. */
	readonly flushUs: number;
	/** A message to another computer, one way, microseconds. */
	readonly linkUs: number;
}

export class Computer {
	readonly world: World;
	readonly hardware: Hardware;
	/** How long its cores worked, in sum, microseconds. */
	workedUs = 0;
	/** How long its disk worked, microseconds. */
	flushedUs = 0;
	#idleCores: number;
	readonly #waiting: Process[] = [];
	#diskIsFreeAtUs = 0;

	constructor(world: World, hardware: Hardware) {
		this.world = world;
		this.hardware = hardware;
		this.#idleCores = hardware.cores;
	}

	/** The process is to work as soon as a core is idle. */
	enqueue(process: Process): void {
		if (this.#idleCores === 0) this.#waiting.push(process);
		else this.#begin(process);
	}

	/** Flushes after all flushes that were asked for before. */
	flush(done: () => void): void {
		const { flushUs } = this.hardware;
		this.#diskIsFreeAtUs = Math.max(this.#diskIsFreeAtUs, this.world.nowUs) + flushUs;
		this.flushedUs += flushUs;
		this.world.after(this.#diskIsFreeAtUs - this.world.nowUs, done);
	}

	#begin(process: Process): void {
		this.#idleCores--;
		const us = process.work();
		this.workedUs += us;
		this.world.after(us, () => {
			this.#idleCores++;
			// Processes take turns: one that has more to do waits behind those that wait already.
			const next = this.#waiting.shift();
			if (next) this.#begin(next);
			process.worked();
		});
	}
}

/** A program of one thread. It takes in all that has come, works on it for some time, and then sends what came of it. */
export abstract class Process {
	readonly computer: Computer;
	#came: (() => void)[] = [];
	#sent: (() => void)[] = [];
	#isEnqueued = false;

	constructor(computer: Computer) {
		this.computer = computer;
	}

	/** Something has come for it. `act` runs in its next turn. */
	hand(act: () => void): void {
		this.#came.push(act);
		if (this.#isEnqueued) return;
		this.#isEnqueued = true;
		this.computer.enqueue(this);
	}

	/** The computer has a core for it. @returns for how long it works, microseconds */
	work(): number {
		const came = this.#came;
		this.#came = [];
		for (const act of came) act();
		return this.turn();
	}

	/** The work is done. */
	worked(): void {
		const sent = this.#sent;
		this.#sent = [];
		for (const act of sent) act();
		this.#isEnqueued = this.#came.length > 0;
		if (this.#isEnqueued) this.computer.enqueue(this);
	}

	/** `act` runs at the end of this turn. */
	protected atEnd(act: () => void): void {
		this.#sent.push(act);
	}

	/** What it does with all that has come. @returns for how long it works, microseconds */
	protected abstract turn(): number;
}
