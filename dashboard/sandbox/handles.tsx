/**
 * What can be picked in the mesh: a button lies over each node, over each link and over each message in flight, and opens
 * a menu of what can be done to it now. All of them are reached by keyboard.
 */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { isNoMember } from '../model/standing.ts';
import type { MeshPlaces } from '../view/directing.ts';
import { flightPoint, type Point } from '../view/flight-layer.ts';
import { Glyph } from '../view/glyph.tsx';
import { calm, directedMs, moment, swarmShown } from '../view/state.ts';
import { act, actionsCount, picked, sandbox, situationShown } from './directed.ts';
import { flightText, type Picked, PRESENCE, possibleFor, titleOf } from './possible.ts';
import type { Situation } from './situation.ts';

/** The handle of a link lies off its middle, because the links of an even number of nodes cross there. */
const LINK_HANDLE_AT = 0.42;
/** The mark of a cut direction lies nearer to the node that is not reached. */
const CUT_MARK_AT = 0.66;

export function Handles(mesh: MeshPlaces) {
	calm.value;
	actionsCount.value;
	const box = useRef<HTMLDivElement>(null);
	const { places } = mesh;
	moment.value;
	const situation = situationShown();
	const nodes = swarmShown().nodes.filter(({ id }) => places.has(id) && !isNoMember(swarmShown().standing(id)));
	const ids = nodes.map(({ id }) => id);
	return (
		<div class="handles" ref={box}>
			<CutLines mesh={mesh} ids={ids} situation={situation} />
			{ids.flatMap((a, i) =>
				ids.slice(i + 1).map((b) => {
					const [p, q] = [places.get(a), places.get(b)];
					if (!p || !q) return null;
					const marks = cutMarks(p, q, situation.isCut(a, b), situation.isCut(b, a));
					return (
						<Handle
							key={`${a} ${b}`}
							mesh={mesh}
							at={between(p, q, LINK_HANDLE_AT)}
							of={{ kind: 'link', a, b }}
							label={`Link between ${a} and ${b}${cutText(a, b, situation)}`}
							marks={marks}
						/>
					);
				}),
			)}
			{ids.map((id) => {
				const at = places.get(id);
				const presence = situation.presence(id);
				return (
					at && (
						<Handle
							key={id}
							mesh={mesh}
							at={at}
							of={{ kind: 'node', node: id }}
							label={`${id}, ${PRESENCE[presence]}`}
							text={presence === 'up' ? '' : PRESENCE[presence]}
						/>
					)
				);
			})}
			{moment.value === null && <Flights mesh={mesh} />}
			{picked.value && <Menu key={keyOf(picked.value)} of={picked.value} mesh={mesh} box={box} />}
		</div>
	);
}

/** The half of a link that leads to the node which is not reached. */
function CutLines(props: { mesh: MeshPlaces; ids: readonly NodeId[]; situation: Situation }) {
	const { mesh, ids, situation } = props;
	const { places, width, height, nodeRadius } = mesh;
	return (
		<svg class="cut-lines" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
			{ids.flatMap((from) =>
				ids.map((to) => {
					const [p, q] = [places.get(from), places.get(to)];
					if (from === to || !p || !q || !situation.isCut(from, to)) return null;
					const [half, end] = [between(p, q, 0.5), between(p, q, 1 - nodeRadius / Math.hypot(q.x - p.x, q.y - p.y))];
					return <line key={`${from} ${to}`} x1={half.x} y1={half.y} x2={end.x} y2={end.y} />;
				}),
			)}
		</svg>
	);
}

/** They move with the time of the run. */
function Flights({ mesh }: { mesh: MeshPlaces }) {
	directedMs.value;
	return (
		<>
			{sandbox.flights.map((flight) => {
				const at = placeOf({ kind: 'flight', flight: flight.number }, mesh);
				if (!at) return null;
				const of: Picked = { kind: 'flight', flight: flight.number };
				return <Handle key={flight.number} mesh={mesh} at={at} of={of} label={flightText(flight)} />;
			})}
		</>
	);
}

interface HandleProps {
	readonly mesh: MeshPlaces;
	readonly at: Point;
	readonly of: Picked;
	readonly label: string;
	readonly text?: string;
	/** Where something is lost. */
	readonly marks?: readonly Point[];
}

function Handle({ mesh, at, of, label, text = '', marks = [] }: HandleProps) {
	return (
		<>
			<button
				type="button"
				class={`handle of-${of.kind}`}
				style={positionOf(at, mesh)}
				data-testid={`pick-${keyOf(of)}`}
				aria-haspopup="menu"
				aria-expanded={picked.value !== null && keyOf(picked.value) === keyOf(of)}
				aria-label={label}
				onClick={() => {
					picked.value = of;
					if (of.kind === 'flight') sandbox.pause();
				}}
			>
				{text !== '' && <span class="handle-text">{text}</span>}
			</button>
			{marks.map((mark) => (
				<span key={`${mark.x} ${mark.y}`} class="cut-mark" style={positionOf(mark, mesh)}>
					<Glyph kind="nack" size={18} />
				</span>
			))}
		</>
	);
}

