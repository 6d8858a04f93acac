/**
 * Each node's own table of keys. Facts carry no keys, so the table is that of a snapshot; a new one is asked
 * for when the node has applied more, but not more often than a person can read. A search goes through the snapshot too,
 * and asks the node where that has not all keys.
 */
import { useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { KEY_BYTES_MAX } from '../../shared/store/key.ts';
import { clock } from '../model/ballot-names.ts';
import { keysShown, type Listed, mustAsk } from '../model/keys.ts';
import type { NodeModel } from '../model/node-model.ts';
import { isNoMember } from '../model/standing.ts';
import { NodeName } from './node-name.tsx';
import { Scroller } from './scroller.tsx';
import { calm, list, moment, resync, swarmShown } from './state.ts';

const REFRESH_EVERY_MS = 800;

export function Keys() {
	calm.value;
	const picked = useSignal<NodeId>('');
	const prefix = useSignal('');
	const listed = useSignal<Listed | null>(null);
	const asked = useRef({ prefix: '', ms: 0 });
	const nodes = members();
	const node = shownOf(nodes, picked.value);

	useSignalEffect(() => {
		calm.value;
		const now = performance.now();
		const looked = shownOf(members(), picked.value);
		if (moment.value !== null || !looked?.isUp) return;
		const searched = prefix.value;
		if (asked.current.prefix === searched && now - asked.current.ms < REFRESH_EVERY_MS) return;
		const isOld = looked.revision !== looked.entriesRevision;
		const isOpen = mustAsk(looked, searched, listed.peek());
		if (!isOld && !isOpen) return;
		asked.current = { prefix: searched, ms: now };
		if (isOld) resync(looked.id);
		if (isOpen) void search(looked.id, searched);
	});

	const search = async (id: NodeId, searched: string) => {
		const below = await list(id, searched);
		if (below && searched === prefix.peek()) listed.value = { ...below, node: id, prefix: searched };
	};

	return (
		<section class="panel keys-panel" id="keys" aria-labelledby="keys-title">
			<div class="panel-head">
				<h2 id="keys-title">Keys</h2>
				<input
					id="keys-search"
					type="search"
					placeholder="Begins with"
					aria-label="Show the keys that begin with"
					maxLength={KEY_BYTES_MAX}
					autocomplete="off"
					spellcheck={false}
					data-testid="keys-search"
					value={prefix.value}
					onInput={(event) => {
						prefix.value = event.currentTarget.value;
					}}
				/>
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
			{node && <Table node={node} prefix={prefix.value} listed={moment.value === null ? listed.value : null} />}
		</section>
	);
}

function members(): readonly NodeModel[] {
	return swarmShown().nodes.filter(({ id }) => !isNoMember(swarmShown().standing(id)));
}

function shownOf(nodes: readonly NodeModel[], picked: NodeId): NodeModel | undefined {
	return nodes.find(({ id }) => id === picked) ?? nodes[0];
}

function Table({ node, prefix, listed }: { node: NodeModel; prefix: string; listed: Listed | null }) {
	if (!node.isUp) {
		const since = node.status === 'unknown' ? ` since ${clock(node.unknownSinceMs)}` : '';
		return (
			<p class="empty absent">
				What {node.id} holds is unknown{since}.
			</p>
		);
	}
	if (node.entriesCount === 0) return <p class="empty">{node.id} holds no key yet.</p>;
	const { entries, revision, rest } = keysShown(node, prefix, listed);
	if (entries.length === 0) {
		return (
			<p class="empty">
				{node.id} holds no key that begins so{rest}.
			</p>
		);
	}
	return (
		<Scroller class="keys-rows" label={`Keys of ${node.id}`}>
			<table data-testid="keys-table" data-node={node.id}>
				<caption>
					As {node.id} holds them at revision <span class="mono">{revision}</span>
					{rest}
				</caption>
				<thead>
					<tr>
						<th scope="col">key</th>
						<th scope="col">value</th>
						<th scope="col">revision</th>
					</tr>
				</thead>
				<tbody>
					{entries.map((entry) => (
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
