/** What a person has made of the nodes and links: now, as the stage knows it, or at a moment of the past. */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Script } from '../../shared/simulation/action.ts';
import type { Flight } from '../../shared/simulation/flights.ts';
import type { Instant } from '../../shared/simulation/schedule.ts';
import type { Presence } from '../../shared/simulation/stage.ts';

export interface Situation {
	presence(node: NodeId): Presence;
	/** Whether what `from` sends to `to` is lost. */
	isCut(from: NodeId, to: NodeId): boolean;
	/** What may be picked while it flies. */
	readonly flights: Iterable<Flight>;
}

/** By how much the messages of a link come late, milliseconds; 0 where they do not. */
export type DelayOf = (from: NodeId, to: NodeId) => number;

/** @returns the delays that the actions up to that moment have made */
export function delaysAt({ actions }: Script, at: Instant): DelayOf {
	const delays = new Map<string, number>();
	const set = (a: NodeId, b: NodeId, ms: number) => delays.set(`${a} ${b}`, ms).set(`${b} ${a}`, ms);
	for (const { action } of actions.filter((timed) => timed.at <= at)) {
		if (action.kind === 'slow') set(action.a, action.b, action.ms);
		if (action.kind === 'heal') set(action.a, action.b, 0);
		if (action.kind === 'healAll') delays.clear();
	}
	return (from, to) => delays.get(`${from} ${to}`) ?? 0;
}

/** @returns the situation that the actions up to that moment have made. Nothing that flew then can be picked. */
export function situationAt({ nodes, actions }: Script, at: Instant): Situation {
	const presence = new Map<NodeId, Presence>(Array.from({ length: nodes }, (_, i) => [`n${i + 1}`, 'up']));
	const cuts = new Set<string>();
	for (const { action } of actions.filter((timed) => timed.at <= at)) {
		switch (action.kind) {
			case 'crash':
			case 'losePower':
				if (presence.get(action.node) !== 'diskLost') presence.set(action.node, 'crashed');
				break;
			case 'restart':
				if (presence.get(action.node) === 'crashed') presence.set(action.node, 'up');
				break;
			case 'loseDisk':
				presence.set(action.node, 'diskLost');
				break;
			case 'pause':
				if (presence.get(action.node) === 'up') presence.set(action.node, 'paused');
				break;
			case 'resume':
				if (presence.get(action.node) === 'paused') presence.set(action.node, 'up');
				break;
			case 'cut':
				cuts.add(`${action.from} ${action.to}`);
				break;
			case 'heal':
				cuts.delete(`${action.a} ${action.b}`);
				cuts.delete(`${action.b} ${action.a}`);
				break;
			case 'healAll':
				cuts.clear();
				break;
			case 'addMember':
				presence.set(`n${presence.size + 1}`, 'up');
				break;
			default:
				break;
		}
	}
	return {
		presence: (node) => presence.get(node) ?? 'spare',
		isCut: (from, to) => cuts.has(`${from} ${to}`),
		flights: [],
	};
}
