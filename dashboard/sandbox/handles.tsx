/** What can be picked in the mesh: each node, each link and each message in flight, with what can be done to it now. */
import { isBeat } from '../../shared/fact.ts';
import { NO_FAULT } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { hasLinkHandles, linkPlace, type Point, pairsOf } from '../model/mesh-places.ts';
import { isNoMember } from '../model/standing.ts';
import type { MeshPlaces } from '../view/directing.ts';
import { flightPoint } from '../view/flight-layer.ts';
import { Cuts, cutText, Handle, Menu, type MenuItem, toLinks } from '../view/handles.tsx';
import { inspectEntry, inspected } from '../view/inspecting.ts';
import { SlowLinks, slowWords } from '../view/slow-links.tsx';
import { calm, directedMs, moment, story, swarmShown } from '../view/state.ts';
import { act, actionsCount, delaysShown, picked, sandbox, situationShown } from './directed.ts';
import { flightText, type Picked, PRESENCE, possibleFor, titleOf } from './possible.ts';
import type { Situation } from './situation.ts';

/** A flight carries at most so many messages that are looked at. */
const FLIGHT_FACTS_MAX = 8;

export function Handles(mesh: MeshPlaces) {
	calm.value;
	actionsCount.value;
	const at = moment.value;
	const situation = situationShown();
	const nodes = swarmShown().nodes.filter(({ id }) => mesh.places.has(id) && !isNoMember(swarmShown().standing(id)));
	const ids = nodes.map(({ id }) => id);
	const of = picked.value;
	const delayOf = delaysShown();
	const isCut = (from: NodeId, to: NodeId) => situation.isCut(from, to);
	const faultOf = (from: NodeId, to: NodeId) => ({ ...NO_FAULT, cut: isCut(from, to), delayMs: delayOf(from, to) });
	return (
		<div class="handles">
			<Cuts mesh={mesh} ids={ids} isCut={isCut} />
			<SlowLinks mesh={mesh} ids={ids} faultOf={faultOf} />
			{pairsOf(hasLinkHandles(mesh.places) ? ids : []).map(([a, b]) => (
				<Pick
					key={`${a} ${b}`}
					mesh={mesh}
					of={{ kind: 'link', a, b }}
					label={`Link between ${a} and ${b}${cutText(a, b, isCut)}${slowWords(a, b, faultOf)}`}
				/>
			))}
			{ids.map((id) => {
				const presence = situation.presence(id);
				return (
					<Pick
						key={id}
						mesh={mesh}
						of={{ kind: 'node', node: id }}
						label={`${id}, ${PRESENCE[presence]}`}
						text={presence === 'up' ? '' : PRESENCE[presence]}
					/>
				);
			})}
			{at === null && <Flights mesh={mesh} />}
			{of && (
				<Menu
					key={keyOf(of)}
					mesh={mesh}
					at={placeOf(of, mesh)}
					title={titleOf(of, situation)}
					items={itemsOf(of, mesh, ids, situation)}
					of={handleOf(of, mesh)}
					onInspect={() => inspectPicked(of)}
					onClose={close}
				/>
			)}
		</div>
	);
}

function itemsOf(of: Picked, mesh: MeshPlaces, ids: readonly NodeId[], situation: Situation): readonly MenuItem[] {
	const acts = possibleFor(of, situation).map(({ label, actions }) => ({ label, act: () => act(actions) }));
	if (of.kind !== 'node') return acts;
	const links = toLinks(mesh, of.node, ids, (a, b) => {
		picked.value = { kind: 'link', a, b };
	});
	return [...acts, ...links];
}

/** They move with the time of the run. */
function Flights({ mesh }: { mesh: MeshPlaces }) {
	directedMs.value;
	return (
		<>
			{sandbox.flights.map((flight) => (
				<Pick
					key={flight.number}
					mesh={mesh}
					of={{ kind: 'flight', flight: flight.number }}
					label={flightText(flight)}
				/>
			))}
		</>
	);
}

function Pick({ mesh, of, label, text = '' }: { mesh: MeshPlaces; of: Picked; label: string; text?: string }) {
	const at = placeOf(of, mesh);
	if (!at) return null;
	return (
		<Handle
			mesh={mesh}
			at={at}
			kind={of.kind}
			id={keyOf(of)}
			label={label}
			text={text}
			isOpen={picked.value !== null && keyOf(picked.value) === keyOf(of)}
			onPick={() => {
				picked.value = of;
				if (of.kind === 'flight') sandbox.pause();
			}}
		/>
	);
}

/** What flies is inspected as the fact that it was sent. */
function inspectPicked(of: Picked): void {
	if (of.kind !== 'flight') {
		inspected.value = of;
		return;
	}
	const flight = sandbox.flights.find(({ number }) => number === of.flight);
	if (!flight) return;
	const sent = story.tape.newest(FLIGHT_FACTS_MAX, ({ fact, whenMs }) => {
		const isOfFlight = fact.kind === 'sent' && fact.node === flight.from && fact.to === flight.to;
		return isOfFlight && whenMs === flight.departed / US_PER_MS;
	});
	const telling = sent.find(({ fact }) => !isBeat(fact)) ?? sent[0];
	if (telling) inspectEntry(telling);
}

function close(): void {
	picked.value = null;
}

function placeOf(of: Picked, mesh: MeshPlaces): Point | undefined {
	const { places, nodeRadius } = mesh;
	if (of.kind === 'node') return places.get(of.node);
	if (of.kind === 'link') return linkPlace(of.a, of.b, places);
	const flight = sandbox.flights.find(({ number }) => number === of.flight);
	const [from, to] = [places.get(flight?.from ?? ''), places.get(flight?.to ?? '')];
	if (!flight || !from || !to) return undefined;
	const { departed, due } = flight;
	const progress = Math.min(1, (sandbox.stage.now - departed) / Math.max(1, due - departed));
	const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
	return flightPoint({ from, to, progress, lost: false, isStill }, nodeRadius);
}

/** The handle to which the focus returns. A link that has none was reached by its first node. */
function handleOf(of: Picked, { places }: MeshPlaces): string {
	return of.kind === 'link' && !hasLinkHandles(places) ? of.a : keyOf(of);
}

function keyOf(of: Picked): string {
	switch (of.kind) {
		case 'node':
			return of.node;
		case 'link':
			return `${of.a}-${of.b}`;
		case 'flight':
			return `flight-${of.flight}`;
	}
}
