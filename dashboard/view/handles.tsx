/**
 * Buttons that lie over nodes, links and messages of the mesh, and the menu that one of them opens. What they do is said
 * by the sandbox and by the lab. All of them are reached by keyboard.
 */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MeshPlaces } from './directing.ts';
import type { Point } from './flight-layer.ts';
import { Glyph } from './glyph.tsx';

/**
 * The place of a handle on its link, by the number of nodes. With other numbers it is the middle. The links of an even number of nodes cross
 * in the middle. There the handles are as far from one another as they can be, so that a finger meets the one that it means.
 */
const LINK_HANDLE_AT: Readonly<Record<number, number>> = { 4: 0.33, 6: 0.4, 8: 0.36 };
/** The mark of one direction lies nearer to the node to which it leads. */
const MARK_AT = 0.66;

export interface HandleProps {
	readonly mesh: MeshPlaces;
	readonly at: Point;
	readonly kind: 'node' | 'link' | 'flight';
	/** It tells this handle from the others, and names it in the page. */
	readonly id: string;
	readonly label: string;
	/** Stands below it. */
	readonly text?: string;
	/** Whether its menu is open; undefined where it has none. */
	readonly isOpen?: boolean;
	readonly onPick: () => void;
}

export function Handle({ mesh, at, kind, id, label, text = '', isOpen, onPick }: HandleProps) {
	return (
		<button
			type="button"
			class={`handle of-${kind}`}
			style={positionOf(at, mesh)}
			data-testid={`pick-${id}`}
			aria-haspopup={isOpen === undefined ? undefined : 'menu'}
			aria-expanded={isOpen}
			aria-label={label}
			onClick={onPick}
		>
			{text !== '' && <span class="handle-text">{text}</span>}
		</button>
	);
}

export interface MenuItem {
	readonly label: string;
	readonly act: () => void;
}

export interface MenuProps {
	readonly mesh: MeshPlaces;
	/** Where what was picked lies; undefined where it is not there any more. */
	readonly at: Point | undefined;
	readonly title: string;
	readonly items: readonly MenuItem[];
	/** The `id` of the handle to which the focus returns. */
	readonly of: string;
	/** Undefined where there is nothing to look at. */
	readonly onInspect?: (() => void) | undefined;
	readonly onClose: () => void;
}

/** The arrow keys go through it, Escape closes it, and the focus returns to where it was. */
export function Menu({ mesh, at, title, items, of, onInspect, onClose }: MenuProps) {
	const list = useRef<HTMLDivElement>(null);
	useLayoutEffect(() => {
		const { current } = list;
		const box = current?.parentElement;
		current?.querySelector('button')?.focus();
		current?.scrollIntoView({ block: 'nearest' });
		return () => {
			if (!current?.contains(document.activeElement) && document.activeElement !== document.body) return;
			box?.querySelector<HTMLElement>(`[data-testid="pick-${of}"]`)?.focus();
		};
	}, []);
	const onKey = (event: KeyboardEvent) => {
		const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
		const index = buttons.indexOf(document.activeElement as HTMLButtonElement);
		const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (event.key === 'Escape') onClose();
		else if (by !== undefined) buttons[(index + by + buttons.length) % buttons.length]?.focus();
		else return;
		event.preventDefault();
		event.stopPropagation();
	};
	return (
		<div
			class="menu"
			role="menu"
			tabIndex={-1}
			aria-label={title}
			data-testid="menu"
			style={at ? menuPosition(at, mesh) : 'left: 50%; top: 50%'}
			ref={list}
			onKeyDown={onKey}
			onFocusOut={({ relatedTarget, currentTarget }) => {
				if (relatedTarget instanceof Node && !currentTarget.contains(relatedTarget)) onClose();
			}}
		>
			<p class="menu-title" aria-hidden="true">
				{title}
			</p>
			{items.map(({ label, act }) => (
				<button type="button" role="menuitem" key={label} onClick={act}>
					{label}
				</button>
			))}
			{onInspect && (
				<button
					type="button"
					role="menuitem"
					data-testid="menu-inspect"
					onClick={() => {
						onClose();
						onInspect();
					}}
				>
					Inspect it
				</button>
			)}
			<button type="button" role="menuitem" class="quiet" onClick={onClose}>
				Nothing
			</button>
		</div>
	);
}

/** Whether nothing arrives of what the first node sends to the second. */
type IsCut = (from: NodeId, to: NodeId) => boolean;

