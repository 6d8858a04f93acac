/**
 * Starts the page: a source, and one tree of components. The source is the live swarm, or a sandbox where the address asks
 * for one (`?sandbox`) or the page was built as one, or a trace file (`?replay`). These are loaded only then, and what a
 * lab adds only where the nodes run as one.
 */
import { effect } from '@preact/signals';
import { render } from 'preact';
import './style/theme.css';
import './style/base.css';
import './style/glyphs.css';
import './style/board.css';
import './style/panel.css';
import './style/folded.css';
import './style/jump.css';
import './style/top.css';
import './style/pills.css';
import './style/node-name.css';
import './style/notices.css';
import './style/buttons.css';
import './style/fields.css';
import './style/segments.css';
import './style/ballot.css';
import './style/quorum-bar.css';
import './style/decision.css';
import './style/phases.css';
import './style/cells.css';
import './style/marks.css';
import './style/paper.css';
import './style/transport.css';
import './style/waterfall.css';
import './style/space-time.css';
import './style/space-time-plot.css';
import './style/space-time-table.css';
import './style/propose.css';
import './style/nodes.css';
import './style/mesh.css';
import './style/handles.css';
import './style/slots.css';
import './style/log.css';
import './style/keys.css';
import './style/rail.css';
import './style/inspector.css';
import './style/answer.css';
import './style/help.css';
import './style/short.css';
import './style/forced-colors.css';
import { App } from './view/app.tsx';
import { start } from './view/folding.ts';
import { NotLoaded } from './view/on-demand.tsx';
import { calm, story } from './view/state.ts';
import { applyStoredTheme } from './view/theme.ts';

applyStoredTheme();
const root = document.getElementById('app');
if (root) void open(root).catch(() => render(<NotLoaded what="The page" again={() => location.reload()} />, root));

async function open(root: HTMLElement): Promise<void> {
	const asked = new URLSearchParams(location.search);
	if (asked.has('replay')) {
		const { openReplay } = await import('./replay/open.tsx');
		return render(<App directing={openReplay()} />, root);
	}
	if (import.meta.env.MODE === 'sandbox' || asked.has('sandbox')) {
		const { openSandbox } = await import('./sandbox/open.tsx');
		return render(<App directing={await openSandbox()} />, root);
	}
	// A page that was built as a sandbox has no part of this.
	if (import.meta.env.MODE !== 'sandbox') await openLive(root);
}

async function openLive(root: HTMLElement): Promise<void> {
	const { LiveSource } = await import('./live/live-source.ts');
	start(new LiveSource());
	render(<App />, root);
	await whenLab();
	await openLab(root);
}

/** Loads the lab. Where it cannot be loaded, the page shows the swarm like one that is no lab, and says so. */
async function openLab(root: HTMLElement): Promise<void> {
	try {
		const { lab } = await import('./lab/open.tsx');
		render(<App directing={lab} />, root);
	} catch {
		render(<App lacking={<NotLoaded what="The lab" again={() => void openLab(root)} />} />, root);
	}
}

/** Resolves when a node tells that it runs as a lab. */
function whenLab(): Promise<void> {
	return new Promise((resolve) => {
		const stop = effect(() => {
			calm.value;
			if (!story.live.nodes.some(({ faults }) => faults !== null)) return;
			resolve();
			queueMicrotask(() => stop());
		});
	});
}
