/** Why a node leads, follows or stands for election. */
import type { NodeId } from '../../../shared/paxos/ballot.ts';
import { ballotNode } from '../ballot-names.ts';
import { HANDS_OVER } from '../fact-text.ts';
import type { MemberHistory } from '../members.ts';
import type { Item } from '../tape.ts';
import { countText, list } from '../why.ts';
import { type Clause, clause, durationText, shareText } from './clause.ts';
import { whyGivenUp, whyHalted } from './end.ts';
import type { EntryOf, Past } from './past.ts';

export function whyRole(role: EntryOf<'role'>, past: Past, history: MemberHistory): Clause {
	const { fact, node } = role;
	const [by = ''] = fact.by;
	switch (fact.why) {
		case 'promisedByQuorum':
			return whyLeads(role, past, history);
		case 'heardLeader': {
			const leads = past.last('role', (other) => other.role === 'leader' && other.ballot === fact.leader);
			return clause(
				(names) =>
					`${node} follows ${by} because ${by} leads under ${names.full(fact.leader)}, and it had promised nothing higher`,
				[leads, role],
			);
		}
		case 'leaderSilent':
			return clause(
				`${node} takes ${by}, which led, for silent because it heard neither ${by} nor a candidate for at least ${durationText(fact.silentMs)}`,
				[role],
			);
		case 'leaderLinkDown': {
			const down = past.last('linkDown', (other) => other.node === node && other.peer === by);
			const why = down ? ` (${down.fact.why})` : '';
			return clause(`${node} does not hear ${by}, which led, any more because their link ended${why}`, [down, role]);
		}
		case 'higherBallot':
		case 'lostQuorum':
			return whyEnded(role, past, history);
		case 'started':
		case 'campaign':
			return clause(`${node} is ${fact.role}`, [role]);
	}
}

/** A candidate or a leader follows again, because its ballot has ended. */
function whyEnded(role: EntryOf<'role'>, past: Past, history: MemberHistory): Clause {
	const { node, fact } = role;
	const halted = past.last('halted', (other) => other.node === node);
	const givenUp = past.last('givenUp', (other) => other.node === node);
	if (fact.why === 'higherBallot' && halted) return withFact(whyHalted(halted, past), role);
	if (fact.why === 'lostQuorum' && givenUp) return withFact(whyGivenUp(givenUp, past, history), role);
	const cause = fact.why === 'higherBallot' ? 'a higher ballot ended its own' : 'it gave its own ballot up';
	return clause(`${node} follows because ${cause}`, [role]);
}

function withFact({ text, facts, unknown }: Clause, item: Item): Clause {
	return { text, facts: [...facts, item], unknown };
}

function whyLeads(lead: EntryOf<'role'>, past: Past, history: MemberHistory): Clause {
	const { node, fact } = lead;
	const { ballot, by } = fact;
	const campaign = past.last('campaign', (other) => other.ballot === ballot);
	const promises = by.map(
		(from): Item | undefined =>
			past.last('promised', (other) => other.node === from && other.ballot === ballot) ??
			past.last('promiseCounted', (other) => other.from === from && other.ballot === ballot),
	);
	const share = campaign ? shareText(history.at(campaign.fact.chosenThrough), by) : '';
	const stood = campaign
		? standing(campaign, past.before(campaign))
		: clause('', [], [`Why ${node} stood for election is not known: the page was not told when it began.`]);
	return clause(
		(names) => {
			const after = stood.text(names);
			return `${node} became leader because its ballot ${names.full(ballot)} was promised by ${list(by)}${share}${after && `, after ${after}`}`;
		},
		[...stood.facts, campaign, ...promises, lead],
		stood.unknown,
	);
}

/** Such as `, 49 ms after it had missed n2`, by the clock of the node that leads; '' where that is not known. */
export function leaderlessText({ node, fact }: EntryOf<'role'>, past: Past): string {
	const role = past.last('role', (other) => other.node === node);
	if (!role || (role.fact.why !== 'leaderSilent' && role.fact.why !== 'leaderLinkDown')) return '';
	if (role.fact.epoch !== fact.epoch || role.fact.time > fact.time) return '';
	return `, ${durationText(fact.time - role.fact.time)} after it had missed ${list(role.fact.by)}`;
}

export function whyStands(campaign: EntryOf<'campaign'>, past: Past): Clause {
	const { node, fact } = campaign;
	const stood = standing(campaign, past);
	return clause(
		(names) => `${node} asks for promises under ${names.full(fact.ballot)} because ${stood.text(names)}`,
		[...stood.facts, campaign],
		stood.unknown,
	);
}

