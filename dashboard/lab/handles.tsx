/** What can be picked in the mesh of a lab: each node and each link, with what can be done to the real one. */
import { signal } from '@preact/signals';
import { isFault, type LinkFault, NO_FAULT } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { hasLinkHandles, linkPlace, pairsOf } from '../model/mesh-places.ts';
import { isNoMember } from '../model/standing.ts';
import type { MeshPlaces } from '../view/directing.ts';
import { Cuts, cutText, Handle, Menu, type MenuItem, toLinks } from '../view/handles.tsx';
import { inspected } from '../view/inspecting.ts';
import { SlowLinks, slowWords } from '../view/slow-links.tsx';
import { calm, story, swarmShown } from '../view/state.ts';
import { actOn, faultOf, setFault, type Way } from './acting.ts';

type Picked =
	| { readonly kind: 'node'; readonly node: NodeId }
	| { readonly kind: 'link'; readonly a: NodeId; readonly b: NodeId };

const DELAY_MS = 500;
const LOSS = 0.2;

const picked = signal<Picked | null>(null);

export function Handles(mesh: MeshPlaces) {
	calm.value;
	const shown = swarmShown();
	const ids = shown.nodes.map(({ id }) => id).filter((id) => mesh.places.has(id) && !isNoMember(shown.standing(id)));
	const faultShown = (from: NodeId, to: NodeId): LinkFault => shown.node(to)?.faults?.get(from) ?? NO_FAULT;
	const isCut = (from: NodeId, to: NodeId) => faultShown(from, to).cut;
	const of = picked.value;
	return (
		<div class="handles">
			<Cuts mesh={mesh} ids={ids} isCut={isCut} />
			<SlowLinks mesh={mesh} ids={ids} faultOf={faultShown} />
			{pairsOf(hasLinkHandles(mesh.places) ? ids : []).map(([a, b]) => (
				<Pick
					key={`${a} ${b}`}
					mesh={mesh}
					of={{ kind: 'link', a, b }}
					label={`Link between ${a} and ${b}${cutText(a, b, isCut)}${slowWords(a, b, faultShown)}`}
				/>
			))}
			{ids.map((id) => (
				<Pick
					key={id}
					mesh={mesh}
					of={{ kind: 'node', node: id }}
					label={`${id}, ${shown.node(id)?.isUp ? 'up' : 'not heard'}`}
				/>
			))}
			{of && (
				<Menu
					key={keyOf(of)}
					mesh={mesh}
					at={placeOf(of, mesh)}
					title={of.kind === 'node' ? of.node : `Link ${of.a} – ${of.b}`}
					items={itemsOf(of, mesh, ids).map(({ label, act }) => ({
						label,
						act: () => {
							close();
							act();
						},
					}))}
					of={handleOf(of, mesh)}
					onInspect={() => {
						inspected.value = of;
					}}
					onClose={close}
				/>
			)}
		</div>
	);
}

function Pick({ mesh, of, label }: { mesh: MeshPlaces; of: Picked; label: string }) {
	const at = placeOf(of, mesh);
	if (!at) return null;
	return (
		<Handle
			mesh={mesh}
			at={at}
			kind={of.kind}
			id={keyOf(of)}
			label={label}
			isOpen={picked.value !== null && keyOf(picked.value) === keyOf(of)}
			onPick={() => {
				picked.value = of;
			}}
		/>
	);
}

function itemsOf(of: Picked, mesh: MeshPlaces, ids: readonly NodeId[]): readonly MenuItem[] {
	if (of.kind === 'link') return forLink(of.a, of.b);
	const links = toLinks(mesh, of.node, ids, (a, b) => {
		picked.value = { kind: 'link', a, b };
	});
	return [...forNode(of.node), ...links];
}

/** Whether a silent node is paused or down is known to the primary process, which refuses what makes no sense. */
function forNode(node: NodeId): readonly MenuItem[] {
	const item = (label: string, act: Parameters<typeof actOn>[0]): MenuItem => ({
		label,
		act: () => void actOn(act, node),
	});
	const ends = [item('Kill it', 'kill'), item('Kill it and wipe its disk', 'wipe')];
	if (story.live.node(node)?.isUp) return [item('Pause it', 'pause'), ...ends];
	return [item('Let it go on', 'resume'), item('Start it again', 'start'), ...ends];
}

function forLink(a: NodeId, b: NodeId): readonly MenuItem[] {
	const ways: readonly Way[] = [
		[a, b],
		[b, a],
	];
	const both = (label: string, fault: Parameters<typeof setFault>[1]): MenuItem => ({
		label,
		act: () => {
			void setFault(ways, fault);
		},
	});
	const heal = both('Make it whole again', NO_FAULT);
	const faults = [
		both('Cut it', { cut: true }),
		...ways.map((way) => ({
			label: `Cut ${way[0]} → ${way[1]} only`,
			act: () => void setFault([way], { cut: true }),
		})),
		...ways.map((way) => ({
			label: `Hold what ${way[0]} sends to ${way[1]}`,
			act: () => void setFault([way], { hold: true }),
		})),
		both(`Delay it by ${DELAY_MS} ms`, { delayMs: DELAY_MS }),
		both(`Lose ${LOSS * 100} % of its messages`, { loss: LOSS }),
	];
	const isHurt = ways.some(([from, to]) => isFault(faultOf(from, to)));
	return isHurt ? [heal, ...faults] : faults;
}

function close(): void {
	picked.value = null;
}

function placeOf(of: Picked, mesh: MeshPlaces) {
	return of.kind === 'node' ? mesh.places.get(of.node) : linkPlace(of.a, of.b, mesh.places);
}

/** The handle to which the focus returns. A link that has none was reached by its first node. */
function handleOf(of: Picked, { places }: MeshPlaces): string {
	return of.kind === 'link' && !hasLinkHandles(places) ? of.a : keyOf(of);
}

function keyOf(of: Picked): string {
	return of.kind === 'node' ? of.node : `${of.a}-${of.b}`;
}
