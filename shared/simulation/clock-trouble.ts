/**
 * Makes clocks go wrong, and puts the wall clock into the right year again. It is a part of `trouble.ts`.
 */
import type { Clock } from './clock.ts';
import type { ClockFault } from './faults.ts';
import type { World } from './world.ts';

const MS_PER_YEAR = 365.25 * 24 * 3_600 * 1_000;

export class ClockTrouble {
	readonly #world: World;
	readonly #yearsOffMs = new Map<Clock, number>();

	constructor(world: World) {
		this.#world = world;
	}

	cause(fault: ClockFault): void {
		const world = this.#world;
		const { counters } = world;
		const { clock } = world.node(fault.node);
		switch (fault.kind) {
			case 'clockStep':
				if (fault.byMs < 0) counters.clockStepsBack++;
				else counters.clockStepsAhead++;
				return clock.step(fault.byMs);
			case 'clockYears': {
				const byMs = fault.years * MS_PER_YEAR;
				counters.clocksYearsOff++;
				clock.step(byMs);
				this.#yearsOffMs.set(clock, (this.#yearsOffMs.get(clock) ?? 0) + byMs);
				return world.endsAfter(fault.ms, () => this.#rightYear(clock));
			}
			case 'clockFreeze':
				counters.clockFreezes++;
				clock.freeze(world.now);
				return world.endsAfter(fault.ms, () => clock.thaw());
			case 'clockDrift':
				counters.clockDrifts++;
				clock.drift = fault.drift;
				return;
			case 'pace':
				counters.paceChanges++;
				clock.pace = fault.pace;
				return world.endsAfter(fault.ms, () => {
					clock.pace = 1;
				});
		}
	}

	/** Clocks go on, at the right pace and in the right year. They stay wrong otherwise. */
	heal(): void {
		for (const { clock } of this.#world.nodes) {
			clock.pace = 1;
			clock.thaw();
			this.#rightYear(clock);
		}
	}

	/** Takes the step of the clock by years back. */
	#rightYear(clock: Clock): void {
		clock.step(-(this.#yearsOffMs.get(clock) ?? 0));
		this.#yearsOffMs.delete(clock);
	}
}
