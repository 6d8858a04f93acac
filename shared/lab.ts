/**
 * Faults that people make in a swarm that runs as a lab. A direction of a link is all that one node sends to another; the
 * node to which it goes has its fault.
 */
import type { NodeId } from './paxos/ballot.ts';

export interface LinkFault {
	/** Nothing arrives. As on a cable that is cut, the link itself is lost after a while, and none is made. */
	readonly cut: boolean;
	/** Everything arrives so much later, milliseconds. */
	readonly delayMs: number;
	/** The share of frames that the network loses once, 0 to `LOSS_MAX`. TCP sends them again, so they arrive later. */
	readonly loss: number;
	/** Messages wait until they are released one by one. */
	readonly hold: boolean;
}

/** The fault of all that `from` sends to the node that tells it. */
export interface LinkFaultFrom extends LinkFault {
	readonly from: NodeId;
}

export const NO_FAULT: LinkFault = { cut: false, delayMs: 0, loss: 0, hold: false };

export const DELAY_MS_MAX = 10_000;
export const LOSS_MAX = 0.9;

export function isFault({ cut, delayMs, loss, hold }: LinkFault): boolean {
	return cut || hold || delayMs > 0 || loss > 0;
}

/** The rest of a sentence that begins with the messages of one node to another, for people. */
export function faultText(fault: LinkFault): string {
	if (fault.cut) return 'are lost: the link is cut';
	const parts = [
		...(fault.hold ? ['wait until they are released'] : []),
		...(fault.delayMs > 0 ? [`come ${fault.delayMs} ms late`] : []),
		...(fault.loss > 0 ? [`are lost once with a chance of ${Math.round(fault.loss * 100)} %, and sent again`] : []),
	];
	return parts.length > 0 ? parts.join(', and ') : 'come in at once';
}

/** `wipe`: the process is killed and its data folder removed. The node comes back with a new disk. */
export const NODE_ACTS = ['pause', 'resume', 'kill', 'start', 'wipe'] as const;

/** What a lab may do to a node's process. */
export type NodeAct = (typeof NODE_ACTS)[number];

export function isNodeAct(text: unknown): text is NodeAct {
	return NODE_ACTS.some((act) => act === text);
}

export const ACTED: Readonly<Record<NodeAct, string>> = {
	pause: 'paused',
	resume: 'resumed',
	kill: 'killed',
	start: 'started',
	wipe: 'killed, and its disk wiped',
};
