/** The nodes and links of a mesh that can only be looked at: each opens the inspector. */
import type { Inspected } from '../model/inspection.ts';
import { hasLinkHandles, linkPlace, pairsOf } from '../model/mesh-places.ts';
import { isNoMember } from '../model/standing.ts';
import type { MeshPlaces } from './directing.ts';
import { Handle } from './handles.tsx';
import { inspected } from './inspecting.ts';
import { calm, swarmShown } from './state.ts';

export function MeshPicks(mesh: MeshPlaces) {
	calm.value;
	const swarm = swarmShown();
	const ids = swarm.nodes.map(({ id }) => id).filter((id) => mesh.places.has(id) && !isNoMember(swarm.standing(id)));
	const pick = (of: Inspected) => () => {
		inspected.value = of;
	};
	return (
		<div class="handles">
			{pairsOf(hasLinkHandles(mesh.places) ? ids : []).map(([a, b]) => {
				const at = linkPlace(a, b, mesh.places);
				return (
					at && (
						<Handle
							key={`${a} ${b}`}
							mesh={mesh}
							at={at}
							kind="link"
							id={`inspect-${a}-${b}`}
							label={`Inspect the link between ${a} and ${b}`}
							onPick={pick({ kind: 'link', a, b })}
						/>
					)
				);
			})}
			{ids.map((id) => {
				const at = mesh.places.get(id);
				return (
					at && (
						<Handle
							key={id}
							mesh={mesh}
							at={at}
							kind="node"
							id={`inspect-${id}`}
							label={`Inspect ${id}`}
							onPick={pick({ kind: 'node', node: id })}
						/>
					)
				);
			})}
		</div>
	);
}
