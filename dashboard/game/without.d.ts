/** Made by `dashboard/without-plugin.ts`: the agent without the rule of that name. */
declare module 'without:*' {
	export const PaxosAgent: typeof import('../../shared/paxos/agent.ts').PaxosAgent;
}
