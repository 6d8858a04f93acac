/** The layout of the page, and the keys that work anywhere on it. */
import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { isAsked } from '../live/token.ts';
import { answered, askLast, closeAnswer } from './asking.ts';
import { Cards } from './cards.tsx';
import { DecisionPanel } from './decision.tsx';
import type { Directing } from './directing.ts';
import { Happened } from './happened.tsx';
import { Help, showHelp } from './help.tsx';
import { closeInspector, enterInspector } from './inspecting.ts';
import { Inspector } from './inspector.tsx';
import { Keys } from './keys.tsx';
import { LadderPanel } from './ladder.tsx';
import { Log } from './log.tsx';
import { Mesh } from './mesh.tsx';
import { MetricsPanel } from './metrics.tsx';
import { Notices } from './notices.tsx';
import { isSettled } from './pace.ts';
import { Propose } from './propose.tsx';
import { Rail } from './rail.tsx';
import { Scenarios } from './scenarios.tsx';
import { SignIn } from './sign-in.tsx';
import { Slots } from './slots.tsx';
import { SpaceTimePanel } from './space-time.tsx';
import { calm, playing, swarmShown } from './state.ts';
import { changeSpeed, follow, pause, play, stepBy } from './steering.ts';
import { TopBar } from './top-bar.tsx';
import { isTouring } from './tour.tsx';

/** There is no node to show. */
const isBlank = computed(() => {
	calm.value;
	return swarmShown().nodes.length === 0;
});

interface AppProps {
	readonly directing?: Directing;
	/** Stands above all panels: what could not be loaded. */
	readonly lacking?: ComponentChildren;
}

export function App({ directing, lacking }: AppProps) {
	useEffect(() => {
		const onKey = (event: KeyboardEvent) => {
			if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
			const action = directing?.keys[event.key] ?? ACTIONS[event.key];
			if (!action) return;
			action();
			event.preventDefault();
		};
		addEventListener('keydown', onKey);
		return () => removeEventListener('keydown', onKey);
	}, []);

	return (
		<>
			<a class="skip" href="#decision">
				Skip to the decision
			</a>
			<TopBar />
			<main
				class={directing ? 'board directed' : 'board'}
				data-settled={isSettled}
				// What is asked for stands alone, because all other panels would be empty.
				data-blank={isBlank.value && (isAsked.value || directing?.isPast === true)}
			>
				<SignIn />
				<Notices />
				{lacking}
				<div class="left">
					<Inspector />
					{directing ? (
						<directing.Aside>{directing.isPast ? <Cards /> : <Propose />}</directing.Aside>
					) : (
						<>
							<Propose />
							<Scenarios />
						</>
					)}
				</div>
				<div class="centre">
					<div class="stage">
						{directing && <directing.Head />}
						<Mesh Handles={directing?.Handles} Lamps={directing?.Lamps} />
					</div>
					<Happened />
					<DecisionPanel />
					<Slots />
					<LadderPanel />
				</div>
				{!directing?.isPast && (
					<div class="right">
						<Cards />
						{directing?.Below && <directing.Below />}
					</div>
				)}
				<div class="below">
					<SpaceTimePanel />
					<MetricsPanel />
					<Log />
					<Keys canEdit={!directing?.isPast} />
				</div>
			</main>
			<Rail Dial={directing?.Dial} />
			<nav class="jump" aria-label="Sections">
				{isTouring.value ? <a href="#tour">Tour</a> : !directing?.isPast && <a href="#propose">Propose</a>}
				<a href="#decision">Decision</a>
				<a href="#mesh">Mesh</a>
				<a href="#space-time">Time</a>
				<a href="#slots">Slots</a>
				<a href="#log">Log</a>
			</nav>
			<Help />
		</>
	);
}

const ACTIONS: Readonly<Record<string, () => void>> = {
	' ': () => (playing.value ? pause() : play()),
	',': () => stepBy(-1),
	'.': () => stepBy(1),
	'[': () => changeSpeed(-1),
	']': () => changeSpeed(1),
	l: follow,
	L: follow,
	i: enterInspector,
	I: enterInspector,
	Escape: () => (answered.value ? closeAnswer() : closeInspector()),
	w: askLast,
	W: askLast,
	'/': () => document.getElementById('log-filter')?.focus(),
	'?': showHelp,
};

/** Typing, and Space on a control, mean what they always mean. */
function isTaken(event: KeyboardEvent): boolean {
	const { target } = event;
	if (!(target instanceof HTMLElement)) return false;
	if (target instanceof HTMLInputElement && target.type === 'range') return false;
	if (target.closest('input, textarea, select, dialog')) return true;
	return event.key === ' ' && target.closest('button, a, summary') !== null;
}
