/**
 * What a person has picked, in any panel, at the moment of the page: its fields, why it is so, what has changed, and the
 * facts that it has to do with, each of which can be picked in turn. On a phone it is a sheet.
 */
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { beginning } from '../model/beginning.ts';
import { slotOf } from '../model/decision-index.ts';
import type { Field } from '../model/inspected-fields.ts';
import { type Inspected, type Inspection, inspect, type Links } from '../model/inspection.ts';
import { isAnswered } from '../model/reasons/reason.ts';
import { isNoMember } from '../model/standing.ts';
import { countText } from '../model/why.ts';
import { WhyButton } from './answer.tsx';
import { useCopy } from './copying.ts';
import { Glyph, glyphOfFact } from './glyph.tsx';
import { Icon } from './icon.tsx';
import { closeInspector, focusInspector, inspectEntry, inspected } from './inspecting.ts';
import { NodeName } from './node-name.tsx';
import { wanted } from './pace.ts';
import { Scroller } from './scroller.tsx';
import { moment, run, shownSlot, story, swarmShown } from './state.ts';
import { seekMomentOfSlot, showSlot } from './steering.ts';

/** Longer text is cut. The copy has the whole. */
const TEXT_MAX = 240;

export function Inspector() {
	const of = inspected.value;
	// What was picked in another run is no part of this one.
	const ofRun = useRef(run.value);
	useEffect(() => {
		if (ofRun.current !== run.value) inspected.value = null;
		ofRun.current = run.value;
	}, [run.value]);
	return of && <Panel of={of} />;
}

function Panel({ of }: { of: Inspected }) {
	const at = moment.value;
	const slot = shownSlot.value;
	const panel = useRef<HTMLElement>(null);
	const hadFocus = panel.current?.contains(document.activeElement) ?? false;
	useLayoutEffect(() => {
		const { activeElement } = document;
		if (panel.current?.contains(activeElement)) return;
		// The link that was followed is gone, and the focus with it.
		if (hadFocus) focusInspector();
		// The columns made room, or the sheet of a phone came up over it.
		else if (activeElement !== document.body) activeElement?.scrollIntoView({ block: 'nearest' });
	}, [of]);
	// A fact stays as it is. What it has brought about may still come.
	const shown = useMemo(() => inspect(of, story, at, slot), [of, wanted.value]);
	return (
		<aside class="inspector" aria-labelledby="inspector-title" data-testid="inspector" data-kind={of.kind} ref={panel}>
			<div class="inspector-head">
				<h2 id="inspector-title" tabIndex={-1}>
					{of.kind === 'fact' && <Glyph kind={glyphOfFact(of.entry.fact)} />} <Text text={shown.title} />
				</h2>
				<button
					type="button"
					class="icon"
					aria-label="Close the inspector"
					data-testid="inspector-close"
					onClick={closeInspector}
				>
					<Icon d="M4 4l8 8M12 4l-8 8" />
				</button>
			</div>
			<Scroller class="inspector-body" label="What is picked">
				<p class="muted">
					<Text text={shown.subtitle} />
				</p>
				{of.kind === 'fact' && at !== null && of.entry.at > at.at && (
					<p class="inspector-later">This happens after the moment that the page shows.</p>
				)}
				{shown.why.map((sentence) => (
					<p key={sentence} class="inspector-why" data-testid="inspector-why">
						<Text text={sentence} />
					</p>
				))}
				{shown.changes.length > 0 && <Changes changes={shown.changes} />}
				{shown.links.map((links) => links.facts.length > 0 && <Facts key={links.label} links={links} />)}
				{of.kind === 'node' && <LinksOf node={of.node} />}
				<Fields fields={shown.fields} />
			</Scroller>
			<Actions of={of} shown={shown} />
		</aside>
	);
}

function Changes({ changes }: { changes: readonly Field[] }) {
	return (
		<>
			<h3>What changed</h3>
			<dl class="inspector-fields" data-testid="inspector-changes">
				{changes.map(({ term, value, before }) => (
					<div key={term}>
						<dt>{term}</dt>
						<dd>
							<del>
								<span class="sr">was </span>
								<Text text={before ?? ''} />
							</del>{' '}
							<ins>
								<span class="sr">is </span>
								<Text text={value} />
							</ins>
						</dd>
					</div>
				))}
			</dl>
		</>
	);
}

function Facts({ links: { label, facts } }: { links: Links }) {
	return (
		<>
			<h3>{label}</h3>
			<ul class="inspector-facts" data-testid="inspector-links" data-label={label}>
				{facts.map(({ entry, text }) => (
					<li key={entry.index}>
						<button type="button" class="link plain" title={text} onClick={() => inspectEntry(entry)}>
							<Glyph kind={glyphOfFact(entry.fact)} size={12} /> <Text text={text} />
						</button>
					</li>
				))}
			</ul>
		</>
	);
}

/** Each link of a node: the mesh has no room for the handles of all links where there are many nodes. */
function LinksOf({ node }: { node: NodeId }) {
	const swarm = swarmShown();
	const others = swarm.nodes.map(({ id }) => id).filter((id) => id !== node && !isNoMember(swarm.standing(id)));
	return (
		<>
			<h3>Links</h3>
			<ul class="inspector-links">
				{others.map((other) => (
					<li key={other}>
						<button
							type="button"
							class="small quiet"
							data-testid={`inspect-link-${other}`}
							onClick={() => {
								inspected.value = { kind: 'link', a: node, b: other };
							}}
						>
							<span class="sr">Inspect the link </span>with <NodeName id={other} />
						</button>
					</li>
				))}
			</ul>
		</>
	);
}

function Fields({ fields }: { fields: readonly Field[] }) {
	return (
		<>
			<h3>Fields</h3>
			<dl class="inspector-fields" data-testid="inspector-fields">
				{fields.map(({ term, value }, index) => (
					<div key={`${term} ${index}`}>
						<dt>{term}</dt>
						<dd>
							<Text text={value} />
						</dd>
					</div>
				))}
			</dl>
		</>
	);
}

function Actions({ of, shown }: { of: Inspected; shown: Inspection }) {
	const [isCopied, copy] = useCopy();
	const slot = of.kind === 'slot' ? of.slot : of.kind === 'fact' ? slotOf(of.entry.fact) : 0;
	return (
		<div class="buttons inspector-actions">
			{of.kind === 'fact' && (
				<button type="button" class="small" data-testid="inspector-go" onClick={() => seekMomentOfSlot(of.entry)}>
					Go to this moment
				</button>
			)}
			{of.kind === 'fact' && isAnswered(of.entry) && (
				<WhyButton question={{ kind: 'item', item: of.entry }} of={shown.title} />
			)}
			{slot > 0 && slot !== shownSlot.value && (
				<button type="button" class="small" onClick={() => showSlot(slot)}>
					Show slot {countText(slot)}
				</button>
			)}
			<button
				type="button"
				class="small"
				data-testid="inspector-copy"
				onClick={() => void copy(JSON.stringify(shown.raw, null, 2))}
			>
				{isCopied ? 'Copied' : 'Copy as JSON'}
			</button>
		</div>
	);
}

/** The text may be of others: it keeps its direction to itself, and is cut where it is long. */
function Text({ text }: { text: string }) {
	return <bdi>{beginning(text, TEXT_MAX)}</bdi>;
}
