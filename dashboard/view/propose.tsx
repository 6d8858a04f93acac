/** The form that proposes, and what became of each proposal, in words. */
import { useComputed, useSignal } from '@preact/signals';
import type { ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { KEY_BYTES_MAX } from '../../shared/store/key.ts';
import { countText, list } from '../model/why.ts';
import { NodeName } from './node-name.tsx';
import { OutcomeView } from './outcome.tsx';
import { outcomes, proposeAndPlay } from './proposals.ts';
import { calm, isDirected, run, story } from './state.ts';
import { isTouring, takeTour } from './tour.tsx';
import { ValueField } from './value-field.tsx';

export function Propose() {
	calm.value;
	const node = useSignal<NodeId>('');
	const key = useSignal('color');
	const value = useSignal('red');
	const route = useSignal<ProposeRequest['route']>('self');
	const contest = useSignal('');
	const sizeOfValue = useComputed(() => byteCount(value.value));
	/** The nodes that have not answered yet. Meanwhile a person may propose at the others, against them. */
	const pending = useSignal<readonly NodeId[]>([]);
	const nodes = story.live.voters;
	const isThere = nodes.some(({ id }) => id === node.value);
	const shown = outcomes.value.filter((outcome) => outcome.run === run.value);
	const selected = isThere ? node.value : (nodes.find((candidate) => candidate.isUp)?.id ?? '');

	// In a run that stands still or is slow, a person may do anything meanwhile.
	const isPending = !isDirected() && pending.value.includes(selected);

	const submit = async (event: Event) => {
		event.preventDefault();
		if (isPending || selected === '') return;
		const slot = route.value === 'self' ? Number(contest.value) || 0 : 0;
		const request: ProposeRequest = { key: key.value, value: value.value, route: route.value, contest: slot };
		pending.value = [...pending.value, selected];
		await proposeAndPlay(selected, request);
		const [...others] = pending.value;
		others.splice(others.indexOf(selected), 1);
		pending.value = others;
	};

	return (
		<section class="panel propose-panel" id="propose" aria-labelledby="propose-title">
			<h2 id="propose-title">Propose a value</h2>
			<form onSubmit={submit} data-testid="propose-form">
				<fieldset>
					<legend>at node</legend>
					<div class="segments">
						{nodes.map(({ id, isUp }) => (
							<label key={id} class={isUp ? '' : 'off'}>
								<input
									type="radio"
									name="node"
									value={id}
									data-testid={`propose-node-${id}`}
									checked={id === selected}
									onChange={() => {
										node.value = id;
									}}
								/>
								<span>
									<NodeName id={id} />
								</span>
							</label>
						))}
					</div>
				</fieldset>
				<div class="pair">
					<label class="field">
						<span>key</span>
						<input
							type="text"
							required
							maxLength={KEY_BYTES_MAX}
							autocomplete="off"
							spellcheck={false}
							data-testid="propose-key"
							value={key.value}
							onInput={(event) => {
								key.value = event.currentTarget.value;
							}}
						/>
					</label>
					<ValueField value={value} id="propose-value">
						value <small>{sizeOfValue}</small>
					</ValueField>
				</div>
				<fieldset>
					<legend>route</legend>
					<RouteChoice
						value="self"
						route={route}
						title="both phases here"
						text={`${selected || 'the node'} asks for promises, then for votes, and leads afterwards`}
					/>
					<RouteChoice
						value="leader"
						route={route}
						title="through the leader"
						text="the leader has its promises already, and asks for votes only"
					/>
				</fieldset>
				<label class="field">
					<span>
						contest slot <small>optional: tries to change it</small>
					</span>
					<input
						type="number"
						min={1}
						step={1}
						inputMode="numeric"
						placeholder="next open slot"
						data-testid="propose-contest"
						disabled={route.value === 'leader'}
						value={contest.value}
						onInput={(event) => {
							contest.value = event.currentTarget.value;
						}}
					/>
				</label>
				<button type="submit" class="primary wide" data-testid="propose-submit" disabled={isPending || selected === ''}>
					{isPending ? `Proposing at ${selected}…` : `Propose at ${selected || '…'}`}
				</button>
			</form>
			{isDirected() && pending.value.length > 0 && (
				<p class="tally" data-testid="pending">
					No answer yet from {list([...new Set(pending.value)])}.
				</p>
			)}
			<div class="outcomes" aria-live="polite" data-testid="outcomes">
				{shown.length === 0 && (
					<p class="hint" data-testid="hint">
						<strong>Try it.</strong> Press Propose: the node asks the others for promises, then for votes, and the
						decision plays back in the middle.
						{!isDirected() && !isTouring.value && (
							<button type="button" class="small" data-testid="hint-tour" onClick={takeTour}>
								New to Paxos? Take the tour
							</button>
						)}
					</p>
				)}
				{shown.map((outcome, index) => (
					<OutcomeView key={outcome.id} outcome={outcome} newest={index === 0} />
				))}
			</div>
		</section>
	);
}

function RouteChoice(props: {
	value: ProposeRequest['route'];
	route: { value: ProposeRequest['route'] };
	title: string;
	text: string;
}) {
	const { value, route, title, text } = props;
	return (
		<label class="choice">
			<input
				type="radio"
				name="route"
				value={value}
				data-testid={`propose-route-${value}`}
				checked={route.value === value}
				onChange={() => {
					route.value = value;
				}}
			/>
			<span>
				{title}
				<small>{text}</small>
			</span>
		</label>
	);
}

function byteCount(text: string): string {
	const bytes = new TextEncoder().encode(text).length;
	return `${countText(bytes)} byte${bytes === 1 ? '' : 's'}`;
}
