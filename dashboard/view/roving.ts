/** Many controls of one kind that are one stop of the Tab key, and which the arrow keys go through. */

/** @param among a selector of all of them, within the nearest element that `within` selects */
export function moveFocus(
	event: KeyboardEvent & { readonly currentTarget: HTMLElement },
	within: string,
	among: string,
): void {
	const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
	const all = [...(event.currentTarget.closest(within)?.querySelectorAll<HTMLElement>(among) ?? [])];
	const next = by === undefined ? undefined : all[all.indexOf(event.currentTarget) + by];
	if (!next) return;
	event.preventDefault();
	next.focus();
}
