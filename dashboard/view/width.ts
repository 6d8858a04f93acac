/** How wide a part of the page is, for what has to know how much fits into it. */
import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/** Draws the component again whenever the width changes. @returns pixels; 0 before the first layout */
export function useWidth(element: RefObject<HTMLElement | null>): number {
	const width = useSignal(0);
	useEffect(() => {
		const { current } = element;
		if (!current) return;
		const observer = new ResizeObserver(() => {
			width.value = current.clientWidth;
		});
		observer.observe(current);
		return () => observer.disconnect();
	}, []);
	return width.value;
}
