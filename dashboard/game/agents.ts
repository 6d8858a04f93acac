/** The agents that runs without a rule have: each is loaded when it is asked for. */
import type { PaxosAgent } from '../../shared/paxos/agent.ts';
import { quorumSize } from '../../shared/paxos/quorum.ts';
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import { withoutNode } from '../model/ballot-names.ts';
import type { Beginning } from '../model/source.ts';

type AgentClass = typeof PaxosAgent;
type Measures = Required<Pick<Beginning, 'quorumSize' | 'identityOf'>>;

const LOADING: Readonly<Record<RuleId, () => Promise<{ readonly PaxosAgent: AgentClass }>>> = {
	promises: () => import('without:promises'),
	disk: () => import('without:disk'),
	reported: () => import('without:reported'),
	half: () => import('without:half'),
	ballots: () => import('without:ballots'),
	votes: () => import('without:votes'),
	reads: () => import('without:reads'),
};

const loaded = new Map<RuleId, AgentClass>();

/** @throws Error where the page is cut off from its host */
export async function loadAgent(without: RuleId | null): Promise<void> {
	if (without === null || loaded.has(without)) return;
	loaded.set(without, (await LOADING[without]()).PaxosAgent);
}

/** @returns null for the agent with all rules @throws Error where it was not loaded */
export function agentWithout(without: RuleId | null): AgentClass | null {
	if (without === null) return null;
	const found = loaded.get(without);
	if (!found) throw new Error(`the agent without the rule ${without} is not loaded`);
	return found;
}

/** How many voters are a quorum for that agent, and which ballots it takes for one and the same. */
export function measuresWithout(without: string | null): Measures {
	return {
		quorumSize: without === 'half' ? (voters) => Math.floor(voters.length / 2) : quorumSize,
		identityOf: without === 'ballots' ? withoutNode : (ballot) => ballot,
	};
}
