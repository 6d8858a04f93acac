/**
 * What a person should know at once: where to begin, that there is no quorum, that the page's own node is removed, that a node cannot be
 * watched yet, and that the members change.
 */
import { changeText } from '../model/change-text.ts';
import { isNoMember } from '../model/standing.ts';
import { countText, list } from '../model/why.ts';
import { WhyButton } from './answer.tsx';
import { endNews, news } from './news.ts';
import { calm, moment, story, swarmShown } from './state.ts';
import { showSlot } from './steering.ts';
import { Tour } from './tour.tsx';

export function Notices() {
	return (
		<div class="notices" aria-live="polite">
			<Tour />
			<NoQuorum />
			<EntryGone />
			<Newer />
			<Change />
		</div>
	);
}

/** It is said of the moment that the page shows. */
function NoQuorum() {
	calm.value;
	const lacking = swarmShown().withoutQuorum;
	if (!lacking) return null;
	const { heard, of, needed } = lacking;
	return (
		<p class="notice bad" data-testid="no-quorum">
			<span>
				<strong>
					{heard} of {of} voters {heard === 1 ? 'is' : 'are'} heard, and {needed} are needed.
				</strong>{' '}
				While no more are up, nothing can be chosen, and nothing that was chosen is lost.
			</span>
			<WhyButton question={{ kind: 'noQuorum' }} of="can nothing be chosen" />
		</p>
	);
}

function EntryGone() {
	calm.value;
	const { live } = story;
	const { entry } = live;
	const standing = live.standing(entry);
	if (entry === '' || !isNoMember(standing)) return null;
	const { from } = standing;
	const other = live.voters.find(({ isUp }) => isUp);
	return (
		<p class="notice" data-testid="entry-gone">
			{entry}, which this page comes from, is no member{from > 0 && ` from slot ${countText(from)} on`}. The page goes
			on with the others, as long as it is open.
			{other && (
				<>
					{' '}
					<a href={live.addressOf(other.id)}>Open it at {other.id}</a>
				</>
			)}
		</p>
	);
}

/** A page may only reach the addresses that its node knew when it served the page. */
function Newer() {
	calm.value;
	const { live } = story;
	const newer = live.nodes.filter(({ id, status }) => status === 'newer' && !isNoMember(live.standing(id)));
	if (newer.length === 0) return null;
	return (
		<p class="notice" data-testid="newer">
			<span>
				{list(newer.map(({ id }) => id))} came in after this page was opened. Load it again to watch{' '}
				{newer.length === 1 ? 'that node' : 'those nodes'} too.
			</span>
			<button type="button" class="quiet small" data-testid="reload" onClick={() => location.reload()}>
				Load it again
			</button>
		</p>
	);
}

function Change() {
	calm.value;
	const change = news.value;
	// It is news of now.
	if (!change || moment.value !== null) return null;
	const { chosenAt, from } = change;
	const left = from - 1 - story.live.chosenThrough;
	return (
		<p class="notice" data-testid="change" data-in-force={left <= 0}>
			<span>
				{changeText(story.live.history.governing(chosenAt), change)}.{' '}
				{left > 0
					? `The change is chosen, and in force after ${countText(left)} more slot${left === 1 ? '' : 's'}.`
					: 'The change is in force.'}
			</span>
			<span class="buttons">
				{chosenAt > 0 && (
					<button type="button" class="quiet small" data-testid="change-slot" onClick={() => showSlot(chosenAt)}>
						Show slot {countText(chosenAt)}
					</button>
				)}
				<button type="button" class="quiet small" data-testid="change-read" onClick={() => endNews(story)}>
					Close
				</button>
			</span>
		</p>
	);
}
