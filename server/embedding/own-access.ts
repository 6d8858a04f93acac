/** A state machine of the user's own at a node. */
import { unlessAborted } from '../../shared/client/abort.ts';
import { CompactedError, UnknownOutcomeError } from '../../shared/client/errors.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { AppliedCommand } from '../../shared/store/own-machine.ts';
import { ResultLostError, type StateMachine } from '../../shared/store/state-machine.ts';
import type { OwnReplica } from '../replica/own.ts';
import { type MachineAccess, refusedError, type SwarmNode } from './swarm-node.ts';

/** A node with a state machine of the user's own. */
export type OwnNode<State, Command, Result> = SwarmNode<State, Command, Result, AppliedCommand<Command, Result>>;

export function ownAccess<State, Command, Result>(
	machine: StateMachine<State, Command, Result>,
	replica: OwnReplica<State, Command, Result>,
): MachineAccess<State, Command, Result, AppliedCommand<Command, Result>> {
	return {
		state: () => replica.machine.own,
		changes: (from, signal) => changesOf(replica, from, signal),
		async propose(command, timeoutMs) {
			const encoded = machine.command.encode(command);
			if (!(encoded instanceof Uint8Array)) throw new TypeError('command.encode returned no Uint8Array');
			// A codec may write all that it encodes into one array.
			const bytes = encoded.slice();
			if (bytes.length > VALUE_BYTES_MAX) {
				throw new RangeError(`a command has ${bytes.length} bytes, max size: ${VALUE_BYTES_MAX} bytes`);
			}
			const proposed = await replica.propose(bytes, timeoutMs);
			switch (proposed.outcome) {
				case 'applied':
					return proposed.result;
				case 'applied elsewhere':
					throw new ResultLostError();
				case 'refused':
					throw refusedError(proposed.why, proposed.detail);
				case 'unknown':
					throw new UnknownOutcomeError(proposed.detail);
			}
		},
	};
}

/** It has no queue: the next command is looked for when the one before was taken. */
async function* changesOf<State, Command, Result>(
	{ doors }: Pick<OwnReplica<State, Command, Result>, 'doors'>,
	from: number,
	signal: AbortSignal | undefined,
): AsyncGenerator<AppliedCommand<Command, Result>, undefined> {
	let through = from;
	for (;;) {
		signal?.throwIfAborted();
		const next = doors.after(through);
		switch (next.kind) {
			case 'applied':
				through = next.applied.revision;
				yield next.applied;
				break;
			case 'none':
				await newsOf(doors, signal);
				break;
			case 'compacted':
				throw new CompactedError(through);
			case 'stopping':
				return undefined;
		}
	}
}

/** Resolves when there may be another command. A reader whose signal is aborted waits for none any more. */
async function newsOf(
	doors: { whenNews(news: () => void): () => void },
	signal: AbortSignal | undefined,
): Promise<void> {
	let giveUp = (): void => undefined;
	const news = new Promise<void>((resolve) => {
		giveUp = doors.whenNews(resolve);
	});
	try {
		await unlessAborted(news, [signal]);
	} finally {
		giveUp();
	}
}
