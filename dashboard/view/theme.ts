/** Light, dark, or as the system has it; remembered on this machine where the browser allows. */
import { signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const STORED_AS = 'paxos-swarm theme';
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

export const theme = signal<Theme>('system');

export function applyStoredTheme(): void {
	try {
		const stored = THEMES.find((name) => name === localStorage.getItem(STORED_AS));
		if (stored) setTheme(stored);
	} catch {
		// Storage may be forbidden; the system's theme will do.
	}
}

/** The next theme in the order system, light, dark. */
export function nextTheme(): void {
	setTheme(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system');
}

function setTheme(name: Theme): void {
	theme.value = name;
	if (name === 'system') delete document.documentElement.dataset.theme;
	else document.documentElement.dataset.theme = name;
	try {
		localStorage.setItem(STORED_AS, name);
	} catch {
		// The choice then holds for this visit only.
	}
}
