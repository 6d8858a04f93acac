/**
 * In which situation a step of an agent has left it: what happened, and which of the things that its rules ask for are so
 * now. Numbers are told as none, one or several, because more of the same is seldom another case. A guided walk looks for
 * situations that no walk was in before.
 */
import type { PaxosAgent } from '../../shared/paxos/agent.ts';
import { NO_BALLOT, sameBallot } from '../../shared/paxos/ballot.ts';
import { SLOT_MAX } from '../../shared/paxos/bounds.ts';
import type { Effects } from '../../shared/paxos/effects.ts';
import type { Event, LogRoom } from '../../shared/paxos/event.ts';
import type { LeadershipState } from '../../shared/paxos/leadership.ts';

/** @param room what the node's log took in this step @returns a text that is the same for the same situation */
export function situationOf(agent: PaxosAgent, event: Event, effects: Effects, room: LogRoom): string {
	const { log, acceptor, learner, members, role, handover, neighbours, appliedThrough } = agent.state;
	const open = log.entries.length - (log.chosenThrough - log.trimmedThrough);
	const facts = [
		nameOf(event),
		agent.view().role,
		room,
		role.leadership ? ofLeader(role.leadership) : (role.campaign?.contest ?? 0) > 0,
		sameBallot(acceptor.leftOut, NO_BALLOT),
		acceptor.ignoresFar,
		learner.lacksSnapshot,
		learner.asked !== null,
		learner.leftOut > 0,
		some(members.sets.length - 1),
		log.trimmedThrough === 0 ? 'whole' : log.trimmedThrough < log.chosenThrough,
		some(open),
		appliedThrough < log.chosenThrough,
		handover.isLeaving,
		neighbours.relay !== null,
		some(effects.apply.length),
		outcomesOf(effects),
	];
	return facts.join('|');
}

function nameOf(event: Event): string {
	if (event.kind === 'receive') return event.message.kind;
	return event.kind === 'timer' ? event.timer : event.kind;
}

function ofLeader({ isSettled, recoveredThrough, open, contest, reserved, change, full }: LeadershipState): string {
	const contested = contest === null ? 'none' : contest.isTrimmed ? 'trimmed' : 'open';
	const facts = [isSettled, recoveredThrough < SLOT_MAX, contested, reserved !== null, change !== null, full.size > 0];
	return [some(open.size), ...facts].join('/');
}

/** Each kind once, in any order, with the reason where one is told. */
function outcomesOf({ outcomes }: Effects): string {
	const kinds = outcomes.map((outcome) => ('reason' in outcome ? `${outcome.kind} ${outcome.reason}` : outcome.kind));
	return [...new Set(kinds)].sort().join();
}

function some(count: number): 'none' | 'one' | 'several' {
	if (count === 0) return 'none';
	return count === 1 ? 'one' : 'several';
}
