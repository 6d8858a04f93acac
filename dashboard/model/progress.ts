/** How far a node has come that learns what the others know. */
import type { Slot } from '../../shared/paxos/message.ts';
import type { NodeModel } from './node-model.ts';
import { countText } from './why.ts';

export interface Progress {
	/** From 0 to 1. */
	readonly share: number;
	readonly text: string;
}

/** @param chosenThrough the slot through which the furthest node knows all */
export function progressOf({ chosenThrough: own, arriving }: NodeModel, chosenThrough: Slot): Progress {
	if (arriving && arriving.through > own) {
		const { through, bytes, bytesOfAll } = arriving;
		const text = `takes over the snapshot through slot ${countText(through)}, ${sizeText(bytes)} of ${sizeText(bytesOfAll)}`;
		return { share: bytesOfAll === 0 ? 0 : bytes / bytesOfAll, text };
	}
	const behind = Math.max(0, chosenThrough - own);
	if (behind === 0) return { share: 1, text: 'knows every slot that is chosen' };
	return { share: own / chosenThrough, text: `${countText(behind)} slot${behind === 1 ? '' : 's'} behind` };
}

function sizeText(bytes: number): string {
	return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
