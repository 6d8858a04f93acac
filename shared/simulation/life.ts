/** The state of one life of one process so far, for the rules that look at more than one of its steps. */
import { type Ballot, NO_BALLOT } from '../paxos/ballot.ts';
import type { MembersChange } from '../paxos/change.ts';
import type { Slot } from '../paxos/message.ts';

export class Life {
	/** The agent's state after its last step, durable or not. */
	chosenThrough: Slot = 0;
	appliedThrough: Slot = 0;
	promised: Ballot = NO_BALLOT;
	/** The ballot under which it last became the leader. */
	leads: Ballot = NO_BALLOT;
	/** The round of the last heartbeat that asked for confirmations. */
	round = 0;
	/** The changes of members that its agent was asked to propose. */
	readonly changes: MembersChange[] = [];
	/** A hash of the results of every slot applied, so that equal states are known without a look at them. */
	results = 0;
}
