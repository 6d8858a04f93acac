/** The name of a node, and after it, small, which disk it has where that is not its first. */
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';

export function NodeName({ id }: { id: NodeId }) {
	const name = nameOf(id);
	return (
		<span class="node-name">
			{name}
			{id !== name && <small>{id.slice(name.length)}</small>}
		</span>
	);
}
