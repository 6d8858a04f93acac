/** Shows which nodes are there and whether they make a quorum, and has the page's own switches. */
import { isAsked, signOut, token } from '../live/token.ts';
import { clock } from '../model/ballot-names.ts';
import { type NodeModel, STATUS_WORDS } from '../model/node-model.ts';
import { standingWord } from '../model/standing.ts';
import type { Health } from '../model/swarm-model.ts';
import { countText } from '../model/why.ts';
import { showHelp } from './help.tsx';
import { NodeName } from './node-name.tsx';
import { QuorumBar } from './quorum-bar.tsx';
import { calm, factsPerSecond, isDirected, moment, swarmShown } from './state.ts';
import { nextTheme, theme } from './theme.ts';

export function TopBar() {
	calm.value;
	const { nodes, health } = swarmShown();
	return (
		<header class="top">
			<h1>
				<svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
					<circle class="logo-ring" cx="16" cy="16" r="11.5" />
					<path class="logo-core" d="m16 10.5 5.5 5.5-5.5 5.5-5.5-5.5z" />
				</svg>
				paxos-swarm <small>{swarmShown().name}</small>
			</h1>
			<ul class="pills" aria-label="Nodes">
				{nodes.map((node) => (
					<Pill key={node.id} node={node} />
				))}
			</ul>
			<p class="health" data-testid="quorum-health" aria-live="polite">
				{nodes.length === 0
					? waitingText()
					: health.map((of, index) => <Quorum key={of.from} health={of} isNext={index > 0} />)}
			</p>
			{!isDirected() && nodes.length > 0 && (
				<p class="rate" title="Facts told by all nodes in the last second">
					<span class="mono">{moment.value === null ? countText(factsPerSecond.value) : '–'}</span> facts/s
				</p>
			)}
			{token.value !== null && !isAsked.value && (
				<button type="button" class="quiet" data-testid="sign-out" onClick={signOut}>
					Sign out
				</button>
			)}
			<button
				type="button"
				class="quiet theme-button"
				data-testid="theme"
				data-theme={theme.value}
				title={`Theme: ${theme.value}`}
				onClick={nextTheme}
			>
				<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
					<circle cx="8" cy="8" r="6" />
					<path d={THEME_SHAPES[theme.value]} />
				</svg>
				Theme<span class="sr">: {theme.value}</span>
			</button>
			<button type="button" class="quiet" data-testid="help" onClick={showHelp}>
				Help <kbd>?</kbd>
			</button>
		</header>
	);
}

/** What is said while there is no node to show. */
function waitingText(): string {
	const { entryRefusal } = swarmShown();
	if (entryRefusal !== '') return `This node runs and cannot be watched: ${entryRefusal}.`;
	if (isDirected()) return '';
	return isAsked.value ? 'This page needs a token.' : 'Connecting…';
}

/** Whether those who decide the slots of one set are up. */
function Quorum({ health, isNext }: { health: Health; isNext: boolean }) {
	const { up, of, needed, from } = health;
	return (
		<span class="quorum">
			<QuorumBar count={up} of={of} needed={needed} tone="up" what="voters up" />
			<span class={up >= needed ? '' : 'bad'}>
				{up} of {of} up, {needed} needed{isNext && ` from slot ${countText(from)} on`}
			</span>
		</span>
	);
}

function Pill({ node }: { node: NodeModel }) {
	const { place } = swarmShown().standing(node.id);
	return (
		<li
			class={`pill state-${node.status} place-${place} role-${node.isUp ? node.role : 'unknown'}`}
			data-testid={`pill-${node.id}`}
			data-state={stateOf(node)}
		>
			<i class="dot" />
			<NodeName id={node.id} />
			<small>
				{pillText(node)}
				{node.status === 'unknown' && place !== 'gone' && (
					<span class="since"> since {clock(node.unknownSinceMs)}</span>
				)}
			</small>
		</li>
	);
}

/** The icons: half a disc, none, and a whole disc. */
const THEME_SHAPES = {
	system: 'M8 2a6 6 0 0 1 0 12z',
	light: '',
	dark: 'M8 2a6 6 0 0 1 0 12 6 6 0 0 1 0-12z',
} as const;

export function stateOf(node: NodeModel): string {
	return node.status === 'catchingUp' ? 'catching-up' : node.status;
}

function pillText(node: NodeModel): string {
	const standing = swarmShown().standing(node.id);
	if (standing.place === 'gone') return standingWord(standing);
	return [stateText(node), standingWord(standing)].filter(Boolean).join(', ');
}

function stateText({ isUp, role, status }: NodeModel): string {
	if (!isUp) return STATUS_WORDS[status];
	return role === 'follower' ? '' : role === 'leader' ? 'leads' : 'campaigns';
}
