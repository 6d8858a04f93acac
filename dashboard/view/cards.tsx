/** One card for each node: what it has promised, has accepted and knows to be chosen, or that its state is unknown. */
import type { ComponentChildren } from 'preact';
import { type BallotNames, clock, nameBallots } from '../model/ballot-names.ts';
import type { NodeModel } from '../model/node-model.ts';
import { progressOf } from '../model/progress.ts';
import { type Place, standingText } from '../model/standing.ts';
import { Ballot } from './ballot.tsx';
import { NodeName } from './node-name.tsx';
import { frame, isDirected, swarmShown } from './state.ts';
import { stateOf } from './top-bar.tsx';

export function Cards() {
	frame.value;
	const { nodes } = swarmShown();
	const names = nameBallots(nodes.flatMap((node) => [node.promised, node.lastAccepted?.acceptedBallot ?? '']));
	return (
		<section class="panel cards-panel" id="nodes" aria-labelledby="nodes-title">
			<h2 id="nodes-title">Nodes</h2>
			<div class="cards">
				{nodes.map((node) => (
					<Card key={node.id} node={node} names={names} />
				))}
				{nodes.length === 0 && (
					<p class="empty">{isDirected() ? 'Nothing is told yet.' : 'No node has answered yet.'}</p>
				)}
			</div>
		</section>
	);
}

function Card({ node, names }: { node: NodeModel; names: BallotNames }) {
	const standing = swarmShown().standing(node.id);
	const { place } = standing;
	const text = standingText(standing);
	return (
		<article
			class={`card state-${node.status} place-${place}`}
			data-testid={`node-${node.id}`}
			data-state={stateOf(node)}
			data-place={place}
			data-role={node.isUp ? node.role : 'unknown'}
			data-promised={node.isUp ? node.promised : undefined}
			data-chosen-through={node.isUp ? node.chosenThrough : undefined}
			data-trimmed-through={node.isUp ? node.trimmedThrough : undefined}
			data-seq={node.isUp ? node.seq : undefined}
		>
			<h3>
				<i class="dot" />
				<NodeName id={node.id} isWhole />
				{node.isUp && <span class={`role role-${node.role}`}>{roleText(node, place)}</span>}
			</h3>
			{text !== '' && <p class="standing">{text}</p>}
			{node.isUp && <Troubles node={node} />}
			{place === 'gone' ? null : node.isUp ? (
				<Known node={node} names={names} place={place} />
			) : (
				<p class="absent">{absence(node)}</p>
			)}
		</article>
	);
}

/** Its disk, its clock, its state and its event loop, where something is wrong with them. */
function Troubles({ node }: { node: NodeModel }) {
	return Object.entries(node.troubles).map(([about, text]) => (
		<p key={about} class="trouble" data-testid={`trouble-${node.id}`} data-about={about}>
			{text}
		</p>
	));
}

/** A node that has no vote follows the leader, and is more than that a learner. */
function roleText({ role }: NodeModel, place: Place): string {
	if (place === 'gone') return 'removed';
	if (place === 'outside') return 'no member';
	return role === 'follower' && (place === 'learner' || place === 'incoming') ? 'learner' : role;
}

function Known({ node, names, place }: { node: NodeModel; names: BallotNames; place: Place }) {
	if (place === 'learner' || place === 'incoming' || place === 'outside') return <Learner node={node} />;
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
			<ChosenRows node={node} />
			{node.arriving && <ProgressRow node={node} />}
		</dl>
	);
}

/** It promises and accepts nothing. */
function Learner({ node }: { node: NodeModel }) {
	return (
		<dl>
			<ProgressRow node={node} />
			<ChosenRows node={node} />
		</dl>
	);
}

function ChosenRows({ node }: { node: NodeModel }) {
	return (
		<>
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
		</>
	);
}

function ProgressRow({ node }: { node: NodeModel }) {
	const { share, text } = progressOf(node, swarmShown().chosenThrough);
	return (
		<div class="progress" data-testid={`progress-${node.id}`}>
			<dt>learns</dt>
			<dd>
				<progress max={1} value={share} aria-label={`${node.id} learns`} />
				<span>{text}</span>
			</dd>
		</div>
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
		case 'newer':
			return 'It came in after this page was opened. Load the page again to watch it.';
		case 'connecting':
		case 'up':
			return 'Connecting…';
	}
}
