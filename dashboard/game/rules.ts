/** The rules of the game as people read them: each in one sentence, with the place of the paper that it comes from. */
import type { Fact } from '../../shared/fact.ts';
import { RULE_IDS, type RuleId } from '../../shared/simulation/rule-ids.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';
import { quoted } from '../model/why.ts';
import type { Broken } from './watch.ts';

export interface RuleOut {
	readonly id: RuleId;
	/** What the agent does as long as the rule is in. */
	readonly rule: string;
	/** What it does without it. */
	readonly without: string;
	/** The section of Paxos Made Simple, or another source. */
	readonly section: string;
	/** So many nodes are enough to break it. */
	readonly nodes: number;
	/** Where to begin to look: the rest of a sentence. */
	readonly hint: string;
}

const TEXTS: Readonly<Record<RuleId, Omit<RuleOut, 'id'>>> = {
	promises: {
		rule: 'A node remembers its promises over a restart.',
		without: 'A node that restarts has forgotten what it promised.',
		section: 'Paxos Made Simple 2.2',
		nodes: 3,
		hint: 'set the clock of a node back, crash it, restart it, and propose at it at once: its ballot is below what it had promised.',
	},
	disk: {
		rule: 'A node answers only once its answer is on its disk.',
		without: 'A node answers before its answer is on its disk.',
		section: 'Paxos Made Simple 2.5',
		nodes: 3,
		hint: 'cut two nodes from each other, and propose at one of them. Step until the third has accepted, cut its power before its disk is done, and step until the value is chosen. Crash the proposer, restart the third, and propose at the other.',
	},
	reported: {
		rule: 'A proposer proposes the value that the promises report.',
		without: 'A proposer ignores the values that the promises report.',
		section: 'Paxos Made Simple 2.2, phase 2 (a)',
		nodes: 3,
		hint: 'propose at a node, crash it once it has its answer, and propose at another one.',
	},
	half: {
		rule: 'A quorum is more than half of the nodes.',
		without: 'Half of the nodes are a quorum.',
		section: 'Paxos Made Simple 2.2',
		nodes: 4,
		hint: 'cut the links between two halves of the nodes, and propose in both.',
	},
	ballots: {
		rule: 'No two nodes make the same ballot.',
		without: 'Two nodes may make the same ballot: their names do not count.',
		section: 'Paxos Made Simple 2.5',
		nodes: 3,
		hint: 'set two clocks back, make the link between these nodes slow, and propose at both at once: both make the next ballot above the last one.',
	},
	votes: {
		rule: 'A proposer counts the votes of each ballot by themselves.',
		without: 'A proposer adds up the votes of all ballots.',
		section: 'Paxos Made Simple 2.2',
		nodes: 3,
		hint: 'crash a node that does not lead, and propose twice through the leader. Hold the vote for the second value while it flies, propose at the leader with both phases, and deliver the vote once it asks for votes again.',
	},
	reads: {
		rule: 'A leader asks a quorum before it answers a read.',
		without: 'A leader answers reads from memory.',
		section: 'Raft (Ongaro 2014) 6.4, which the paper leaves open',
		nodes: 3,
		hint: 'cut the leader off, propose at another node, and read at the old leader.',
	},
};

export const RULES_TO_TAKE_OUT: readonly RuleOut[] = RULE_IDS.map((id) => ({ id, ...TEXTS[id] }));

export function ruleOf(id: RuleId): RuleOut {
	return { id, ...TEXTS[id] };
}

/** What was broken, in one sentence. */
export function brokenText(broken: Broken): string {
	switch (broken.lamp) {
		case 'oneValue':
			return twoValues(broken.fact, broken.against, 'is chosen', 'was chosen there before');
		case 'oneProposal':
			return twoValues(broken.fact, broken.against, 'is accepted', 'was accepted under the same ballot before');
		case 'promises':
			return `${broken.fact.node} has gone below a ballot that it had promised to others.`;
		case 'votes':
			return broken.fact.kind === 'voteCounted'
				? `${broken.fact.node} has counted a vote of ${broken.fact.from} that ${broken.fact.from} gave to another ballot.`
				: '';
		case 'reads': {
			const { read, missed } = broken.stale;
			return `${read.of.action.kind === 'read' ? read.of.action.node : ''} has answered a read without “${missed.value}”, which was acknowledged before.`;
		}
	}
}

/** The value of the fact and the one that it contradicts. */
function twoValues(fact: Fact, before: ValueSummary | null, is: string, was: string): string {
	if ((fact.kind !== 'chosen' && fact.kind !== 'accepted') || !before) return '';
	return `In slot ${fact.slot} ${quoted(fact.value)} ${is}, and ${quoted(before)} ${was}.`;
}
