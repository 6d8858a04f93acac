/** The default timings of swarm.json. */
import type { AgentConfig } from '../paxos/config.ts';

export const USUAL_TIMINGS: AgentConfig['timings'] = {
	electionMinMs: 300,
	electionMaxMs: 500,
	heartbeatMs: 75,
	pollMaxMs: 40,
	retryMs: 250,
	backoffMinMs: 5,
	backoffMaxMs: 500,
};
