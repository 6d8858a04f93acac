/** Ballots in their one order, further right is higher, and on each node's rail how far its promise has gone. */
import { useRef } from 'preact/hooks';
import { type BallotNames, nameBallots } from '../model/ballot-names.ts';
import { ballotLadder, type Ladder } from '../model/ladder.ts';
import { BallotLabel } from './ballot.tsx';
import { NodeName } from './node-name.tsx';
import { usePace } from './pace.ts';
import { Scroller } from './scroller.tsx';
import { moment, story, swarmShown } from './state.ts';
import { useWidth } from './width.ts';

const RUNGS_MAX = 7;
/** The width of the names in front of the rungs, as in `slots.css`. */
const NAMES_PX = 84;
const LETTER_PX = 7.6;
const GAP_PX = 8;

export function LadderPanel() {
	const panel = useRef<HTMLElement>(null);
	const head = useRef<HTMLDivElement>(null);
	usePace(panel);
	const room = useWidth(head) - NAMES_PX;
	const all = ladderOf(RUNGS_MAX);
	const { ladder, names, rungPx } = all.rungPx * RUNGS_MAX > room ? ladderOf(Math.floor(room / all.rungPx)) : all;
	return (
		<section class="panel ladder-panel" id="ballots" aria-labelledby="ladder-title" ref={panel}>
			<div class="panel-head" ref={head}>
				<h2 id="ladder-title">Ballot ladder</h2>
				<p class="legend">further right is higher; a promise only ever moves right</p>
			</div>
			{ladder.ballots.length === 0 ? (
				<p class="empty">No promise is known yet.</p>
			) : (
				<Scroller class="scroll-x" label="Promises by ballot" newestRight>
					<table class="ladder" style={{ '--rungs-min': `${ladder.ballots.length * rungPx}px` }}>
						<thead>
							<tr>
								<th scope="col">
									<span class="sr">Node</span>
								</th>
								{ladder.ballots.map((ballot) => (
									<th key={ballot} scope="col" class={ballot === ladder.leading ? 'leading' : ''}>
										<BallotLabel ballot={ballot} names={names} />
										<small>{ballot === ladder.leading ? 'leads' : '\u00a0'}</small>
									</th>
								))}
							</tr>
						</thead>
						<tbody>
							{ladder.rails.map(({ node, at }) => (
								<tr key={node} class={at === undefined ? 'absent-row' : ''} data-testid={`rail-${node}`}>
									<th scope="row">
										<NodeName id={node} />
									</th>
									{ladder.ballots.map((ballot, index) => (
										<td
											key={ballot}
											class={at === undefined ? '' : index < at ? 'passed' : index === at ? 'held' : ''}
											data-ballot={ballot}
										>
											{index === at && <span class="sr">promised</span>}
											{at === undefined && index === 0 && <span class="nothing">unknown</span>}
										</td>
									))}
								</tr>
							))}
						</tbody>
					</table>
				</Scroller>
			)}
		</section>
	);
}

/** The ladder of so many rungs, unless more ballots are promised, and how wide a rung is for its letters. */
function ladderOf(rungsMax: number): { ladder: Ladder; names: BallotNames; rungPx: number } {
	const ladder = ballotLadder(swarmShown(), story.index.ballots(moment.peek()?.at), rungsMax);
	const names = nameBallots(ladder.ballots);
	const letters = Math.max(...ladder.ballots.map((ballot) => names.short(ballot).indexOf(' ')));
	return { ladder, names, rungPx: letters * LETTER_PX + GAP_PX };
}
