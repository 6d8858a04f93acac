/**
 * The nodes in a ring and their messages: the decision's own while it plays, else flurries of what goes on,
 * slowed down. Messages are moved by setting attributes of a few pooled shapes, outside the component tree.
 */
import { useSignal, useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { cutName } from '../model/cut-name.ts';
import type { Round } from '../model/decision.ts';
import { type Election, electionOf } from '../model/election.ts';
import type { Flurry } from '../model/flurry.ts';
import { countVoters, type Electorate } from '../model/members.ts';
import { handlesApart, MESH_WIDTH, meshHeight, NODE_RADIUS, type Point, ring } from '../model/mesh-places.ts';
import type { NodeModel } from '../model/node-model.ts';
import { type Part, partInElection, partOf } from '../model/part.ts';
import { progressOf } from '../model/progress.ts';
import { isNoMember, standingWord } from '../model/standing.ts';
import type { MeshPlaces } from './directing.ts';
import { FlightLayer } from './flight-layer.ts';
import { Glyph, type GlyphKind } from './glyph.tsx';
import { LampList } from './lamps.tsx';
import { MeshPicks } from './mesh-picks.tsx';
import { decision, playback, shownRound } from './shown-decision.ts';
import {
	calm,
	chosenSlot,
	directedMs,
	flightsShown,
	flurries,
	frame,
	isDirected,
	position,
	shownMs,
	swarmShown,
} from './state.ts';

/** A disc has room for so many characters of its node's name. */
const NAME_CHARS = 5;
const RING_RADIUS = NODE_RADIUS + 8;
/** The part of a voter's place in the ring that is left free. */
const RING_GAP = 0.12;
/** The lower half of a disc. */
const HALF = `M${3 - NODE_RADIUS} 0A${NODE_RADIUS - 3} ${NODE_RADIUS - 3} 0 0 0 ${NODE_RADIUS - 3} 0z`;
/** A flurry lasts at least this long on the page, so that a single heartbeat does not flash by. */
const IDLE_MS = 400;

interface MeshProps {
	/** Lies over it: what can be picked. */
	readonly Handles?: ComponentType<MeshPlaces> | undefined;
	/** Further lamps. */
	readonly Lamps?: ComponentType | undefined;
}

export function Mesh({ Handles = MeshPicks, Lamps }: MeshProps) {
	const layer = useRef<SVGGElement>(null);
	const caption = useSignal('');
	useFlights(layer, caption);
	calm.value;
	const { nodes } = swarmShown();
	const decided = decision.value;
	const round = shownRound.value;
	const election = electionShown();
	const part = (node: NodeModel) => (election ? partInElection(election, node) : partOf(decided, round, node));
	const slots = election ? `slot ${election.from} and all after it` : `slot ${decided.slot}`;
	const places = ring(nodes.map((node) => node.id));
	const height = meshHeight(nodes.length);
	const members = nodes.filter(({ id }) => !isNoMember(swarmShown().standing(id)));
	const playingBack = position.value !== null;
	const about = election
		? `promises for ${slots}`
		: playingBack
			? `${slots}, played back`
			: isDirected() && decided.slot > 0
				? slots
				: '';
	return (
		<section class="panel mesh-panel" id="mesh" aria-labelledby="mesh-title">
			<div class="panel-head">
				<h2 id="mesh-title">Mesh</h2>
				<p class="legend" data-testid="mesh-caption">
					{[about, playingBack || isDirected() ? '' : caption.value].filter(Boolean).join(' · ')}
				</p>
			</div>
			<div class="mesh-box" style={`--apart: ${((handlesApart(places) / MESH_WIDTH) * 100).toFixed(2)}`}>
				<svg class="mesh" viewBox={`0 0 ${MESH_WIDTH} ${height}`} aria-hidden="true">
					{members.flatMap((a, i) =>
						members.slice(i + 1).map((b) => {
							const linked = (a.isUp && a.linked.has(b.id)) || (b.isUp && b.linked.has(a.id));
							const [p, q] = [places.get(a.id), places.get(b.id)];
							return p && q ? (
								<line
									key={`${a.id} ${b.id}`}
									class={linked ? 'mesh-link' : 'mesh-link cut'}
									x1={p.x}
									y1={p.y}
									x2={q.x}
									y2={q.y}
								/>
							) : null;
						}),
					)}
					{nodes.map(({ id }) => {
						const { replaces } = swarmShown().standing(id);
						const [p, q] = [places.get(id), places.get(replaces ?? '')];
						return p && q ? <path key={id} class="takes" d={arrow(p, q)} /> : null;
					})}
					<g ref={layer} />
					{nodes.map((node) => {
						const at = places.get(node.id);
						return at && <Disc key={node.id} node={node} at={at} part={part(node)} />;
					})}
					{election ? (
						<QuorumRing {...election} counts="promises" at={places.get(election.candidate)} />
					) : (
						round && <QuorumRing {...answersOf(round)} electorate={round.electorate} at={places.get(round.proposer)} />
					)}
				</svg>
				<Handles places={places} width={MESH_WIDTH} height={height} nodeRadius={NODE_RADIUS} />
			</div>
			<p class="sr">
				{nodes
					.map((node) => {
						const done = part(node);
						const said = done && `${done} in ${slots}`;
						return [node.id, nodeText(node), said, standingWord(swarmShown().standing(node.id))]
							.filter(Boolean)
							.join(', ');
					})
					.join('; ')}
			</p>
			<ul class="key" aria-label="Messages">
				{KEY.map(([kind, label]) => (
					<li key={kind}>
						<Glyph kind={kind} size={13} /> {label}
					</li>
				))}
			</ul>
			<ul class="key" aria-label="Nodes of the mesh">
				{PART_KEY.map(([part, label]) => (
					<li key={part}>
						<svg class="mesh-node" width="13" height="13" viewBox="-24 -24 48 48" aria-hidden="true">
							<circle class="body" r={NODE_RADIUS} />
							<PartShape part={part} />
						</svg>
						{label}
					</li>
				))}
			</ul>
			<LampList More={Lamps} />
		</section>
	);
}

/**
 * A node. It is half full once it has promised the ballot of the shown decision, full once it has voted, and green once it
 * knows the value to be chosen. A member without a vote has a ring that closes as it learns.
 */
function Disc({ node, at, part }: { node: NodeModel; at: Point; part: Part | null }) {
	const { id, status, role, isUp } = node;
	const { place } = swarmShown().standing(id);
	const name = nameOf(id);
	const isLearner = place === 'learner' || place === 'incoming';
	return (
		<g class={`mesh-node state-${status} role-${role} place-${place}`} transform={`translate(${at.x} ${at.y})`}>
			{isUp && role === 'leader' && <circle class="crown" r={NODE_RADIUS + 4} />}
			<circle class="body" r={NODE_RADIUS} />
			{part && <PartShape part={part} />}
			{isUp && isLearner && (
				<circle
					class="learned"
					r={NODE_RADIUS}
					pathLength={1}
					stroke-dasharray={`${progressOf(node, swarmShown().chosenThrough).share} 1`}
					transform="rotate(-90)"
				/>
			)}
			<text class={name.length > NAME_CHARS ? 'cut-name' : ''} dy={name === id ? '0.36em' : '-0.1em'}>
				{cutName(name, NAME_CHARS)}
			</text>
			{name !== id && (
				<text class="life" dy="0.85em">
					{id.slice(name.length)}
				</text>
			)}
		</g>
	);
}

function PartShape({ part }: { part: Part }) {
	return part === 'promised' ? (
		<path class="part promised" d={HALF} />
	) : (
		<circle class={`part ${part}`} r={NODE_RADIUS - 3} />
	);
}

interface RingProps {
	readonly electorate: Electorate | null;
	readonly counts: 'promises' | 'votes';
	readonly counted: readonly NodeId[];
	readonly at: Point | undefined;
}

/** The proposer counts answers: a part of the ring for each voter. It closes behind the mark of the quorum. */
function QuorumRing({ electorate, counts, counted, at }: RingProps) {
	if (!at || !electorate) return null;
	const of = electorate.voters.length;
	const count = countVoters(electorate, counted);
	const length = 1 - RING_GAP * (of > 1 ? 1 : 0);
	return (
		<g class={`quorum-ring ${counts}`} transform={`translate(${at.x} ${at.y}) rotate(-90)`}>
			{electorate.voters.map((voter, i) => (
				<circle
					key={voter}
					class={i < count ? 'counted' : 'open'}
					r={RING_RADIUS}
					pathLength={of}
					stroke-dasharray={`${length} ${of - length}`}
					stroke-dashoffset={-i}
				/>
			))}
			<path
				class="needed"
				d={`M${RING_RADIUS - 4} 0H${RING_RADIUS + 4}`}
				transform={`rotate(${(electorate.needed / of) * 360 - (RING_GAP / 2 / of) * 360})`}
			/>
		</g>
	);
}

/** @returns the answers that the proposer counts: votes from its proposal on, and promises before */
function answersOf({ proposal, promiseVoters, votes }: Round): Pick<RingProps, 'counts' | 'counted'> {
	return proposal ? { counts: 'votes', counted: votes } : { counts: 'promises', counted: promiseVoters };
}

/** The election at the moment that is shown, as long as nobody has chosen a slot; null for none. */
function electionShown(): Election | null {
	return chosenSlot.value === null ? electionOf(swarmShown()) : null;
}

function nodeText({ isUp, role, linked }: NodeModel): string {
	return isUp ? `${role}, linked with ${linked.size}` : 'unknown';
}

/** From beside one node to beside the one whose place it takes. */
function arrow(from: Point, to: Point): string {
	const [dx, dy] = [to.x - from.x, to.y - from.y];
	const length = Math.hypot(dx, dy) || 1;
	const [ux, uy] = [dx / length, dy / length];
	const at = (point: Point, along: number, aside: number): string =>
		`${(point.x + ux * along - uy * aside).toFixed(1)} ${(point.y + uy * along + ux * aside).toFixed(1)}`;
	const gap = NODE_RADIUS + 3;
	return `M${at(from, gap, 0)}L${at(to, -gap, 0)}M${at(to, -gap - 7, 4.5)}L${at(to, -gap, 0)}L${at(to, -gap - 7, -4.5)}`;
}

const KEY: readonly (readonly [GlyphKind, string])[] = [
	['prepare', 'prepare'],
	['promise', 'promise'],
	['accept', 'accept'],
	['accepted', 'accepted'],
	['nack', 'nack'],
	['learn', 'decisions'],
	['beat', 'heartbeat'],
	['beatReply', 'reply'],
];

const PART_KEY: readonly (readonly [Part, string])[] = [
	['promised', 'has promised'],
	['accepted', 'has voted'],
	['chosen', 'knows it is chosen'],
];

/** Draws the playback whenever its position moves, and flurries one after another while it is live. */
function useFlights(element: { readonly current: SVGGElement | null }, caption: { value: string }): void {
	const layer = useRef<FlightLayer | null>(null);
	const loop = useRef({ running: false, flurry: null as Flurry | null, startedMs: 0 });
	const place = (node: NodeId) => ring(swarmShown().nodes.map(({ id }) => id)).get(node);

	useEffect(() => {
		if (element.current) layer.current = new FlightLayer(element.current, place, NODE_RADIUS);
		return () => {
			loop.current.running = false;
		};
	}, []);

	useSignalEffect(() => {
		const at = position.value;
		if (at === null) return;
		loop.current.running = false;
		loop.current.flurry = null;
		layer.current?.draw(playback.value.flights, at);
	});

	useSignalEffect(() => {
		directedMs.value;
		frame.value;
		if (position.value !== null) return;
		const flights = flightsShown();
		if (flights) layer.current?.draw(flights, shownMs());
	});

	useSignalEffect(() => {
		calm.value;
		if (position.value !== null || loop.current.running || isDirected()) return;
		loop.current.running = true;
		requestAnimationFrame(live);
	});

	function live(nowMs: number): void {
		const state = loop.current;
		if (!state.running) return;
		if (!state.flurry || nowMs - state.startedMs > state.flurry.durationMs + IDLE_MS) {
			state.flurry = flurries.take(nowMs);
			state.startedMs = nowMs;
			if (state.flurry) caption.value = captionOf(state.flurry);
		}
		if (!state.flurry) {
			// There is nothing to show. The next fact wakes the loop.
			layer.current?.draw([], 0);
			state.running = false;
			return;
		}
		layer.current?.draw(state.flurry.flights, nowMs - state.startedMs);
		requestAnimationFrame(live);
	}
}

function captionOf(flurry: Flurry): string {
	const seconds = (flurry.durationMs / 1000).toFixed(1);
	return `slow motion: ${flurry.realMs < 10 ? flurry.realMs.toFixed(1) : Math.round(flurry.realMs)} ms in ${seconds} s`;
}
