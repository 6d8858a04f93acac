/**
 * What a program that embeds a node imports from `paxos-swarm`. Nothing here or below handles a signal, ends the process
 * or writes to the console: what an operator should know goes to the logger that the program gives.
 */
import type { StateMachine } from '../../shared/store/state-machine.ts';
import { type CreateNodeOptions, createKeyValueNode, createOwnNode } from './create-node.ts';
import type { KeyValueNode } from './key-value-access.ts';
import { type CreateSwarmOptions, createKeyValueSwarm, createOwnSwarm, type LocalSwarm } from './memory-swarm.ts';
import type { OwnNode } from './own-access.ts';

export type { ApplyContext, Codec, StateMachine } from '../../shared/store/state-machine.ts';
export type { CreateNodeOptions } from './create-node.ts';
export type { KeyValueNode } from './key-value-access.ts';
export type { CreateSwarmOptions, LocalSwarm } from './memory-swarm.ts';
export type { OwnNode } from './own-access.ts';

/**
 * Starts a node of a swarm in this program. The call is the same at every start: the first one makes the folder, and every
 * later one goes on from what is there. It resolves once the node has read its folder and listens; `ready` tells when the
 * swarm has a leader.
 *
 * @throws ConfigError an option cannot be used
 * @throws FolderError the folder must not be used: the message says why, and what to do
 * @throws JoinError with `join`, where no other member tells which swarm it is
 * @throws the system's error for a port that is taken
 */
export function createNode<State, Command, Result>(
	options: CreateNodeOptions & { readonly machine: StateMachine<State, Command, Result> },
): Promise<OwnNode<State, Command, Result>>;
export function createNode(options: CreateNodeOptions): Promise<KeyValueNode>;
export function createNode(
	options: CreateNodeOptions & { readonly machine?: StateMachine<unknown, unknown, unknown> },
): Promise<KeyValueNode | OwnNode<unknown, unknown, unknown>> {
	const { machine, ...others } = options;
	return machine ? createOwnNode(machine, others) : createKeyValueNode(others);
}

/**
 * Starts a whole swarm in this process, for tests and prototypes: the nodes are the real ones, and their messages and
 * their disks are in memory. It resolves when a leader is there.
 */
export function createSwarm<State, Command, Result>(
	options: CreateSwarmOptions & { readonly machine: StateMachine<State, Command, Result> },
): Promise<LocalSwarm<OwnNode<State, Command, Result>>>;
export function createSwarm(options?: CreateSwarmOptions): Promise<LocalSwarm<KeyValueNode>>;
export function createSwarm(
	options: CreateSwarmOptions & { readonly machine?: StateMachine<unknown, unknown, unknown> } = {},
): Promise<LocalSwarm<KeyValueNode> | LocalSwarm<OwnNode<unknown, unknown, unknown>>> {
	const { machine, ...others } = options;
	return machine ? createOwnSwarm(machine, others) : createKeyValueSwarm(others);
}
