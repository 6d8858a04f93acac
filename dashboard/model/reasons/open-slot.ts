/** Why no value is known to be chosen in a slot: whose answers are missing, as far as the page was told. */
import type { NodeId } from '../../../shared/paxos/ballot.ts';
import type { Slot } from '../../../shared/paxos/message.ts';
import type { Decision, Round } from '../decision.ts';
import { countVoters, isQuorum } from '../members.ts';
import type { SwarmModel } from '../swarm-model.ts';
import type { Item } from '../tape.ts';
import { countText, list, quoted } from '../why.ts';
import { type Clause, clause } from './clause.ts';
import type { Past } from './past.ts';

/** @param decision of the slot, and not chosen as far as the page was told */
export function whyOpen(decision: Decision, swarm: SwarmModel, past: Past): Clause {
	const slot = countText(decision.slot);
	const round = decision.rounds.find(isAccepted) ?? decision.rounds.at(-1);
	if (!round) {
		return clause(`Nothing is known to be chosen in slot ${slot} because nobody is known to have proposed for it`);
	}
	const { electorate, proposer, proposal, ballot } = round;
	const deposed: Item | undefined =
		past.last('halted', (fact) => fact.ballot === ballot) ?? past.last('givenUp', (fact) => fact.ballot === ballot);
	const gone = past.loss(proposer);
	const ended = deposed ? `, which ended its ballot` : '';
	if (!electorate) {
		return clause(
			(names) => `Nothing is known to be chosen in slot ${slot}, for which ${proposer} runs ${names.full(ballot)}`,
			[deposed],
			['Who decides that slot is not known.'],
		);
	}
	const phase = proposal ? 'accepted' : 'promised';
	const cells: ReadonlyMap<NodeId, { readonly state: string }> = proposal ? round.vote : round.promise;
	const answered = electorate.voters.filter((voter) => cells.get(voter)?.state === phase);
	const counted = countVoters(electorate, proposal ? round.votes : round.promiseVoters);
	const facts = [...answersOf(round, decision.slot, past), deposed, gone];
	const share = `${answered.length} of ${electorate.voters.length}`;
	const what = proposal ? quoted(proposal.value) : 'a promise';
	if (isAccepted(round) && counted < electorate.needed) {
		return clause(
			(names) =>
				`${list(answered)} (${share}) have accepted ${what} in slot ${slot} under ${names.full(ballot)}, so it is chosen, but ${proposer}${gone ? ', which is not heard,' : ''} is not known to have counted their votes`,
			facts,
		);
	}
	const missing = electorate.voters.filter((voter) => !answered.includes(voter));
	const refused = missing.filter((voter) => cells.get(voter)?.state === 'refused');
	const unheard = missing.filter((voter) => !refused.includes(voter) && swarm.node(voter)?.status === 'unknown');
	const late = missing.filter((voter) => !refused.includes(voter) && !unheard.includes(voter));
	const rest = [
		...(refused.length > 0 ? [`${list(refused)} refused`] : []),
		...(unheard.length > 0 ? [`${list(unheard)} ${unheard.length === 1 ? 'is' : 'are'} not heard`] : []),
		...(late.length > 0 ? [`of ${list(late)} no answer is known`] : []),
	].join(', ');
	const verb = answered.length === 1 ? 'has' : 'have';
	const did = proposal ? `accepted ${what}` : 'promised';
	const who = answered.length === 0 ? `nobody has ${did}` : `only ${list(answered)} ${verb} ${did}`;
	const proposerGone = gone && !unheard.includes(proposer) ? `, and ${proposer}, which asked, is not heard` : '';
	return clause(
		(names) =>
			`Slot ${slot} is open because ${who} under ${names.full(ballot)} (${share}, ${electorate.needed} are needed)${ended}: ${rest || 'all answers are on their way'}${proposerGone}`,
		[...facts, ...unheard.map((node) => past.loss(node))],
	);
}

/** Whether a quorum has accepted under the ballot, so that what is proposed under higher ones is the same value. */
function isAccepted({ electorate, vote }: Round): boolean {
	const voters = [...vote].flatMap(([node, { state }]) => (state === 'accepted' ? [node] : []));
	return electorate !== null && isQuorum(electorate, voters);
}

/** What was asked under the ballot, and what was answered. */
function answersOf({ ballot, proposal }: Round, slot: Slot, past: Past): readonly Item[] {
	if (!proposal) {
		return [
			...past.all('campaign', (fact) => fact.ballot === ballot),
			...past.all('promised', (fact) => fact.ballot === ballot),
			...past.all('refused', (fact) => fact.ballot === ballot && fact.refused === 'prepare'),
		];
	}
	return [
		...past.all('proposed', (fact) => fact.ballot === ballot && fact.slot === slot),
		...past.all('accepted', (fact) => fact.ballot === ballot && fact.slot === slot),
		...past.all('refused', (fact) => fact.ballot === ballot && fact.slot === slot),
	];
}