/** The half of each cut direction that leads to the node which is not reached, and a mark on it. */
export function Cuts({ mesh, ids, isCut }: { mesh: MeshPlaces; ids: readonly NodeId[]; isCut: IsCut }) {
	const cuts = directionsOf(mesh, ids, (from, to) => (isCut(from, to) ? 'cut' : ''));
	return (
		<>
			<HalfLines mesh={mesh} of={cuts} kind="cut" />
			{cuts.map(
				({ key, mark }) =>
					mark && (
						<span key={key} class="cut-mark" style={positionOf(mark, mesh)}>
							<Glyph kind="nack" size={18} />
						</span>
					),
			)}
		</>
	);
}

/** What one node sends to another, where something is to be shown of it. */
export interface Direction {
	readonly key: string;
	readonly from: Point;
	readonly to: Point;
	/** What is said of it. */
	readonly text: string;
	/** Where that stands; null where it is said with the other direction of the link, of which the same is true. */
	readonly mark: Point | null;
}

/** @param textOf '' where there is nothing to show */
export function directionsOf(
	mesh: MeshPlaces,
	ids: readonly NodeId[],
	textOf: (from: NodeId, to: NodeId) => string,
): readonly Direction[] {
	return ids.flatMap((from, i) =>
		ids.flatMap((to, j) => {
			const [p, q] = [mesh.places.get(from), mesh.places.get(to)];
			const text = i === j ? '' : textOf(from, to);
			if (!p || !q || text === '') return [];
			// Both directions share one mark, on the handle, whose place is counted from the first node.
			const isShared = textOf(to, from) === text;
			const mark = isShared && i > j ? null : between(p, q, isShared ? handleAt(mesh) : MARK_AT);
			return [{ key: `${from} ${to}`, from: p, to: q, text, mark }];
		}),
	);
}

/** The half of each direction that leads to its node. */
export function HalfLines({ mesh, of, kind }: { mesh: MeshPlaces; of: readonly Direction[]; kind: 'cut' | 'slow' }) {
	const { width, height, nodeRadius } = mesh;
	return (
		<svg class={`half-lines of-${kind}`} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
			{of.map(({ key, from, to }) => {
				const [half, end] = [
					between(from, to, 0.5),
					between(from, to, 1 - nodeRadius / Math.hypot(to.x - from.x, to.y - from.y)),
				];
				return <line key={key} x1={half.x} y1={half.y} x2={end.x} y2={end.y} />;
			})}
		</svg>
	);
}

/** All pairs of nodes that are drawn, in order. */
export function pairsOf(ids: readonly NodeId[]): readonly (readonly [NodeId, NodeId])[] {
	return ids.flatMap((a, i) => ids.slice(i + 1).map((b) => [a, b] as const));
}

/** Where the handle of a link lies; undefined where one of its nodes is not drawn. */
export function linkPoint(a: NodeId, b: NodeId, mesh: MeshPlaces): Point | undefined {
	const [p, q] = [mesh.places.get(a), mesh.places.get(b)];
	return p && q && between(p, q, handleAt(mesh));
}

function handleAt({ places }: MeshPlaces): number {
	return LINK_HANDLE_AT[places.size] ?? 0.5;
}

/** Such as `, cut from n1 to n2`; '' where neither direction is cut. */
export function cutText(a: NodeId, b: NodeId, isCut: IsCut): string {
	const [there, back] = [isCut(a, b), isCut(b, a)];
	if (there && back) return ', cut';
	if (there) return `, cut from ${a} to ${b}`;
	return back ? `, cut from ${b} to ${a}` : '';
}

export function between(p: Point, q: Point, part: number): Point {
	return { x: p.x + (q.x - p.x) * part, y: p.y + (q.y - p.y) * part };
}

export function positionOf({ x, y }: Point, { width, height }: MeshPlaces): string {
	return `left: ${((x / width) * 100).toFixed(2)}%; top: ${((y / height) * 100).toFixed(2)}%`;
}

/** It opens towards the middle of the mesh. */
function menuPosition({ x, y }: Point, { width, height }: MeshPlaces): string {
	const [left, top] = [(x / width) * 100, (y / height) * 100];
	const side = left > 50 ? `right: ${(100 - left).toFixed(1)}%` : `left: ${left.toFixed(1)}%`;
	return top > 50 ? `${side}; bottom: ${(100 - top).toFixed(1)}%` : `${side}; top: ${top.toFixed(1)}%`;
}
