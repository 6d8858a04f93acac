/** Why the page does not hear a node, and why nothing can be chosen. */
import { ACTED } from '../../../shared/lab.ts';
import { clock } from '../ballot-names.ts';
import { electorateOf } from '../members.ts';
import type { SwarmModel } from '../swarm-model.ts';
import type { Item } from '../tape.ts';
import { list } from '../why.ts';
import { type Clause, clause, durationText } from './clause.ts';
import type { Past } from './past.ts';

/** The page heard nothing of the node any more. */
export function whyLost(item: Item, sinceMs: number, past: Past): Clause {
	const { node } = item;
	const last = past.before(item).lastOf(node);
	const isSince = (entry: Item): boolean => last === undefined || entry.at > last.at;
	const act = past.last('nodeFault', ({ target }) => target === node);
	const isActed =
		act !== undefined &&
		isSince(act) &&
		(act.fact.act === 'kill' || act.fact.act === 'pause' || act.fact.act === 'wipe');
	const downs = past.all('linkDown', ({ peer }) => peer === node).filter(isSince);
	const others = [...new Set(downs.map((down) => down.node))];
	const said = others.length > 0 ? `, and ${list(others)} lost the link with it too` : '';
	const since = `the page has heard nothing of it since ${clock(sinceMs)}${said}`;
	return clause(
		isActed
			? `${node} is not heard because it is ${ACTED[act.fact.act]}: ${since}`
			: `${node} counts as not heard because ${since}`,
		[last, isActed ? act : undefined, ...downs, item],
		isActed ? [] : [`Whether ${node} has stopped or only cannot be reached, no fact tells.`],
	);
}

/** The node is heard again. */
export function whyHeard(item: Item, past: Past): Clause {
	const { node, told } = item;
	const before = past.before(item);
	const loss = before.loss(node);
	const last = before.lastOf(node);
	const away = loss ? ` ${durationText(item.whenMs - loss.whenMs)} after it was missed` : '';
	if (told.kind === 'snapshot' && last) {
		const isNewLife = told.snapshot.epoch !== last.fact.epoch;
		const how = isNewLife ? 'its process was started again' : 'the same process answers again';
		return clause(`${node} is heard again${away} because ${how}`, [last, loss, item]);
	}
	return clause(`${node} is heard again${away} because it answers the page`, [last, loss, item]);
}

/** @returns null where enough voters are heard */
export function whyNoQuorum(swarm: SwarmModel, past: Past): Clause | null {
	for (const set of swarm.sets) {
		const { voters, needed } = electorateOf(set);
		const silent = voters.filter((voter) => swarm.node(voter)?.status === 'unknown');
		const heard = voters.length - silent.length;
		if (heard >= needed) continue;
		const others = voters.filter((voter) => !silent.includes(voter));
		return clause(
			`Nothing can be chosen now because ${list(silent)} ${silent.length === 1 ? 'is' : 'are'} not heard, and ${list(others)} (${heard} of ${voters.length}) ${others.length === 1 ? 'is' : 'are'} no quorum, for which ${needed} are needed`,
			silent.map((voter) => past.loss(voter)),
			['Whether those that are not heard hear each other, no fact tells.'],
		);
	}
	return null;
}
