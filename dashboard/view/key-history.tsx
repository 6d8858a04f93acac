/** Below a key: its versions that the page knows at the moment that it shows, the newest first. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { ballotNode, nameBallots } from '../model/ballot-names.ts';
import { differenceOf, type Holding, keyHistory, type Version, versionText } from '../model/key-history.ts';
import { countText } from '../model/why.ts';
import { Ballot, Time } from './ballot.tsx';
import { wanted } from './pace.ts';
import { calm, moment, story } from './state.ts';
import { showSlot } from './steering.ts';

const SHOWN_MAX = 50;

/** A key that is not there any more has a history all the same. */
export function GoneHistory({ name }: { readonly name: string }) {
	calm.value;
	return keyHistory(story, name, moment.value).versions.length > 0 ? <KeyHistory name={name} /> : null;
}

export function KeyHistory({ name }: { readonly name: string }) {
	const at = moment.value;
	const { versions, isFromBeginning, isUpToDate } = useMemo(() => keyHistory(story, name, at), [wanted.value, name]);
	const names = nameBallots(versions.map(({ ballot }) => ballot));
	const shown = versions.slice(-SHOWN_MAX);
	const isAll = shown.length === versions.length;
	const beforeOf = (each: Version, before: Version | undefined): Version | null | undefined => {
		if (each === versions[0] && isFromBeginning) return null;
		return each.followsBefore ? before : undefined;
	};
	const section = useRef<HTMLElement>(null);
	// The list of keys may end just above it.
	useEffect(() => section.current?.scrollIntoView({ block: 'nearest' }), []);
	return (
		<section ref={section} class="key-history" aria-label={`History of ${name}`} data-testid="key-history">
			<p>
				History of <span class="mono">{name}</span>
			</p>
			{!isUpToDate && <p class="muted">There may be newer versions that this page was not told of.</p>}
			<ol>
				{[...shown.entries()].reverse().map(([i, each]) => {
					const before = versions[versions.length - shown.length + i - 1];
					return (
						<li key={each.revision} data-testid="key-version" data-revision={each.revision}>
							<p>
								<span class="mono number">{countText(each.revision)}</span>{' '}
								<b>{versionText(each, beforeOf(each, before))}</b>
								<Where of={each} names={names} />
							</p>
							{each.holds && <Value holds={each.holds} before={each.followsBefore ? (before?.holds ?? null) : null} />}
							{before && !each.followsBefore && (
								<p class="muted gap">This page was not told of all versions between this one and the next.</p>
							)}
						</li>
					);
				})}
			</ol>
			<p class="muted" data-testid="key-history-end">
				{!isAll
					? `Those are the newest ${SHOWN_MAX} of ${countText(versions.length)} versions.`
					: isFromBeginning
						? 'It was never written before.'
						: 'Older versions are not known to this page.'}
			</p>
		</section>
	);
}

function Where({ of, names }: { of: Version; names: ReturnType<typeof nameBallots> }) {
	const { slots, ballot, timeMs, toldBy } = of;
	if (timeMs === null) return <span class="muted">, {toldBy}</span>;
	return (
		<span class="muted">
			{', applied '}
			<Time ms={timeMs} /> at {toldBy}
			{slots &&
				slots.from < slots.through &&
				`, in one of the slots ${countText(slots.from)} to ${countText(slots.through)}`}
			{slots && slots.from === slots.through && (
				<>
					{', in slot '}
					<button
						type="button"
						class="link"
						data-testid="key-slot"
						aria-label={`Show slot ${slots.from}`}
						onClick={() => showSlot(slots.from)}
					>
						{countText(slots.from)}
					</button>
				</>
			)}
			{ballot !== '' && (
				<>
					{`, proposed by ${ballotNode(ballot)} under `}
					<Ballot ballot={ballot} names={names} short />
				</>
			)}
		</span>
	);
}

/** What is new in it is marked, and so is what is gone. */
function Value({ holds, before }: { holds: Holding; before: Holding | null }) {
	const { value, bytes, isWhole, flags } = holds;
	const { start, removed, added, end } = differenceOf(before?.value ?? value, value);
	const isSame = before !== null && removed === '' && added === '';
	return (
		<p class="mono value" title={`${bytes} bytes`}>
			{start}
			{removed !== '' && <del>{removed}</del>}
			{added !== '' && <ins>{added}</ins>}
			{end}
			{value === '' && <span class="muted">empty</span>}
			{isSame && <small class="muted"> {isWhole && before.isWhole ? 'as before' : 'begins as before'}</small>}
			{before && before.flags !== flags && (
				<small>
					{' '}
					flags {before.flags} → {flags}
				</small>
			)}
		</p>
	);
}
