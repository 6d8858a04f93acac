/**
 * Each node's own table of keys. Facts carry no keys, so the table is that of a snapshot; a new one is asked
 * for when the node has applied more, but not more often than a person can read.
 */
import { useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { clock } from '../model/ballot-names.ts';
import type { NodeModel } from '../model/node-model.ts';
import { isNoMember } from '../model/standing.ts';
import { NodeName } from './node-name.tsx';
import { Scroller } from './scroller.tsx';
import { calm, moment, resync, swarmShown } from './state.ts';

const REFRESH_EVERY_MS = 800;

export function Keys() {
	calm.value;
	const picked = useSignal<NodeId>('');
	const askedMs = useRef(0);
	const nodes = members();
	const node = shownOf(nodes, picked.value);

	useSignalEffect(() => {
		calm.value;
		const now = performance.now();
		const looked = shownOf(members(), picked.value);
		if (moment.value !== null || !looked?.isUp || looked.revision === looked.entriesRevision) return;
		if (now - askedMs.current < REFRESH_EVERY_MS) return;
		askedMs.current = now;
		resync(looked.id);
	});

	return (
		<section class="panel keys-panel" id="keys" aria-labelledby="keys-title">
			<div class="panel-head">
				<h2 id="keys-title">Keys</h2>
				<fieldset class="segments" aria-label="Whose table">
					{nodes.map(({ id }) => (
						<button
							type="button"
							key={id}
							data-testid={`keys-${id}`}
							aria-pressed={id === node?.id}
							onClick={() => {
								picked.value = id;
							}}
						>
							<NodeName id={id} />
						</button>
					))}
				</fieldset>
			</div>
			{node && <Table node={node} />}
		</section>
	);
}

function members(): readonly NodeModel[] {
	return swarmShown().nodes.filter(({ id }) => !isNoMember(swarmShown().standing(id)));
}

function shownOf(nodes: readonly NodeModel[], picked: NodeId): NodeModel | undefined {
	return nodes.find(({ id }) => id === picked) ?? nodes[0];
}

function Table({ node }: { node: NodeModel }) {
	if (!node.isUp) {
		const since = node.status === 'unknown' ? ` since ${clock(node.unknownSinceMs)}` : '';
		return (
			<p class="empty absent">
				What {node.id} holds is unknown{since}.
			</p>
		);
	}
	if (node.entriesCount === 0) return <p class="empty">{node.id} holds no key yet.</p>;
	return (
		<Scroller class="keys-rows" label={`Keys of ${node.id}`}>
			<table data-testid="keys-table" data-node={node.id}>
				<caption>
					As {node.id} holds them at revision <span class="mono">{node.entriesRevision}</span>
					{node.entriesCount > node.entries.length && `, the first ${node.entries.length} of ${node.entriesCount}`}
				</caption>
				<thead>
					<tr>
						<th scope="col">key</th>
						<th scope="col">value</th>
						<th scope="col">revision</th>
					</tr>
				</thead>
				<tbody>
					{node.entries.map((entry) => (
						<tr key={entry.key}>
							<td class="mono">{entry.key}</td>
							<td class="mono" title={`${entry.bytes} bytes`}>
								{entry.value}
							</td>
							<td class="mono number">{entry.modifyRevision}</td>
						</tr>
					))}
				</tbody>
			</table>
		</Scroller>
	);
}
