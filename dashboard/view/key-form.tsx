/** The form that changes one key, on condition that nobody has changed it meanwhile. */
import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { EntryView } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { nameBallots } from '../model/ballot-names.ts';
import { fitsField, lostSentence } from '../model/keys.ts';
import { ballotsOfAnswer, countText, outcomeSentence } from '../model/why.ts';
import { proposeAndPlay } from './proposals.ts';
import { list } from './state.ts';
import { ValueField } from './value-field.tsx';

const ABSENT = { modifyRevision: 0, flags: '0' };

export function KeyForm(props: {
	readonly node: NodeId;
	/** As it was when the form was opened. */
	readonly entry: EntryView;
	/** @param isDeleted whether the key is no more */
	readonly onClose: (isDeleted: boolean) => void;
}) {
	const { node, entry, onClose } = props;
	const { key } = entry;
	const value = useSignal(fitsField(entry) ? entry.value : '');
	/** The key as the next write expects it. */
	const present = useSignal<Pick<EntryView, 'modifyRevision' | 'flags'>>(entry);
	const pending = useSignal(false);
	const said = useSignal(
		fitsField(entry) ? '' : 'The present value does not fit this field: what you type takes its place.',
	);
	const field = useRef<HTMLInputElement>(null);
	useLayoutEffect(() => field.current?.focus(), []);

	const write = async (wanted: string | null) => {
		if (pending.value) return;
		pending.value = true;
		const { modifyRevision: cas, flags } = present.value;
		const request = { key, value: wanted, route: 'leader', contest: 0, cas, flags } as const;
		const answer = await proposeAndPlay(node, request);
		if (answer.outcome === 'chosen' && answer.ok) return onClose(wanted === null);
		said.value = outcomeSentence(answer, nameBallots(ballotsOfAnswer(answer)));
		if (answer.outcome === 'chosen') await learn();
		pending.value = false;
	};

	/** Another write came first: the next one is on condition that it was the last. */
	const learn = async () => {
		const below = await list(node, key);
		if (!below) return;
		const found = below.entries.find((each) => each.key === key);
		present.value = found ?? ABSENT;
		said.value = lostSentence(key, found);
	};

	return (
		<form
			class="key-form"
			data-testid="key-form"
			onSubmit={(event) => {
				event.preventDefault();
				void write(value.value);
			}}
			onKeyDown={(event) => {
				if (event.key === 'Escape') onClose(false);
			}}
		>
			<ValueField value={value} id="key-value" field={field}>
				<span class="clip">{key}</span>
				<small>
					{present.value === ABSENT
						? 'while it is absent'
						: `while at revision ${countText(present.value.modifyRevision)}`}
				</small>
			</ValueField>
			<button type="submit" class="primary" data-testid="key-save">
				Save
			</button>
			<button type="button" class="quiet" data-testid="key-delete" onClick={() => write(null)}>
				Delete
			</button>
			<p class="outcome-text" aria-live="polite" data-testid="key-said">
				{said.value}
			</p>
		</form>
	);
}
