/** What a person has picked to look at closely, in whichever panel. */
import { signal } from '@preact/signals';
import type { Inspected } from '../model/inspection.ts';
import type { Entry } from '../model/tape.ts';

export const inspected = signal<Inspected | null>(null);

/** Where the focus was before the inspector took it; null where it did not. */
let before: HTMLElement | null = null;

export function inspectEntry(entry: Entry): void {
	inspected.value = { kind: 'fact', entry };
}

/** The keys go on in the inspector, where something is picked. */
export function enterInspector(): void {
	const { activeElement } = document;
	if (inspected.value === null || activeElement?.closest('.inspector')) return;
	before = activeElement instanceof HTMLElement ? activeElement : null;
	focusInspector();
}

export function focusInspector(): void {
	document.getElementById('inspector-title')?.focus();
}

/** The focus returns to where it was. */
export function closeInspector(): void {
	const had = document.activeElement?.closest('.inspector');
	inspected.value = null;
	if (had && before?.isConnected) before.focus({ preventScroll: true });
	before = null;
}
