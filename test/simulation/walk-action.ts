/** What may happen in a random walk, and in which world. */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Member } from '../../shared/paxos/change.ts';
import type { LogRoom, Timer } from '../../shared/paxos/event.ts';
import type { Slot } from '../../shared/paxos/message.ts';

export interface Shape {
	readonly ids: readonly NodeId[];
	/** The number of voters at first. They are the first ones of `ids`. */
	readonly votersAtFirst: number;
	/** See `AgentConfig.openSlotsMax`. */
	readonly alpha: number;
	/** See `AgentConfig.messageBytesMax`. */
	readonly messageBytesMax: number;
	/** Whether a message arrives only after those that left before it over the same link, as with TCP. */
	readonly inOrder: boolean;
	/** Whether nothing is lost on a link that stands, as with TCP. */
	readonly isReliable: boolean;
	/** These are cut off at the end. */
	readonly cutOff: readonly NodeId[];
}

/** What happens to messages and links, and to the time. */
type NetAction =
	/** The message that stands at this place of the link arrives. */
	| { readonly kind: 'deliver'; readonly from: NodeId; readonly to: NodeId; readonly at: number }
	/** It arrives, and will arrive once more. */
	| { readonly kind: 'duplicate'; readonly from: NodeId; readonly to: NodeId; readonly at: number }
	| { readonly kind: 'lose'; readonly from: NodeId; readonly to: NodeId; readonly at: number }
	/** Messages between these nodes arrive until there are none, or so many have. */
	| { readonly kind: 'talk'; readonly among: readonly NodeId[]; readonly max: number }
	/** Everything on its way between two of these nodes is lost. */
	| { readonly kind: 'forget'; readonly among: readonly NodeId[] }
	/** What is on its way between the two is lost, and both are told. */
	| { readonly kind: 'breakLink'; readonly a: NodeId; readonly b: NodeId }
	| { readonly kind: 'mendLink'; readonly a: NodeId; readonly b: NodeId }
	| { readonly kind: 'pass'; readonly ms: number };

/** What happens to a node. */
export type NodeAction =
	| { readonly kind: 'timer'; readonly node: NodeId; readonly timer: Timer | 'campaign' }
	| { readonly kind: 'propose'; readonly node: NodeId; readonly route: 'leader' | 'self'; readonly contest: Slot }
	/** Nobody waits any more for the oldest proposal of the node. */
	| { readonly kind: 'withdraw'; readonly node: NodeId }
	| { readonly kind: 'read'; readonly node: NodeId }
	| { readonly kind: 'handOver'; readonly node: NodeId; readonly to: NodeId | null }
	/** The node is told that it is about to stop. It does so with its next crash, or at the end, and is started again. */
	| { readonly kind: 'leave'; readonly node: NodeId }
	| { readonly kind: 'change'; readonly node: NodeId; readonly members: readonly Member[] }
	/** From now on what the node writes is not durable before the next flush. */
	| { readonly kind: 'holdFlush'; readonly node: NodeId }
	| { readonly kind: 'flush'; readonly node: NodeId }
	/** The records of so many of the node's steps become durable, the oldest of those that are not. */
	| { readonly kind: 'flushSome'; readonly node: NodeId; readonly steps: number }
	/** The process ends, and starts again with what is durable and so many of the records that are not. */
	| { readonly kind: 'crash'; readonly node: NodeId; readonly keeps: number }
	/** A snapshot of the node is durable. */
	| { readonly kind: 'save'; readonly node: NodeId }
	/** The node takes over the snapshot that another one has. */
	| { readonly kind: 'takeOver'; readonly node: NodeId; readonly from: NodeId }
	| { readonly kind: 'room'; readonly node: NodeId; readonly room: LogRoom }
	/** From now on the node's wall clock is so far off. */
	| { readonly kind: 'clock'; readonly node: NodeId; readonly ms: number }
	/** From now on the node has stood still for so long lately. */
	| { readonly kind: 'still'; readonly node: NodeId; readonly ms: number };

export type Action = NetAction | NodeAction;
