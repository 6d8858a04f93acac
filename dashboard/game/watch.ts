/**
 * Looks for what must never happen in a run: by the lamps of the page, and by two that need to know everything: for reads,
 * and for votes.
 */
import type { Fact } from '../../shared/fact.ts';
import type { TimedAction } from '../../shared/simulation/action.ts';
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';
import { Lamps, RULES, type Rule } from '../model/lamps.ts';
import type { Entry } from '../model/tape.ts';
import type { Answered } from '../sandbox/sandbox.ts';
import { measuresWithout } from './agents.ts';
import { ReadRule, type StaleRead } from './reads.ts';
import { VoteRule } from './votes.ts';

export type Broken =
	/** @property against the value that the fact contradicts; null where it contradicts none */
	| { readonly lamp: Rule | 'votes'; readonly fact: Fact; readonly against: ValueSummary | null }
	| { readonly lamp: 'reads'; readonly stale: StaleRead };

export class Watch {
	/** The first breach that was found; null for none. */
	broken: Broken | null = null;
	/** By lamp, the breach that turned it red. */
	readonly byLamp = new Map<Broken['lamp'], Broken>();
	readonly #lamps: Lamps;
	readonly #votes = new VoteRule();
	readonly #reads = new ReadRule();
	#count = 0;

	/** @param without the rule that is taken out; null for none */
	constructor(without: RuleId | null) {
		this.#lamps = new Lamps(measuresWithout(without).identityOf);
	}

	facts(facts: readonly Fact[]): void {
		for (const fact of facts) {
			const at = ++this.#count;
			const entry: Entry = { node: fact.node, told: { kind: 'fact', fact }, fact, index: at, at, whenMs: 0 };
			this.#lamps.add(entry);
			for (const rule of RULES) {
				const breach = this.#lamps.breach(rule, at);
				if (breach) this.#found({ lamp: rule, fact: breach.entry.fact, against: breach.against });
			}
			if (this.#votes.breaks(fact)) this.#found({ lamp: 'votes', fact, against: null });
		}
	}

	answered(answered: Answered, asked: readonly TimedAction[]): void {
		const stale = this.#reads.add(answered, asked);
		if (stale) this.#found({ lamp: 'reads', stale });
	}

	#found(broken: Broken): void {
		if (!this.byLamp.has(broken.lamp)) this.byLamp.set(broken.lamp, broken);
		this.broken ??= broken;
	}
}
