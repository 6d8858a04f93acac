/** A running replica whose state machine is the user's own. */
import type { RefusedWhy } from '../../shared/replica/batch.ts';
import { OwnDoors } from '../../shared/replica/own-doors.ts';
import { type OwnMachine, ownKind } from '../../shared/store/own-machine.ts';
import type { StateMachine } from '../../shared/store/state-machine.ts';
import { memoryOf, RunningReplica, type RunningReplicaOptions } from './replica.ts';
import type { OwnService } from './service.ts';

/** What became of a command. */
export type Proposed<Result> =
	| { readonly outcome: 'applied'; readonly result: Result; readonly revision: number }
	/** It was applied, and its result is not known here: this node has taken over a state that holds it already. */
	| { readonly outcome: 'applied elsewhere' }
	| { readonly outcome: 'refused'; readonly why: RefusedWhy; readonly detail: string }
	| { readonly outcome: 'unknown'; readonly detail: string };

export class OwnReplica<State, Command, Result>
	extends RunningReplica<OwnMachine<State, Command, Result>, OwnDoors<State, Command, Result>>
	implements OwnService
{
	readonly store = null;
	readonly clients = null;

	/** As `memoryOf`. */
	static async open<State, Command, Result>(
		machine: StateMachine<State, Command, Result>,
		options: RunningReplicaOptions,
	): Promise<OwnReplica<State, Command, Result>> {
		const kind = ownKind(machine);
		const doors: ConstructorParameters<typeof OwnReplica<State, Command, Result>>[0]['doors'] = (own, parts) =>
			new OwnDoors(own, parts);
		return new OwnReplica({ kind, doors }, options, await memoryOf(kind, options));
	}

	/** Proposes a command, as its codec has written it. Never rejects. */
	propose(bytes: Uint8Array, timeoutMs: number): Promise<Proposed<Result>> {
		return new Promise((resolve) =>
			this.replica.submit(
				{ kind: 'command', bytes },
				{ route: 'leader', contest: 0, timeoutMs },
				this.followed((answer) => {
					switch (answer.outcome) {
						case 'chosen': {
							// This is called before the machine applies the next command.
							const { last } = this.machine;
							const { revision } = answer;
							if (last?.revision !== revision) return resolve({ outcome: 'applied elsewhere' });
							return resolve({ outcome: 'applied', result: last.result, revision });
						}
						case 'kept':
							throw new Error('a command that contests no slot was told what a slot holds');
						default:
							resolve(answer);
					}
				}),
			),
		);
	}

	/** As `OwnDoors.endWaits`. */
	endWaits(): void {
		this.doors.endWaits();
	}
}
