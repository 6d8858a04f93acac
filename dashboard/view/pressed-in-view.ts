/** Keeps in view what is pressed in a row of buttons that scrolls sideways. */
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

/** Scrolls the row alone, never the page. @param pressed tells one button from the others, wherever it stands */
export function usePressedInView(row: RefObject<HTMLElement | null>, pressed: unknown): void {
	useLayoutEffect(() => {
		const { current } = row;
		const button = current?.querySelector('[aria-pressed="true"]');
		if (!current || !button) return;
		const [of, within] = [button.getBoundingClientRect(), current.getBoundingClientRect()];
		if (of.left < within.left) current.scrollLeft += of.left - within.left;
		else if (of.right > within.right) current.scrollLeft += Math.min(of.right - within.right, of.left - within.left);
	}, [pressed]);
}
