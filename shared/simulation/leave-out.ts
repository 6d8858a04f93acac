/**
 * Makes a list that fails short: the failure needs each item that is left.
 *
 * @source Zeller and Hildebrandt 2002, Simplifying and isolating failure-inducing input (ddmin)
 */

/** Tries to leave out each half of `items`, then each quarter, and so on to each single item. */
export function leaveOut<Item>(items: readonly Item[], isEnough: (kept: readonly Item[]) => boolean): void {
	let kept = items;
	for (let chunk = Math.ceil(kept.length / 2); chunk >= 1; chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)) {
		for (let from = 0; from < kept.length; ) {
			const without = [...kept.slice(0, from), ...kept.slice(from + chunk)];
			if (isEnough(without)) kept = without;
			else from += chunk;
		}
	}
}
