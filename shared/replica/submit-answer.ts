/** The answer to one operation that was submitted without an identity: see `own-client.ts`. */
import type { Attempt } from '../feed.ts';
import type { Ballot } from '../paxos/ballot.ts';
import type { Slot } from '../paxos/message.ts';
import type { RefusedWhy } from './batch.ts';

export type SubmitAnswer =
	| {
			readonly outcome: 'chosen';
			/** The operation's own result: false for a condition that did not hold. */
			readonly ok: boolean;
			readonly revision: number;
			readonly slot: Slot;
			/** The ballot under which this node placed the operation; where another node did, the same as `chosenAt`. */
			readonly ballot: Ballot;
			/** The ballot under which this node saw the slot chosen. */
			readonly chosenAt: Ballot;
			readonly attempts: readonly Attempt[];
	  }
	/** The contested slot keeps the value it had; the operation surely did not and will not happen. */
	| {
			readonly outcome: 'kept';
			readonly slot: Slot;
			readonly ballot: Ballot;
			/** The commands that the slot holds; no bytes for a no-op. */
			readonly value: Uint8Array;
			readonly attempts: readonly Attempt[];
	  }
	/** The operation surely did not and will not happen. */
	| {
			readonly outcome: 'refused';
			readonly why: RefusedWhy;
			readonly detail: string;
			readonly attempts: readonly Attempt[];
	  }
	/** The operation was proposed, and may have happened or may yet happen. */
	| {
			readonly outcome: 'unknown';
			readonly why: 'timeout' | 'stopping';
			readonly detail: string;
			readonly attempts: readonly Attempt[];
	  };
