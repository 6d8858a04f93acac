/** Why a proposal ended as it did. */
import type { Attempt, ProposeAnswer } from '../../../shared/feed.ts';
import type { NodeId } from '../../../shared/paxos/ballot.ts';
import type { MemberHistory } from '../members.ts';
import { countText, ordinal, quoted } from '../why.ts';
import { type Clause, clause } from './clause.ts';
import { whyGivenUp, whyHalted } from './end.ts';
import type { Past } from './past.ts';
import { whyChosen, whyProposed } from './value.ts';

/** @param node that was asked @param then what had been told when the proposal ended */
export function whyAnswered(
	node: NodeId,
	answer: ProposeAnswer,
	past: Past,
	then: Past,
	history: MemberHistory,
): Clause {
	const end = endOf(node, answer, past, then, history);
	const attempts = answer.attempts.map((attempt) => attemptEnd(attempt, past, history));
	const last = attempts.findLastIndex((attempt) => attempt !== null);
	const failed = attempts[last];
	if (!failed) return end;
	const which =
		answer.attempts.length > 1 ? `the ${ordinal(last + 1)} ballot tried for it failed` : 'its ballot failed';
	return clause(
		(names) => `${end.text(names)}; before that, ${which}: ${failed.text(names)}`,
		[...attempts.flatMap((attempt) => attempt?.facts ?? []), ...end.facts],
		[...end.unknown, ...failed.unknown],
	);
}

function endOf(node: NodeId, answer: ProposeAnswer, past: Past, then: Past, history: MemberHistory): Clause {
	switch (answer.outcome) {
		case 'chosen': {
			const { slot } = answer;
			const chosen = past.last('chosen', (fact) => fact.slot === slot && fact.how === 'counted');
			if (chosen) return whyChosen(chosen, past, history);
			return clause(`It is chosen in slot ${countText(slot)}`, [], ['Which nodes accepted it is not known.']);
		}
		case 'kept': {
			const { slot, ballot, value } = answer;
			const proposed = past.last('proposed', (fact) => fact.slot === slot && fact.ballot === ballot);
			const kept = `Slot ${countText(slot)} keeps ${quoted(value)}`;
			if (!proposed) return clause(kept, [], ['Which promises reported it is not known.']);
			const why = whyProposed(proposed, past);
			return clause((names) => `${kept} because ${why.text(names)}`, why.facts, why.unknown);
		}
		case 'refused':
			return noLeader(`It surely did not happen because ${answer.why}`, node, then);
		case 'unknown':
			return noLeader(`It may have happened or may yet because ${answer.why}`, node, then);
	}
}

/** What the node heard of a leader then. */
function noLeader(text: string, node: NodeId, then: Past): Clause {
	const role = then.last('role', (fact) => fact.node === node);
	if (role?.fact.leader !== '') return clause(text, [role], ['No fact tells more of it.']);
	return clause(`${text}, while ${node} heard no leader`, [role]);
}

/** Why a ballot that was tried came to nothing; null for one that did not. */
function attemptEnd({ ballot, haltedBy, givenUp }: Attempt, past: Past, history: MemberHistory): Clause | null {
	if (haltedBy !== '') {
		const halted = past.last('halted', (fact) => fact.ballot === ballot);
		if (halted) return whyHalted(halted, past);
		return clause((names) => `${names.full(ballot)} was halted by ${names.full(haltedBy)}`);
	}
	if (!givenUp) return null;
	const end = past.last('givenUp', (fact) => fact.ballot === ballot);
	return end ? whyGivenUp(end, past, history) : clause((names) => `${names.full(ballot)} was given up`);
}
