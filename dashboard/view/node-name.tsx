/** The name of a node, and after it, small, which disk it has where that is not its first. A long name is cut. */
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { cutName } from '../model/cut-name.ts';

const NAME_CHARS = 11;

/** How many letters of a name are shown where it may be cut, and of the disk. */
export function shownChars(id: NodeId): number {
	const { length } = nameOf(id);
	return Math.min(length, NAME_CHARS) + id.length - length;
}

/** @param isWhole where there is room for all of it */
export function NodeName({ id, isWhole = false }: { id: NodeId; isWhole?: boolean }) {
	const name = nameOf(id);
	const shown = isWhole ? name : cutName(name, NAME_CHARS);
	return (
		<span class="node-name" title={shown === name ? undefined : id}>
			{shown === name ? (
				name
			) : (
				<>
					<span aria-hidden="true">{shown}</span>
					<span class="sr">{name}</span>
				</>
			)}
			{id !== name && <small>{id.slice(name.length)}</small>}
		</span>
	);
}
