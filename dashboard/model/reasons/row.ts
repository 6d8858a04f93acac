/** The facts behind a row of a decision, and the sentence that the row says. */
import type { BallotNames } from '../ballot-names.ts';
import type { Decision, Round } from '../decision.ts';
import type { RowName } from '../paper.ts';
import type { SwarmModel } from '../swarm-model.ts';
import type { Item } from '../tape.ts';
import { whyAccept, whyLearn, whyPrepare, whyPromise, whyVote } from '../why.ts';
import { type Clause, clause } from './clause.ts';
import { whyStands } from './leadership.ts';
import type { Past } from './past.ts';
import { whyProposed } from './value.ts';

export function whyRow(row: RowName, decision: Decision, round: Round, swarm: SwarmModel, past: Past): Clause {
	const { slot } = decision;
	const { ballot } = round;
	const said = (names: BallotNames): string => rowText(row, decision, round, swarm, names).replace(/\.$/, '');
	switch (row) {
		case '1a': {
			const campaign = past.last('campaign', (fact) => fact.ballot === ballot);
			return campaign ? whyStands(campaign, past.before(campaign)) : clause(said);
		}
		case '2a': {
			const proposed = past.last('proposed', (fact) => fact.ballot === ballot && fact.slot === slot);
			return proposed ? whyProposed(proposed, past.before(proposed)) : clause(said);
		}
		case '1b':
			return clause(said, [
				...past.all('promised', (fact) => fact.ballot === ballot),
				...past.all('refused', (fact) => fact.ballot === ballot && fact.refused === 'prepare'),
				...past.all('promiseCounted', (fact) => fact.ballot === ballot),
			]);
		case '2b':
			return clause(said, [
				...past.all('accepted', (fact) => fact.ballot === ballot && fact.slot === slot),
				...past.all('refused', (fact) => fact.ballot === ballot && fact.slot === slot),
				...past.all('voteCounted', (fact) => fact.ballot === ballot && fact.slot === slot),
			]);
		case 'learned':
			return clause(said, learned(slot, past));
	}
}

function learned(slot: number, past: Past): readonly Item[] {
	return past.all('chosen', (fact) => fact.slot === slot);
}

function rowText(row: RowName, decision: Decision, round: Round, swarm: SwarmModel, names: BallotNames): string {
	switch (row) {
		case '1a':
			return whyPrepare(round, decision, names);
		case '1b':
			return whyPromise(round, decision, names);
		case '2a':
			return whyAccept(round, decision, names);
		case '2b':
			return whyVote(round, decision, names);
		case 'learned': {
			const nodes = swarm.nodes.map(({ id }) => id);
			return whyLearn(
				decision,
				nodes,
				nodes.filter((id) => swarm.node(id)?.isUp === false),
			);
		}
	}
}
