/**
 * The server-sent events of a watch, as text. The id of an event is the index behind which a watch goes on, so changes
 * that belong together are one event: a watch that is resumed never begins in the midst of them.
 *
 * @source HTML Standard, 9.2 Server-sent events
 */
import type { Change } from '../../shared/replica/history.ts';
import type { WatchEnd } from '../../shared/replica/watches.ts';
import { entryText } from './kv-bodies.ts';

/**
 * The events of changes. Each change is printed once, for all watches of all prefixes, and watches that are told the same
 * are sent the same bytes.
 */
export class ChangeEvents {
	readonly #made = new WeakMap<readonly Change[] | Change, Buffer>();
	readonly #texts = new WeakMap<Change, string>();

	of(changes: readonly Change[]): Buffer {
		// Each prefix has a list of its own, and mostly with one change, of which there is but one event.
		const told = changes.length === 1 ? (changes[0] as Change) : changes;
		const made = this.#made.get(told) ?? Buffer.from(this.#eventsOf(changes));
		this.#made.set(told, made);
		return made;
	}

	#eventsOf(changes: readonly Change[]): string {
		let text = '';
		let before = -1;
		for (const change of changes) {
			if (change.index !== before) text += `${before < 0 ? '' : ']\n\n'}id: ${change.index}\ndata: [`;
			else text += ',';
			text += this.#textOf(change);
			before = change.index;
		}
		return `${text}]\n\n`;
	}

	#textOf(change: Change): string {
		const text = this.#texts.get(change) ?? changeText(change);
		this.#texts.set(change, text);
		return text;
	}
}

function changeText(change: Change): string {
	if (change.kind === 'put') return entryText(change);
	const name = change.kind === 'delete' ? 'Key' : 'Prefix';
	return `{"${name}":${JSON.stringify(change.key)},"Deleted":true,"ModifyIndex":${change.modifyRevision}}`;
}

/**
 * Says how far the watch is, without an event: a client notes the id, and so goes on from there when it comes back. It
 * also keeps the connection from looking dead.
 */
export function positionText(index: number): string {
	return `: keep-alive\nid: ${index}\n\n`;
}

/** The last event of a watch. @param index every change up to this one was sent */
export function endText(why: WatchEnd, index: number): string {
	const isCompacted = why === 'compacted';
	const Message = isCompacted
		? `Changes behind index ${index} are not kept any more. Read the prefix, and watch from the X-Consul-Index of the answer.`
		: `This node ends the watch. Go on from index ${index} at another node.`;
	return `event: ${isCompacted ? 'compacted' : 'end'}\ndata: ${JSON.stringify({ Index: index, Message })}\n\n`;
}
