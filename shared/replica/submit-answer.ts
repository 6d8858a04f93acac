/** What becomes of one operation that was submitted without an identity, as `own-client.ts` answers it. */
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
			/** Under which this node placed it; of a leader elsewhere, as `chosenAt`. */
			readonly ballot: Ballot;
			/** Under which this node saw it chosen. */
			readonly chosenAt: Ballot;
			readonly attempts: readonly Attempt[];
	  }
	/** The slot that it contested keeps what it had: it surely did not and will not happen. */
	| {
			readonly outcome: 'kept';
			readonly slot: Slot;
			readonly ballot: Ballot;
			/** The commands that the slot holds; no bytes for a no-op. */
			readonly value: Uint8Array;
			readonly attempts: readonly Attempt[];
	  }
	/** It surely did not and will not happen. */
	| {
			readonly outcome: 'refused';
			readonly why: RefusedWhy;
			readonly detail: string;
			readonly attempts: readonly Attempt[];
	  }
	/** It was proposed; it may have happened or may yet. */
	| {
			readonly outcome: 'unknown';
			readonly why: 'timeout' | 'stopping';
			readonly detail: string;
			readonly attempts: readonly Attempt[];
	  };