export function whyHandsOver(asked: EntryOf<'handsOver'>): Clause {
	const { node, fact } = asked;
	return clause(`${node} asks ${fact.to} to lead in its place because ${node} ${HANDS_OVER[fact.why]}`, [asked]);
}

export function whyPollHeld(held: EntryOf<'pollHeld'>, past: Past): Clause {
	const { node, fact } = held;
	const replies = fact.hearing.map((from) => pollReplies(node, past).get(from));
	const { length } = fact.hearing;
	return clause(
		`${node} does not stand for election because ${list(fact.hearing)} still hear${length === 1 ? 's' : ''} a leader, ${fact.needed} being a quorum`,
		[...replies, held],
	);
}

/** Words that can follow `because` or `after`. `it` is the node that stands. */
function standing({ node, fact }: EntryOf<'campaign'>, past: Past): Clause {
	switch (fact.why) {
		case 'proposal':
			return clause('it was asked to run both phases itself for a proposal');
		case 'contest':
			return clause(`it was asked to contest slot ${countText(fact.contest)}`);
		case 'handedOver':
			return handedOver(node, past);
		case 'noLeader':
			return heardNone(node, past);
	}
}

function handedOver(node: NodeId, past: Past): Clause {
	const received = past.last('received', (other) => other.node === node && other.message.kind === 'handOver');
	const asked = past.last(
		'handsOver',
		(other) => other.to === node && other.node === (received?.fact.from ?? other.node),
	);
	const leader = asked?.node ?? received?.fact.from ?? 'the leader';
	if (!asked) {
		return clause(`${leader} asked it to lead instead`, [received], [`Why ${leader} asked is not known.`]);
	}
	return clause(`${leader}, which led, asked it to lead instead: ${leader} ${HANDS_OVER[asked.fact.why]}`, [
		asked,
		received,
	]);
}

function heardNone(node: NodeId, past: Past): Clause {
	const missed = missing(node, past);
	const after = missed.facts.at(-1)?.at ?? Number.NEGATIVE_INFINITY;
	const silent = [...pollReplies(node, past)].filter(([, { fact, at }]) => {
		if (at < after || fact.message.kind !== 'pollReply') return false;
		const heard = ballotNode(fact.message.leader);
		return heard === '' || heard === node;
	});
	const others = silent.map(([from]) => from);
	return clause(
		(names) => {
			const text = missed.text(names);
			if (others.length === 0) return text;
			return `${text}, and ${list(others)} heard no leader either`;
		},
		[...missed.facts, ...silent.map(([, reply]) => reply)],
		others.length > 0 ? missed.unknown : [...missed.unknown, 'Which other nodes heard no leader is not known.'],
	);
}

/** Why the node heard no leader. */
function missing(node: NodeId, past: Past): Clause {
	const role = past.last('role', (fact) => fact.node === node);
	const promise = past.last('promised', (fact) => fact.node === node && ballotNode(fact.ballot) !== node);
	const [by = ''] = role?.fact.by ?? [];
	if (promise && promise.at > (role?.at ?? -1)) {
		return clause(
			(names) => `it had promised ${names.full(promise.fact.ballot)}, and heard of no leader under that ballot`,
			[promise],
		);
	}
	switch (role?.fact.why) {
		case 'leaderSilent':
			return clause(`it had not heard ${by} for at least ${durationText(role.fact.silentMs)}`, [role]);
		case 'leaderLinkDown': {
			const down = past.last('linkDown', (fact) => fact.node === node && fact.peer === by);
			return clause(`its link with ${by}, which led, had ended${down ? ` (${down.fact.why})` : ''}`, [down, role]);
		}
		case 'higherBallot':
			return clause('a higher ballot had ended its own, and it heard of no leader under that one', [role]);
		case 'lostQuorum':
			return clause('it had given up its own ballot before', [role]);
		default:
			return clause('it heard no leader', [], ['Since when it heard none is not known.']);
	}
}

/** By node: the last answer to a poll that came to `node`. */
function pollReplies(node: NodeId, past: Past): Map<NodeId, EntryOf<'received'>> {
	const replies = past.all('received', (fact) => fact.node === node && fact.message.kind === 'pollReply');
	return new Map(replies.map((reply) => [reply.fact.from, reply]));
}
