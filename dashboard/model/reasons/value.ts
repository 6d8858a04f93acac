/** Why a value is proposed, and why it is chosen. */
import type { MemberHistory } from '../members.ts';
import { countText, list, quoted } from '../why.ts';
import { type Clause, clause, shareText } from './clause.ts';
import type { EntryOf, Past } from './past.ts';

export function whyProposed(proposed: EntryOf<'proposed'>, past: Past): Clause {
	const { node, fact } = proposed;
	const { ballot, slot, reportedAt } = fact;
	const where = `in slot ${countText(slot)}`;
	const value = quoted(fact.value);
	const campaign = past.last('campaign', (other) => other.ballot === ballot);
	const counted = past.all('promiseCounted', (other) => other.ballot === ballot);
	// Those that were counted before the page was told of any are named by the next fact.
	const known = new Set(counted.flatMap((one) => [...one.fact.voters, one.fact.from]));
	const promisers = known.size > 0 ? ` of ${list([...known])}` : '';
	switch (fact.origin) {
		case 'own':
			return clause(
				(names) =>
					`${node} is free to propose ${value} ${where} because no promise${promisers} under ${names.full(ballot)} reported a value for it`,
				[campaign, ...counted, proposed],
			);
		case 'noop':
			return clause(
				`${node} fills slot ${countText(slot)} with a no-op because no promise${promisers} reported a value for it, and a later slot or a change of members needs all slots before it`,
				[campaign, ...counted, proposed],
			);
		case 'reported': {
			const reports = counted.filter((one) =>
				one.fact.reported.some((report) => report.slot === slot && report.ballot === reportedAt),
			);
			const first = past.last('proposed', (other) => other.ballot === reportedAt && other.slot === slot);
			const reporters = reports.map((one) => one.fact.from);
			const accepted = reporters.map((from) =>
				past.last('accepted', (other) => other.node === from && other.slot === slot && other.ballot === reportedAt),
			);
			return clause(
				(names) => {
					const who = reporters.length > 0 ? `${list(reporters)} reported` : 'a promise reported';
					return `${node} has to propose ${value} again ${where} because ${who} it under ${names.full(reportedAt)}, the highest ballot that any promise reported for that slot`;
				},
				[first, ...accepted, campaign, ...reports, proposed],
				reports.length > 0 ? [] : ['Whose promise that was is not known.'],
			);
		}
	}
}

export function whyChosen(chosen: EntryOf<'chosen'>, past: Past, history: MemberHistory): Clause {
	const { node, fact } = chosen;
	const { ballot, slot, how } = fact;
	const value = `${quoted(fact.value)}`;
	const where = `in slot ${countText(slot)}`;
	if (how === 'counted') {
		const [quorum] = past.all(
			'voteCounted',
			(other) => other.slot === slot && other.ballot === ballot && other.voters.length >= other.needed,
		);
		const voters = quorum?.fact.voters ?? [];
		const proposed = past.last('proposed', (other) => other.slot === slot && other.ballot === ballot);
		const votes = voters.map((voter) =>
			past.last('accepted', (other) => other.node === voter && other.slot === slot && other.ballot === ballot),
		);
		const share = shareText([history.governing(slot)], voters);
		return clause(
			(names) => {
				const who = voters.length > 0 ? `${list(voters)}${share}` : 'a quorum';
				return `${value} is chosen ${where} because ${who} accepted it under ${names.full(ballot)}`;
			},
			[proposed, ...votes, quorum, chosen],
			voters.length > 0 ? [] : ['Which nodes accepted it is not known.'],
		);
	}
	const first = past.last('chosen', (other) => other.slot === slot && other.how === 'counted');
	if (how === 'told') {
		return clause(
			(names) =>
				`${node} knows that ${value} is chosen ${where} because the leader told it so, and it had accepted it under ${names.full(ballot)}`,
			[first, chosen],
		);
	}
	const fetching = past.last('fetching', (other) => other.node === node && other.slot <= slot && slot <= other.through);
	const from = fetching ? ` from ${fetching.fact.from}` : '';
	return clause(`${node} knows that ${value} is chosen ${where} because it fetched it${from}`, [
		first,
		fetching,
		chosen,
	]);
}
