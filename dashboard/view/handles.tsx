/**
 * Buttons that lie over nodes, links and messages of the mesh, and the menu that one of them opens. What they do is said
 * by the sandbox and by the lab. All of them are reached by keyboard.
 */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { type MenuSpace, menuPlace } from '../model/menu-place.ts';
import {
	between,
	distance,
	hasLinkHandles,
	type LinkPlace,
	linkPlace,
	MESH_WIDTH,
	type Point,
} from '../model/mesh-places.ts';
import type { MeshPlaces } from './directing.ts';
import { Glyph } from './glyph.tsx';

/** The mark of one direction lies nearer to the node to which it leads. */
const MARK_AT = 0.66;

export interface HandleProps {
	readonly mesh: MeshPlaces;
	/** Of a link: the link itself shows while it is pointed at. */
	readonly at: Point | LinkPlace;
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
			style={`${positionOf(at, mesh)}; ${'from' in at ? lineStyle(at, mesh) : ''}`}
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
	readonly at: Point | LinkPlace | undefined;
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
	/** It is known once the menu is drawn. */
	const space = useRef<MenuSpace | null>(null);
	/** Another menu may take its place, and that one stays open when the focus leaves this one. */
	const isOver = useRef(false);
	useLayoutEffect(() => {
		const { current } = list;
		const box = current?.parentElement;
		if (current && at) {
			space.current = spaceOf(current, mesh);
			current.style.cssText = menuPosition(at, mesh, space.current);
		}
		current?.querySelector('button')?.focus();
		current?.scrollIntoView({ block: 'nearest' });
		return () => {
			isOver.current = true;
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
			style={at ? menuPosition(at, mesh, space.current) : 'left: 50%; top: 50%'}
			ref={list}
			onKeyDown={onKey}
			onFocusOut={({ relatedTarget, currentTarget }) => {
				// The menu stays where the window itself has lost the focus.
				const isLeft = relatedTarget instanceof Node ? !currentTarget.contains(relatedTarget) : document.hasFocus();
				if (!isOver.current && isLeft) onClose();
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
				Close
			</button>
		</div>
	);
}

/** What leads from the menu of a node to its links, where these have no handles. */
export function toLinks(
	{ places }: MeshPlaces,
	node: NodeId,
	ids: readonly NodeId[],
	pick: (a: NodeId, b: NodeId) => void,
): readonly MenuItem[] {
	const others = hasLinkHandles(places) ? [] : ids.filter((id) => id !== node);
	return others.map((other) => ({ label: `Its link with ${other} …`, act: () => pick(node, other) }));
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
			// Both directions share one mark, on the handle.
			const isShared = textOf(to, from) === text;
			const shared = isShared ? linkPlace(from, to, mesh.places) : undefined;
			const mark = isShared && i > j ? null : (shared ?? between(p, q, MARK_AT));
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
				const [half, end] = [between(from, to, 0.5), between(from, to, 1 - nodeRadius / distance(from, to))];
				return <line key={key} x1={half.x} y1={half.y} x2={end.x} y2={end.y} />;
			})}
		</svg>
	);
}

/** Such as `, cut from n1 to n2`; '' where neither direction is cut. */
export function cutText(a: NodeId, b: NodeId, isCut: IsCut): string {
	const [there, back] = [isCut(a, b), isCut(b, a)];
	if (there && back) return ', cut';
	if (there) return `, cut from ${a} to ${b}`;
	return back ? `, cut from ${b} to ${a}` : '';
}

export function positionOf({ x, y }: Point, { width, height }: MeshPlaces): string {
	return `left: ${((x / width) * 100).toFixed(2)}%; top: ${((y / height) * 100).toFixed(2)}%`;
}

/** The link from the edge of one node to that of the other, for a line that begins at the handle. */
function lineStyle(at: LinkPlace, { nodeRadius }: MeshPlaces): string {
	const { from, to } = at;
	const part = (length: number): string => ((length / MESH_WIDTH) * 100).toFixed(2);
	const angle = Math.atan2(to.y - from.y, to.x - from.x);
	const length = distance(from, to) - 2 * nodeRadius;
	const before = distance(from, at) - nodeRadius;
	return `--turn: ${angle.toFixed(3)}rad; --length: ${part(length)}; --before: ${part(before)}`;
}

/** How large the menu is, and where it can be seen, in units of the drawing. */
function spaceOf(menu: HTMLElement, { width }: MeshPlaces): MenuSpace {
	const { left, top, width: wide } = (menu.offsetParent ?? document.body).getBoundingClientRect();
	const unit = wide / width;
	const { clientWidth, scrollHeight } = document.documentElement;
	const above = top + scrollY;
	const view = { left: -left, top: -above, right: clientWidth - left, bottom: scrollHeight - above };
	const { offsetWidth, offsetHeight } = menu;
	return {
		width: offsetWidth / unit,
		height: offsetHeight / unit,
		view: { left: view.left / unit, top: view.top / unit, right: view.right / unit, bottom: view.bottom / unit },
	};
}

function menuPosition(at: Point | LinkPlace, mesh: MeshPlaces, space: MenuSpace | null): string {
	const { corner, opensRight, opensDown } = menuPlace(at, mesh, space);
	const [left, top] = [(corner.x / mesh.width) * 100, (corner.y / mesh.height) * 100];
	const side = opensRight ? `left: ${left.toFixed(1)}%` : `right: ${(100 - left).toFixed(1)}%`;
	return opensDown ? `${side}; top: ${top.toFixed(1)}%` : `${side}; bottom: ${(100 - top).toFixed(1)}%`;
}
