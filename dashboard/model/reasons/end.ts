/** Why a ballot ended, or was refused. */

import { GIVEN_UP } from '../../../shared/fact.ts';
import type { NodeId } from '../../../shared/paxos/ballot.ts';
import { ballotNode } from '../ballot-names.ts';
import { electorateOf, isQuorum, type MemberHistory } from '../members.ts';
import type { Entry } from '../tape.ts';
import { countText, list, quoted } from '../why.ts';
import { type Clause, clause, durationText } from './clause.ts';
import type { EntryOf, Past } from './past.ts';

export function whyRefused(refused: EntryOf<'refused'>, past: Past): Clause {
	const { node, fact } = refused;
	const { ballot, promised } = fact;
	const promise = past.last('promised', (other) => other.node === node && other.ballot === promised);
	// Who accepts under a ballot is bound by it as by a promise.
	const accepted = past.last('accepted', (other) => other.node === node && other.ballot === promised);
	const asked = past.last(
		'received',
		({ node: at, message }) =>
			at === node &&
			message.kind === fact.refused &&
			'ballot' in message &&
			message.ballot === ballot &&
			(message.kind !== 'accept' || message.slot === fact.slot),
	);
	const rival = past.last('campaign', (other) => other.ballot === promised);
	const message = asked?.fact.message;
	const what =
		message?.kind === 'accept'
			? `to accept ${quoted(message.value)} in slot ${countText(fact.slot)}`
			: WHAT[fact.refused];
	const before = promise ? beforeText(promise, refused) : '';
	const did = !promise && accepted ? 'accepted under' : 'promised';
	return clause(
		(names) =>
			`${node} refused ${what} under ${names.full(ballot)} because it had ${did} the higher ballot ${names.full(promised)}${before}`,
		[rival, promise ?? accepted, asked, refused],
		promise || accepted ? [] : [`When ${node} promised that is not known.`],
	);
}

/** Such as `, 2.1 ms before`, by the clock of the node; '' where that was set back meanwhile. */
function beforeText(first: Entry, second: Entry): string {
	const ms = second.fact.time - first.fact.time;
	return ms < 0 ? '' : `, ${durationText(ms)} before`;
}

const WHAT = { prepare: 'to promise', accept: 'to accept', heartbeat: 'to follow' } as const;

export function whyHalted(halted: EntryOf<'halted'>, past: Past): Clause {
	const { node, fact } = halted;
	const { ballot, by, from } = fact;
	const rival = ballotNode(by);
	const nack = past.last(
		'received',
		({ node: at, from: sender, message }) =>
			at === node && sender === from && message.kind === 'nack' && message.ballot === ballot && message.promised === by,
	);
	const promise = past.last('promised', (other) => other.node === from && other.ballot === by);
	const campaign = past.last('campaign', (other) => other.ballot === by);
	return clause(
		(names) => {
			const higher = names.full(by);
			const cause = nack
				? `${from} refused it, having promised the higher ballot ${higher}`
				: from === rival
					? `${rival} came with the higher ballot ${higher}`
					: `it learned from ${from} of the higher ballot ${higher}`;
			return `${node} gave up its ballot ${names.full(ballot)} because ${cause}`;
		},
		[campaign, nack ? promise : undefined, nack, halted],
	);
}

export function whyGivenUp(givenUp: EntryOf<'givenUp'>, past: Past, history: MemberHistory): Clause {
	const { node, fact } = givenUp;
	const { ballot, why } = fact;
	if (why !== 'noQuorum') {
		return clause((names) => `${node} gave up its ballot ${names.full(ballot)} because ${GIVEN_UP[why]}`, [givenUp]);
	}
	const led = past.last('role', (other) => other.node === node && other.role === 'leader' && other.ballot === ballot);
	if (led) return whyNoQuorumAnswers(givenUp, led, past);
	const campaign = past.last('campaign', (other) => other.ballot === ballot);
	const counted = past.last('promiseCounted', (other) => other.node === node && other.ballot === ballot);
	const promised = past
		.all('promiseCounted', (other) => other.node === node && other.ballot === ballot)
		.flatMap(({ fact: { voters, from } }) => [...voters, from]);
	const sets = campaign ? history.at(campaign.fact.chosenThrough) : [];
	// While a change is under way it needs a quorum of two sets.
	const set = sets.find((each) => !isQuorum(electorateOf(each), promised));
	if (!counted || !set) {
		return clause(
			(names) => `${node} gave up its ballot ${names.full(ballot)} because too few nodes had promised it`,
			[campaign, givenUp],
			['Which nodes had promised it is not known.'],
		);
	}
	const { voters, needed } = electorateOf(set);
	const promisers = voters.filter((voter) => promised.includes(voter));
	const silent = voters.filter((voter) => !promised.includes(voter));
	return clause(
		(names) =>
			`${node} gave up its ballot ${names.full(ballot)} because only ${list(promisers)} had promised it (${promisers.length} of ${voters.length}, ${needed} are needed), and ${list(silent)} had not in time`,
		[campaign, counted, ...downLinks(node, silent, past), givenUp],
	);
}

function whyNoQuorumAnswers(givenUp: EntryOf<'givenUp'>, led: EntryOf<'role'>, past: Past): Clause {
	const { node, fact } = givenUp;
	const peers = new Set(past.all('linkDown', (other) => other.node === node).map(({ fact: { peer } }) => peer));
	const downs = downLinks(node, [...peers], past);
	const lost = downs.map((down) => down.fact.peer);
	const links = lost.length > 0 ? `, and its link${lost.length === 1 ? '' : 's'} with ${list(lost)} had ended` : '';
	return clause(
		(names) =>
			`${node} stopped leading under ${names.full(fact.ballot)} because no quorum answered it for a whole election period${links}`,
		[led, ...downs, givenUp],
		lost.length > 0 ? [] : ['Which nodes did not answer, no fact tells.'],
	);
}

/** The ends of those links of the node that were not made again. */
function downLinks(node: NodeId, peers: readonly NodeId[], past: Past): EntryOf<'linkDown'>[] {
	return peers.flatMap((peer) => {
		const down = past.last('linkDown', (fact) => fact.node === node && fact.peer === peer);
		const up = past.last('linkUp', (fact) => fact.node === node && fact.peer === peer);
		return down && down.at > (up?.at ?? -1) ? [down] : [];
	});
}
