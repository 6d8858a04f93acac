/** Parts of the page that are loaded when they are first drawn. What cannot be loaded says so, and can be tried again. */
import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';

/** @param what the part as a person knows it, as the beginning of a sentence */
export function onDemand<P extends object>(what: string, load: () => Promise<ComponentType<P>>): ComponentType<P> {
	const Loaded = signal<ComponentType<P> | null>(null);
	const hasFailed = signal(false);
	const ask = async () => {
		hasFailed.value = false;
		try {
			Loaded.value = await load();
		} catch {
			forgetStyles();
			hasFailed.value = true;
		}
	};
	return (props) => {
		useEffect(() => {
			if (!Loaded.peek()) void ask();
		}, []);
		if (Loaded.value) return <Loaded.value {...props} />;
		return hasFailed.value ? <NotLoaded what={what} again={ask} /> : null;
	};
}

export function NotLoaded({ what, again }: { what: string; again: () => void }) {
	return (
		<p class="notice bad" role="alert" data-testid="not-loaded">
			<span>{what} could not be loaded.</span>
			<button type="button" class="quiet small" data-testid="load-again" onClick={again}>
				Try again
			</button>
		</p>
	);
}

/** A style sheet that could not be loaded stays in the document, and so would not be asked for again. */
function forgetStyles(): void {
	for (const link of document.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]')) {
		if (!link.sheet) link.remove();
	}
}
