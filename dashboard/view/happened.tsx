/** Above the decision: who came to lead last, and who is not heard, at the moment that the page shows. */
import { happenedBy } from '../model/happened.ts';
import type { Landmark } from '../model/landmarks.ts';
import { leaderlessText } from '../model/reasons/leadership.ts';
import { isOf, Past } from '../model/reasons/past.ts';
import { WhyButton } from './answer.tsx';
import { Glyph } from './glyph.tsx';
import { calm, moment, story, swarmShown } from './state.ts';

export function Happened() {
	calm.value;
	const happened = happenedBy(story.landmarks, moment.value?.at ?? Number.POSITIVE_INFINITY, swarmShown());
	// Its place stays free, so that nothing jumps when a leader comes.
	if (happened.length === 0) return <div class="happened" />;
	return (
		<ul class="happened" aria-label="Leader, and nodes that are not heard">
			{happened.map((landmark) => (
				<li key={landmark.item.index} data-testid="happened">
					<Glyph kind={landmark.glyph} size={13} />
					<span>{textOf(landmark)}</span>
					<WhyButton question={{ kind: 'item', item: landmark.item }} of={landmark.text} />
				</li>
			))}
		</ul>
	);
}

function textOf({ item, text }: Landmark): string {
	return isOf(item, 'role') ? `${text}${leaderlessText(item, new Past(story.tape).before(item))}` : text;
}
