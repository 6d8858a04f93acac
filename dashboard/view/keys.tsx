/**
 * Each node's own table of keys. Facts carry no keys, so the table is that of a snapshot; a new one is asked
 * for when the node has applied more, but not more often than a person can read. A search goes through the snapshot too,
 * and asks the node where that has not all keys. A row opens the form that changes its key, and its history.
 */
import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { EntryView } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { KEY_BYTES_MAX } from '../../shared/store/key.ts';
import { clock } from '../model/ballot-names.ts';
import { keysShown, type Listed, mustAsk, noneSentence } from '../model/keys.ts';
import type { NodeModel } from '../model/node-model.ts';
import { isNoMember } from '../model/standing.ts';
import { KeyForm } from './key-form.tsx';
import { NodeName } from './node-name.tsx';
import { onDemand } from './on-demand.tsx';
import { usePace } from './pace.ts';
import { Scroller } from './scroller.tsx';
import { calm, list, moment, resync, run, swarmShown } from './state.ts';

const KeyHistory = onDemand('The history', async () => (await import('./key-history.tsx')).KeyHistory);
const GoneHistory = onDemand('The history', async () => (await import('./key-history.tsx')).GoneHistory);

const REFRESH_EVERY_MS = 800;

export function Keys({ canEdit }: { readonly canEdit: boolean }) {
	const panel = useRef<HTMLElement>(null);
	const shows = usePace(panel);
	const picked = useSignal<NodeId>('');
	const prefix = useSignal('');
	const listed = useSignal<Listed | null>(null);
	const edited = useSignal<EntryView | null>(null);
	const followed = useSignal<string | null>(null);
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

	useSignalEffect(() => {
		run.value;
		edited.value = null;
	});

	const search = async (id: NodeId, searched: string) => {
		const below = await list(id, searched);
		if (below && searched === prefix.peek()) listed.value = { ...below, node: id, prefix: searched };
	};

	return (
		<section class="panel keys-panel" id="keys" aria-labelledby="keys-title" ref={panel}>
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
								edited.value = null;
							}}
						>
							<NodeName id={id} />
						</button>
					))}
				</fieldset>
			</div>
			{node && (
				<Table
					shows={shows}
					node={node}
					prefix={prefix.value}
					listed={moment.peek() === null ? listed.value : null}
					edited={canEdit ? edited : null}
					followed={followed}
				/>
			)}
		</section>
	);
}

function members(): readonly NodeModel[] {
	return swarmShown().nodes.filter(({ id }) => !isNoMember(swarmShown().standing(id)));
}

function shownOf(nodes: readonly NodeModel[], picked: NodeId): NodeModel | undefined {
	return nodes.find(({ id }) => id === picked) ?? nodes[0];
}

function Table(props: {
	/** Changes whenever the node may have changed. */
	readonly shows: string;
	readonly node: NodeModel;
	readonly prefix: string;
	readonly listed: Listed | null;
	/** The entry that is being changed, as it was when that began; null where nothing can be changed. */
	readonly edited: Signal<EntryView | null> | null;
	/** The key whose history is shown; null for none. */
	readonly followed: Signal<string | null>;
}) {
	const { node, prefix, listed, edited, followed } = props;
	const opener = useRef<HTMLElement | null>(null);
	if (!node.isUp) {
		const since = node.status === 'unknown' ? ` since ${clock(node.unknownSinceMs)}` : '';
		return (
			<p class="empty absent">
				What {node.id} holds is unknown{since}.
			</p>
		);
	}
	const held = keysShown(node, prefix, listed);
	const { entries, revision, rest } = held;
	const open = edited?.value ?? null;
	if (open === null && entries.length === 0) {
		return (
			<>
				<p class="empty">{noneSentence(node, prefix, held)}</p>
				{prefix !== '' && <GoneHistory name={prefix} />}
			</>
		);
	}
	const close = (isDeleted: boolean) => {
		if (edited) edited.value = null;
		const back = isDeleted || !opener.current?.isConnected ? document.getElementById('keys-search') : opener.current;
		back?.focus({ preventScroll: true });
	};
	const toggle = (entry: EntryView, button: HTMLElement) => {
		if (!edited) return;
		opener.current = button;
		edited.value = entry.key === open?.key ? null : entry;
	};
	const form = open && (
		<tr key={`form of ${open.key}`}>
			<td colSpan={4}>
				<KeyForm node={node.id} entry={open} onClose={close} />
			</td>
		</tr>
	);
	const rows = entries.flatMap((entry) => {
		const isOpen = entry.key === open?.key;
		const isFollowed = entry.key === followed.value;
		const act = isOpen ? 'Close' : 'Edit';
		const row = (
			<tr key={`row of ${entry.key}`}>
				<td class="mono" dir="auto">
					{entry.key}
				</td>
				<td class="mono" dir="auto" title={`${entry.bytes} bytes`}>
					{entry.value}
				</td>
				<td class="number">
					<button
						type="button"
						class="link"
						data-testid="key-follow"
						aria-label={`History of ${entry.key}, now at revision ${entry.modifyRevision}`}
						title="Its history"
						aria-expanded={isFollowed}
						onClick={() => {
							followed.value = isFollowed ? null : entry.key;
						}}
					>
						{entry.modifyRevision}
					</button>
				</td>
				{edited && (
					<td class="act">
						<button
							type="button"
							class="link"
							data-testid="key-edit"
							aria-label={`${act} ${entry.key}`}
							aria-expanded={isOpen}
							onClick={(event) => toggle(entry, event.currentTarget)}
						>
							{act}
						</button>
					</td>
				)}
			</tr>
		);
		const history = isFollowed && (
			<tr key={`history of ${entry.key}`}>
				<td colSpan={edited ? 4 : 3}>
					<KeyHistory name={entry.key} />
				</td>
			</tr>
		);
		return [row, isOpen && form, history].filter(Boolean);
	});
	// It may have been deleted meanwhile, or is none of those that are looked for.
	if (open && !entries.some(({ key }) => key === open.key)) rows.unshift(form);
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
						<th scope="col" class="number">
							revision
						</th>
						{edited && <td class="act" />}
					</tr>
				</thead>
				<tbody>{rows}</tbody>
			</table>
		</Scroller>
	);
}
