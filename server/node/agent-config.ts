/** The configuration of a node's agent, with the bounds that are the same for every node. */
import { SLOTS_AHEAD_MAX } from '../../shared/paxos/bounds.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import type { Home } from '../storage/home.ts';
import { firstVotersOf } from '../storage/identity.ts';

/**
 * A leader proposes so many slots at a time. More would only make the batches smaller. A change of members is in force so
 * many slots later, so another number would make something else of the logs that there are.
 */
export const OPEN_SLOTS_MAX = 8;
/** The bounds on a slot's value and on other messages are well below the largest message of the mesh. */
export const VALUE_BYTES_MAX = 1_048_576;
const MESSAGE_BYTES_MAX = 524_288;
export function agentConfig(config: SwarmConfig, { id, members }: Pick<Home, 'id' | 'members'>): AgentConfig {
	return {
		id,
		members: firstVotersOf(members),
		openSlotsMax: OPEN_SLOTS_MAX,
		slotsAheadMax: SLOTS_AHEAD_MAX,
		valueBytesMax: VALUE_BYTES_MAX,
		messageBytesMax: MESSAGE_BYTES_MAX,
		timings: config.timings,
	};
}
