/** What becomes of a call that a node refuses, by the reason. Writes, transactions and reads go by this table. */
import { BadKeyError, BadValueError, DENIED, RefusedError } from './errors.ts';
import type { PassingRefusal, Refusal } from './protocol.ts';

export interface AfterRefusal {
	/** Whether the call is sent again until its time is over, because the reason may be gone by then. */
	readonly isPassing: boolean;
	/** What the call fails with where it surely was not carried out. Where it may have been, its outcome is unknown. */
	error(): Error;
}

export const AFTER_REFUSAL: Readonly<Record<Refusal, AfterRefusal>> = {
	noLeader: passing('noLeader', 'no leader took it in time'),
	overloaded: passing('overloaded', 'the node had no room for it in time'),
	diskFull: passing('diskFull', 'the disk of the node was full until its time was over'),
	diskBehind: passing('diskBehind', 'the disk of the node did not keep up until its time was over'),
	badKey: forGood(() => new BadKeyError('the node takes no such key')),
	badValue: forGood(() => new BadValueError('the node takes no such value')),
	denied: forGood(() => new RefusedError('denied', DENIED)),
};

function passing(why: PassingRefusal, detail: string): AfterRefusal {
	return { isPassing: true, error: () => new RefusedError(why, detail) };
}

function forGood(error: () => Error): AfterRefusal {
	return { isPassing: false, error };
}
