/** Shows which nodes are there and whether they make a quorum, and has the page's own switches. */
import { clock } from '../model/ballot-names.ts';
import type { NodeModel } from '../model/node-model.ts';
import { QuorumBar } from './quorum-bar.tsx';
import { calm, factsPerSecond, swarm } from './state.ts';
import { nextTheme, theme } from './theme.ts';

export function TopBar({ onHelp }: { onHelp: () => void }) {
	calm.value;
	const { nodes, upCount, needed } = swarm;
	return (
		<header class="top">
			<h1>
				<svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
					<circle class="logo-ring" cx="16" cy="16" r="11.5" />
					<path class="logo-core" d="m16 10.5 5.5 5.5-5.5 5.5-5.5-5.5z" />
				</svg>
				paxos-swarm <small>{swarm.name}</small>
			</h1>
			<ul class="pills" aria-label="Nodes">
				{nodes.map((node) => (
					<Pill key={node.id} node={node} />
				))}
			</ul>
			<p class="health" data-testid="quorum-health" aria-live="polite">
				{nodes.length === 0 ? (
					swarm.entryRefusal === '' ? (
						'Connecting…'
					) : (
						`This node runs and cannot be watched: ${swarm.entryRefusal}.`
					)
				) : (
					<>
						<QuorumBar count={upCount} of={nodes.length} needed={needed} tone="up" what="nodes up" />
						<span class={upCount >= needed ? '' : 'bad'}>
							{upCount} of {nodes.length} up, {needed} needed
						</span>
					</>
				)}
			</p>
			<p class="rate" title="Facts told by all nodes in the last second">
				<span class="mono">{factsPerSecond.value.toLocaleString('en')}</span> facts/s
			</p>
			<button type="button" class="quiet theme-button" data-testid="theme" data-theme={theme.value} onClick={nextTheme}>
				<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
					<circle cx="8" cy="8" r="6" />
					<path d={THEME_SHAPES[theme.value]} />
				</svg>
				<span class="sr">Theme:</span> {theme.value}
			</button>
			<button type="button" class="quiet" data-testid="help" onClick={onHelp}>
				Help <kbd>?</kbd>
			</button>
		</header>
	);
}

function Pill({ node }: { node: NodeModel }) {
	return (
		<li class={`pill state-${node.status}`} data-testid={`pill-${node.id}`} data-state={stateOf(node)}>
			<i class="dot" />
			{node.id}
			<small>{pillText(node)}</small>
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
	switch (node.status) {
		case 'up':
			return node.role === 'follower' ? '' : node.role === 'leader' ? 'leads' : 'campaigns';
		case 'catchingUp':
			return 'catching up';
		case 'connecting':
			return 'connecting';
		case 'unknown':
			return `unknown since ${clock(node.unknownSinceMs)}`;
		case 'refused':
			return 'not watched';
	}
}
