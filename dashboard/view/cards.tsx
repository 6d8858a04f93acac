/** One card for each node: what it has promised, has accepted and knows to be chosen, or that its state is unknown. */
import type { ComponentChildren } from 'preact';
import { type BallotNames, clock, nameBallots } from '../model/ballot-names.ts';
import type { NodeModel } from '../model/node-model.ts';
import { Ballot } from './ballot.tsx';
import { frame, swarm } from './state.ts';
import { stateOf } from './top-bar.tsx';

export function Cards() {
	frame.value;
	const { nodes } = swarm;
	const names = nameBallots(nodes.flatMap((node) => [node.promised, node.lastAccepted?.acceptedBallot ?? '']));
	return (
		<section class="panel cards-panel" id="nodes" aria-labelledby="nodes-title">
			<h2 id="nodes-title">Nodes</h2>
			<div class="cards">
				{nodes.map((node) => (
					<Card key={node.id} node={node} names={names} />
				))}
				{nodes.length === 0 && <p class="empty">No node has answered yet.</p>}
			</div>
		</section>
	);
}

function Card({ node, names }: { node: NodeModel; names: BallotNames }) {
	return (
		<article
			class={`card state-${node.status}`}
			data-testid={`node-${node.id}`}
			data-state={stateOf(node)}
			data-role={node.isUp ? node.role : 'unknown'}
			data-promised={node.isUp ? node.promised : undefined}
			data-chosen-through={node.isUp ? node.chosenThrough : undefined}
			data-trimmed-through={node.isUp ? node.trimmedThrough : undefined}
			data-seq={node.isUp ? node.seq : undefined}
		>
			<h3>
				<i class="dot" />
				{node.id}
				{node.isUp && <span class={`role role-${node.role}`}>{node.role}</span>}
			</h3>
			{node.isUp ? <Known node={node} names={names} /> : <p class="absent">{absence(node)}</p>}
		</article>
	);
}

function Known({ node, names }: { node: NodeModel; names: BallotNames }) {
	const { lastAccepted } = node;
	return (
		<dl>
			<Row term="promised">
				<Ballot ballot={node.promised} names={names} />
			</Row>
			<Row term="accepted">
				{lastAccepted ? (
					<span class="clip" title={lastAccepted.value?.text}>
						<span class="mono">{lastAccepted.slot}</span>{' '}
						{lastAccepted.value?.bytes === 0 ? 'no-op' : lastAccepted.value?.text}
					</span>
				) : (
					<span class="muted">{node.trimmedThrough > 0 ? 'nothing above its snapshot' : 'nothing yet'}</span>
				)}
			</Row>
			<Row term="chosen through">
				<span class="mono">{node.chosenThrough}</span>
				<span class="muted"> · revision </span>
				<span class="mono">{node.revision}</span>
			</Row>
			{node.trimmedThrough > 0 && (
				<Row term="in its snapshot">
					<span class="muted">slots through </span>
					<span class="mono">{node.trimmedThrough}</span>
				</Row>
			)}
		</dl>
	);
}

function Row({ term, children }: { term: string; children: ComponentChildren }) {
	return (
		<div>
			<dt>{term}</dt>
			<dd>{children}</dd>
		</div>
	);
}

function absence(node: NodeModel): string {
	switch (node.status) {
		case 'catchingUp':
			return 'Catching up: some facts were missed, its state is on the way.';
		case 'unknown':
			return `Unknown since ${clock(node.unknownSinceMs)}: it does not answer.`;
		case 'refused':
			return `It runs and cannot be watched from here: ${node.refusal}.`;
		case 'connecting':
		case 'up':
			return 'Connecting…';
	}
}