/** The arrow keys go through it, Escape closes it, and the focus returns to where it was. */
function Menu({ of, mesh, box }: { of: Picked; mesh: MeshPlaces; box: { readonly current: HTMLDivElement | null } }) {
	actionsCount.value;
	const list = useRef<HTMLDivElement>(null);
	const situation = situationShown();
	const possible = possibleFor(of, situation);
	const at = placeOf(of, mesh);
	useLayoutEffect(() => {
		const items = list.current?.querySelectorAll('button');
		items?.[0]?.focus();
		return () => {
			if (!list.current?.contains(document.activeElement) && document.activeElement !== document.body) return;
			box.current?.querySelector<HTMLElement>(`[data-testid="pick-${keyOf(of)}"]`)?.focus();
		};
	}, []);
	const onKey = (event: KeyboardEvent) => {
		const items = [...(list.current?.querySelectorAll('button') ?? [])];
		const index = items.indexOf(document.activeElement as HTMLButtonElement);
		const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (event.key === 'Escape') close();
		else if (by !== undefined) items[(index + by + items.length) % items.length]?.focus();
		else return;
		event.preventDefault();
		event.stopPropagation();
	};
	const style = at ? menuPosition(at, mesh) : 'left: 50%; top: 50%';
	return (
		<div
			class="menu"
			role="menu"
			tabIndex={-1}
			aria-label={titleOf(of, situation)}
			data-testid="menu"
			style={style}
			ref={list}
			onKeyDown={onKey}
			onFocusOut={({ relatedTarget, currentTarget }) => {
				if (relatedTarget instanceof Node && !currentTarget.contains(relatedTarget)) close();
			}}
		>
			<p class="menu-title" aria-hidden="true">
				{titleOf(of, situation)}
			</p>
			{possible.map(({ label, actions }) => (
				<button type="button" role="menuitem" key={label} onClick={() => act(actions)}>
					{label}
				</button>
			))}
			<button type="button" role="menuitem" class="quiet" onClick={close}>
				Nothing
			</button>
		</div>
	);
}

function close(): void {
	picked.value = null;
}

function placeOf(of: Picked, { places, nodeRadius }: MeshPlaces): Point | undefined {
	if (of.kind === 'node') return places.get(of.node);
	if (of.kind === 'link') {
		const [p, q] = [places.get(of.a), places.get(of.b)];
		return p && q && between(p, q, LINK_HANDLE_AT);
	}
	const flight = sandbox.flights.find(({ number }) => number === of.flight);
	const [from, to] = [places.get(flight?.from ?? ''), places.get(flight?.to ?? '')];
	if (!flight || !from || !to) return undefined;
	const { departed, due } = flight;
	const progress = Math.min(1, (sandbox.stage.now - departed) / Math.max(1, due - departed));
	const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
	return flightPoint({ from, to, progress, lost: false, isStill }, nodeRadius);
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

/** One mark, on the handle, where both directions are cut, else one nearer to the node that is not reached. */
function cutMarks(p: Point, q: Point, there: boolean, back: boolean): Point[] {
	if (there && back) return [between(p, q, LINK_HANDLE_AT)];
	if (there) return [between(p, q, CUT_MARK_AT)];
	return back ? [between(q, p, CUT_MARK_AT)] : [];
}

function cutText(a: NodeId, b: NodeId, situation: Situation): string {
	const [there, back] = [situation.isCut(a, b), situation.isCut(b, a)];
	if (there && back) return ', cut';
	if (there) return `, cut from ${a} to ${b}`;
	return back ? `, cut from ${b} to ${a}` : '';
}

function between(p: Point, q: Point, part: number): Point {
	return { x: p.x + (q.x - p.x) * part, y: p.y + (q.y - p.y) * part };
}

function positionOf({ x, y }: Point, { width, height }: MeshPlaces): string {
	return `left: ${((x / width) * 100).toFixed(2)}%; top: ${((y / height) * 100).toFixed(2)}%`;
}

/** It opens towards the middle of the mesh. */
function menuPosition({ x, y }: Point, { width, height }: MeshPlaces): string {
	const [left, top] = [(x / width) * 100, (y / height) * 100];
	const side = left > 50 ? `right: ${(100 - left).toFixed(1)}%` : `left: ${left.toFixed(1)}%`;
	return top > 50 ? `${side}; bottom: ${(100 - top).toFixed(1)}%` : `${side}; top: ${top.toFixed(1)}%`;
}
