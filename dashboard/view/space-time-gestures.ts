/** The pointer and the wheel over a space-time diagram: they pan, zoom, pick, and move the moment of the page. */
import { useRef } from 'preact/hooks';
import { panned, type Stretch, zoomed } from '../model/space-time-window.ts';
import { AXIS_PX } from './space-time-plot.tsx';
import { chosenStretch, goTo, type Shown, width } from './space-time-shown.ts';

/** A pointer that moves less has picked something. */
const DRAG_PX = 4;
/** A pointer this close to the playhead moves it. */
const PLAYHEAD_REACH_PX = 7;

/** A wheel that turns sideways pans. One that turns up or down zooms where it is meant so: with Ctrl, or once the diagram has the focus. */
export function wheel(event: WheelEvent, stage: HTMLElement, { stretch, extent }: Shown): void {
	const { left, width: wide } = stage.getBoundingClientRect();
	const lengthMs = stretch.toMs - stretch.fromMs;
	const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
	if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
		chosenStretch.value = panned(stretch, (sideways / wide) * lengthMs, extent);
	} else if (event.ctrlKey || stage.contains(document.activeElement)) {
		const atMs = stretch.fromMs + ((event.clientX - left) / wide) * lengthMs;
		chosenStretch.value = zoomed(stretch, 1.0015 ** event.deltaY, atMs, extent);
	} else return;
	event.preventDefault();
}

interface Drag {
	readonly kind: 'pan' | 'moment' | 'pinch';
	readonly x: number;
	readonly stretch: Stretch;
	/** Between two fingers. */
	readonly apart: number;
	hasMoved: boolean;
}

/** One pointer pans, or moves the playhead where it took that; two zoom. One that does not move picks. */
export function usePointers(latest: { readonly current: Shown }, onPick: (x: number, y: number) => void) {
	const held = useRef(new Map<number, number>());
	const drag = useRef<Drag | null>(null);
	const msAt = (x: number, { stretch }: { readonly stretch: Stretch }) =>
		stretch.fromMs + (x / width.peek()) * (stretch.toMs - stretch.fromMs);
	const placeOf = (event: PointerEvent & { readonly currentTarget: HTMLElement }) => {
		const { left, top } = event.currentTarget.getBoundingClientRect();
		return { x: event.clientX - left, y: event.clientY - top };
	};
	return {
		onPointerDown(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
			if (event.button !== 0) return;
			const { x, y } = placeOf(event);
			event.currentTarget.setPointerCapture(event.pointerId);
			held.current.set(event.pointerId, x);
			const { stretch, playheadMs } = latest.current;
			const playheadX = ((playheadMs - stretch.fromMs) / (stretch.toMs - stretch.fromMs)) * width.peek();
			const xs = [...held.current.values()];
			const takesPlayhead = y < AXIS_PX || Math.abs(x - playheadX) <= PLAYHEAD_REACH_PX;
			drag.current = {
				kind: xs.length > 1 ? 'pinch' : takesPlayhead ? 'moment' : 'pan',
				x: xs.length > 1 ? ((xs[0] ?? 0) + (xs[1] ?? 0)) / 2 : x,
				stretch,
				apart: Math.max(1, Math.abs((xs[1] ?? 0) - (xs[0] ?? 0))),
				hasMoved: xs.length > 1,
			};
			if (y < AXIS_PX) goTo(msAt(x, latest.current), latest.current);
		},
		onPointerMove(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
			const at = drag.current;
			if (!at || !held.current.has(event.pointerId)) return;
			const { x } = placeOf(event);
			held.current.set(event.pointerId, x);
			at.hasMoved ||= Math.abs(x - at.x) > DRAG_PX;
			if (!at.hasMoved) return;
			const { extent } = latest.current;
			const lengthMs = at.stretch.toMs - at.stretch.fromMs;
			if (at.kind === 'moment') goTo(msAt(x, latest.current), latest.current);
			else if (at.kind === 'pan')
				chosenStretch.value = panned(at.stretch, ((at.x - x) / width.peek()) * lengthMs, extent);
			else {
				const [one = 0, other = 0] = held.current.values();
				const factor = at.apart / Math.max(1, Math.abs(one - other));
				chosenStretch.value = zoomed(at.stretch, factor, msAt(at.x, at), extent);
			}
		},
		onPointerUp(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
			held.current.delete(event.pointerId);
			const at = drag.current;
			drag.current = null;
			if (!at || at.hasMoved) return;
			const { x, y } = placeOf(event);
			if (y >= AXIS_PX) onPick(x, y);
		},
		onPointerCancel(event: PointerEvent) {
			held.current.delete(event.pointerId);
			drag.current = null;
		},
	};
}
