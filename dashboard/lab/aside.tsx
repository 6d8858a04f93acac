/** The faults that links have at the moment of the page, the messages that are held now, and what else can be made to happen. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { faultText } from '../../shared/lab.ts';
import { words } from '../model/words.ts';
import { Scenarios } from '../view/scenarios.tsx';
import { calm, moment, swarmShown } from '../view/state.ts';
import { type Held, heldNow, release } from './acting.ts';

const LOOK_EVERY_MS = 500;
const KINDS_SHOWN_MAX = 4;
const ALL = 10_000;

export function Aside({ children }: { children: ComponentChildren }) {
	return (
		<>
			<Faults />
			{children}
			<Scenarios />
		</>
	);
}

function Faults() {
	calm.value;
	const faults = swarmShown().nodes.flatMap((node) =>
		[...(node.faults?.values() ?? [])].map((fault) => ({ ...fault, to: node.id })),
	);
	// What waits is known of now alone.
	const holds = moment.value === null && faults.some(({ hold }) => hold);
	const held = useSignal<readonly Held[]>([]);
	useEffect(() => {
		if (!holds) return;
		let isOver = false;
		const look = async (): Promise<void> => {
			const now = await heldNow();
			if (!isOver) held.value = now;
		};
		void look();
		const timer = setInterval(() => void look(), LOOK_EVERY_MS);
		return () => {
			isOver = true;
			clearInterval(timer);
			held.value = [];
		};
	}, [holds]);
	return (
		<section class="panel faults-panel" aria-labelledby="faults-title">
			<h2 id="faults-title">Faults of links</h2>
			{faults.length === 0 && (
				<p class="muted">Every link is whole. Pick one in the mesh to cut it, slow it down or lose its messages.</p>
			)}
			<ul class="faults" data-testid="lab-faults">
				{faults.map((fault) => (
					<li key={`${fault.from} ${fault.to}`}>
						The messages of {fault.from} to {fault.to} {faultText(fault)}.
						<Waiting held={held.value.find(({ from, to }) => from === fault.from && to === fault.to)} />
					</li>
				))}
			</ul>
		</section>
	);
}

function Waiting({ held }: { held: Held | undefined }) {
	if (!held || held.count === 0) return null;
	const { from, to, count, kinds } = held;
	const more = count > KINDS_SHOWN_MAX ? ', …' : '';
	return (
		<div class="waiting" data-testid={`held-${from}-${to}`}>
			<p class="muted">
				{count} wait: {kinds.slice(0, KINDS_SHOWN_MAX).map(words).join(', ')}
				{more}
			</p>
			<button type="button" data-testid={`release-${from}-${to}`} onClick={() => void release(from, to, 1)}>
				Release the next
			</button>
			<button type="button" onClick={() => void release(from, to, ALL)}>
				Release all
			</button>
		</div>
	);
}
