/** Above the decision: who came to lead last, and who is not heard, at the moment that the page shows. */
import { happenedBy } from '../model/happened.ts';
import type { Landmark } from '../model/landmarks.ts';
import { leaderlessText } from '../model/reasons/leadership.ts';
import { isOf, Past } from '../model/reasons/past.ts';
import type { SwarmModel } from '../model/swarm-model.ts';
import { WhyButton } from './answer.tsx';
import { Glyph } from './glyph.tsx';
import { calm, moment, story, swarmShown } from './state.ts';

export function Happened() {
	calm.value;
	const happened = happenedBy(story.landmarks, moment.value?.at ?? Number.POSITIVE_INFINITY, swarmShown());
	const tellsLeader = happened.some(({ item }) => isOf(item, 'role'));
	return (
		<ul class="happened" aria-label="Leader, and nodes that are not heard">
			{!tellsLeader && (
				<li data-testid="leads">
					<Line text={leaderText(swarmShown())} />
				</li>
			)}
			{happened.map((landmark) => (
				<li key={landmark.item.index} data-testid="happened">
					<Glyph kind={landmark.glyph} size={13} />
					<Line text={textOf(landmark)} />
					<WhyButton question={{ kind: 'item', item: landmark.item }} of={landmark.text} />
				</li>
			))}
		</ul>
	);
}

/** On a wide screen it is one line, and elsewhere it has room for two, so that nothing below it moves when it becomes longer. */
function Line({ text }: { text: string }) {
	return <span title={text}>{text}</span>;
}

/** Where the page was not told how the leader came to lead. It is always there, so that nothing jumps when that changes. */
function leaderText({ nodes }: SwarmModel): string {
	const leader = nodes.find(({ isUp, role }) => isUp && role === 'leader');
	return leader ? `${leader.id} leads, and this page was not told how it became leader` : 'No node is known to lead';
}

function textOf({ item, text }: Landmark): string {
	return isOf(item, 'role') ? `${text}${leaderlessText(item, new Past(story.tape).before(item))}` : text;
}
