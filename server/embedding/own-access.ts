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

/** Who reads changes. */
interface Reader {
	readonly signal: AbortSignal | undefined;
	hasLeft: boolean;
	/** Ends its wait for the next change. */
	wake(): void;
}

function changesOf<State, Command, Result>(
	replica: Pick<OwnReplica<State, Command, Result>, 'doors'>,
	from: number,
	signal: AbortSignal | undefined,
): AsyncIterableIterator<AppliedCommand<Command, Result>, undefined> {
	const reader: Reader = { signal, hasLeft: false, wake: () => undefined };
	const changes = read(replica, from, reader);
	const end = changes.return.bind(changes);
	// A generator comes to its end only when what it waits for is over.
	changes.return = (value) => {
		reader.hasLeft = true;
		reader.wake();
		return end(value);
	};
	return changes;
}

/** It has no queue: the next command is looked for when the one before was taken. */
async function* read<State, Command, Result>(
	{ doors }: Pick<OwnReplica<State, Command, Result>, 'doors'>,
	from: number,
	reader: Reader,
): AsyncGenerator<AppliedCommand<Command, Result>, undefined> {
	let through = from;
	while (!reader.hasLeft) {
		reader.signal?.throwIfAborted();
		const next = doors.after(through);
		switch (next.kind) {
			case 'applied':
				through = next.applied.revision;
				yield next.applied;
				break;
			case 'none':
				await newsOf(doors, reader);
				break;
			case 'compacted':
				throw new CompactedError(through);
			case 'stopping':
				return undefined;
		}
	}
	return undefined;
}

/** Resolves when there may be another command. A reader whose signal is aborted waits for none any more. */
async function newsOf(doors: { whenNews(news: () => void): () => void }, reader: Reader): Promise<void> {
	let giveUp = (): void => undefined;
	const news = new Promise<void>((resolve) => {
		giveUp = doors.whenNews(resolve);
		reader.wake = resolve;
	});
	try {
		await unlessAborted(news, [reader.signal]);
	} finally {
		giveUp();
	}
}
