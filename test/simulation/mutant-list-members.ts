/**
 * Bugs that this project has made up, in changes of members: who decides which slot, what a leader must know and must have
 * been promised before it proposes, and when a node that was removed may go.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

const MEMBERS = 'shared/paxos/members.ts';
const CAMPAIGN = 'shared/paxos/campaign.ts';
const LEADERSHIP = 'shared/paxos/leadership.ts';
const AGENT = 'shared/paxos/agent.ts';
const DEPARTURE = 'shared/paxos/departure.ts';
const NEIGHBOURS = 'shared/paxos/neighbours.ts';
const QUORUM = 'shared/paxos/quorum.ts';
const ROLE = 'shared/paxos/role.ts';
const MEMBERSHIP = 'shared/replica/membership.ts';
const SUCCESSION = 'shared/replica/succession.ts';
const SNAPSHOTS = 'shared/replica/snapshots.ts';

export const MEMBERS_MUTANTS: readonly Mutant[] = [
	one(
		0,
		'a change governs the slots from the one behind it on',
		MEMBERS,
		'memberSet(slot, slot + this.#alpha, members)',
		'memberSet(slot, slot + 1, members)',
	),
	one(
		0,
		'a slot is decided by the last members that were chosen',
		LEADERSHIP,
		'members.governing(slot).voters',
		'members.last.voters',
	),
	// `test/paper/members.test.ts` catches this one: the next heartbeat tells them, too.
	one(
		0,
		'voters of later slots are told with a heartbeat what the others are told with an accept',
		LEADERSHIP,
		'if (electorate.length === members.voters.length) out.votersToldThrough',
		'out.votersToldThrough',
	),
	// `test/paper/members.test.ts` catches this one: where one member changes at a time, those that are left mostly suffice.
	one(
		0,
		'a leader proposes to members of which no quorum has promised',
		LEADERSHIP,
		'return next && !this.#campaign.covers(next) ? Math.min(end, next.from - 1) : end;',
		'return next ? end : end;',
	),
	// `test/paper/members.test.ts` catches this one: a contender has to lag behind the change after which all others are gone.
	one(
		0,
		'a contested slot waits for the votes of members who are none any more',
		LEADERSHIP,
		'else if (!this.#isAskedOfVoters(slot)) this',
		'else if (!proposed) this',
	),
	one(
		0,
		'a leader proposes beyond what it knows the members of',
		LEADERSHIP,
		'const end = this.#log.chosenThrough + config.openSlotsMax;',
		'const end = Math.max(this.#log.chosenThrough, this.phase1.chosenThrough) + config.openSlotsMax;',
	),
	one(
		0,
		'a quorum of the members in force is taken for one of those that follow',
		MEMBERS,
		'return this.#state.sets.every(({ voters })',
		'return this.#state.sets.slice(0, 1).every(({ voters })',
	),
	one(
		0,
		'what late promises report is not looked at',
		LEADERSHIP,
		'if (this.phase1.promises.length < this.#campaign.promisesCount) this.#takeReports();',
		'if (this.phase1.promises.length < 0) this.#takeReports();',
	),
	one(
		0,
		'a leadership is settled with its first quorum',
		LEADERSHIP,
		'this.state.isSettled = this.#campaign.coversAll && this.#log.chosenThrough >= this.phase1.recoveredThrough;',
		'this.state.isSettled = true;',
	),
	// `test/paper/cuts.test.ts` catches this one: the cuts of a late promise differ only where a value has another length.
	one(
		0,
		'a late promise is put together of parts that came over two links',
		CAMPAIGN,
		'		if (!this.state.promisers.has(peer)) this.state.reports.delete(peer);\n',
		'',
	),
	// `test/paper/members.test.ts` catches this one: who contests a slot has to learn late that other members decide it.
	one(
		0,
		'a slot that a leader contests takes its value, whatever late promises report',
		LEADERSHIP,
		'if (acceptance) {',
		'if (acceptance && nextSlot !== reserved?.slot) {',
	),
	// `npm run walk` catches this one: a candidate has to learn a slot after it has promised itself its own ballot.
	one(
		0,
		'a leader tells no slot as recovered that it has learned as a candidate',
		LEADERSHIP,
		'this.state.recoveredThrough = this.#log.chosenThrough;',
		'this.state.recoveredThrough = this.phase1.recoveredThrough;',
	),
	// `test/paper/members.test.ts` catches this one: a leader of an earlier ballot has to learn of the change, too.
	one(
		0,
		'a leadership that is settled stays so when it learns of other members',
		LEADERSHIP,
		'		this.state.isSettled = false;\n',
		'',
	),
	// `test/paper/members.test.ts` catches this one: three leaders have to follow one another, and the second one to live on.
	one(
		0,
		'a round of reads goes on when its leader learns of other members',
		ROLE,
		'		this.#rooms.reads.unsettled();\n',
		'',
	),
	// `test/paper/members.test.ts` catches this one, and 60 seeds did not: a round of reads begins anew when members change.
	one(
		0,
		'a read is answered while a change of members is proposed',
		LEADERSHIP,
		'return this.state.isSettled && !this.#changesMembers;',
		'return this.state.isSettled;',
	),
	one(
		0,
		'a read is answered before the leadership is settled',
		LEADERSHIP,
		'return this.state.isSettled && !this.#changesMembers;',
		'return !this.#changesMembers;',
	),
	one(
		0,
		'a removed node deposes the leader',
		AGENT,
		'if (this.#isNoVoter(from, message)) return this.#tellHearing(from);',
		'if (this.#isNoVoter(from, message)) this.#tellHearing(from);',
	),
	// `test/paper/members.test.ts` catches this one: a removed node has to live through a later change.
	one(
		0,
		'who knew enough for an earlier change is counted for a later one',
		DEPARTURE,
		'if (inForceFrom !== this.state.inForceFrom) this.state.informed.clear();',
		'',
	),
	one(
		0,
		'a removed node goes at once',
		DEPARTURE,
		'if (!isQuorumOf(this.state.informed, voters)) return;',
		'if (voters.length === 0) return;',
	),
	one(
		0,
		'a removed node believes what a crash can take back',
		NEIGHBOURS,
		'if (members.past.includes(to)) out.whenDurable(to, reply);',
		'if (members.past.length < 0) out.whenDurable(to, reply);',
	),
	one(
		0,
		'a removed node never goes',
		DEPARTURE,
		'if (chosenThrough < inForceFrom - 1) return;',
		'if (chosenThrough < inForceFrom + 1_000_000) return;',
	),
	one(
		0,
		'a change counts although it does not follow the last one',
		MEMBERS,
		'if (follows !== chosenAt || slot < from ||',
		'if (follows < 0 || chosenAt < 0 || slot < from ||',
	),
	one(
		0,
		'later members are never asked to promise',
		CAMPAIGN,
		'for (const voter of members.voters) if (voter !== config.id) this.resendTo(voter);',
		'for (const voter of members.voters.slice(0, 0)) if (voter !== config.id) this.resendTo(voter);',
	),
	one(
		0,
		'a learner is a voter before it has learned anything',
		MEMBERSHIP,
		'(confirmedThrough.get(id) ?? -1) >= before',
		'(confirmedThrough.get(id) ?? -1) >= -1 || before < 0',
	),
	one(
		0,
		'a learner never becomes a voter',
		MEMBERSHIP,
		'if (ready) this.#want(withVoter(members, ready), PROMOTION_MS, () => undefined);',
		'if (ready?.isVoter) this.#want(withVoter(members, ready), PROMOTION_MS, () => undefined);',
	),
	one(
		0,
		'a snapshot begins with the members of its receiver',
		SNAPSHOTS,
		'writeMembersState(this.#part, this.#runtime.members());',
		'writeMembersState(this.#part, { ...this.#runtime.members(), past: [] });',
	),
	one(
		0,
		'a leader that has taken over a snapshot goes on with the members that it knew',
		'shared/paxos/log.ts',
		'this.members.become(members);',
		'if (members.sets.length > 9) this.members.become(members);',
	),
	one(
		0,
		'the slots before a change is in force stay empty',
		LEADERSHIP,
		'} else if (nextSlot < this.#context.members.last.from) {',
		'} else if (nextSlot < 0) {',
	),
	one(
		0,
		'a change that has no answer in time is said to be refused',
		MEMBERSHIP,
		"overdue(): void {\n\t\tthis.#end({ kind: 'unknown' });",
		"overdue(): void {\n\t\tthis.#end(refused('notLeader'));",
	),
	// `test/replica/membership.test.ts` catches this one and the next two.
	one(
		0,
		'a change that a later one has overtaken is said to be refused',
		MEMBERSHIP,
		"sets[0].chosenAt > slot ? { kind: 'unknown' }",
		"sets[0].chosenAt > slot + 1_000_000 ? { kind: 'unknown' }",
	),
	one(
		0,
		'a removal is proposed though no majority of the others can be reached',
		MEMBERSHIP,
		'if (lack !== null) return done(',
		"if (lack === '') return done(",
	),
	one(
		0,
		'the node that is replaced stays a voter',
		MEMBERSHIP,
		'member.id !== id && member.id !== replaces);',
		'member.id !== id);',
	),
	// `test/paper/members.test.ts` catches this one and the next, which few seeds can reach.
	one(
		0,
		'a removed node goes though a quorum lacks the slots between the change and its first slot',
		DEPARTURE,
		'if (chosenThrough < inForceFrom - 1) return;',
		'if (chosenThrough < Math.min(chosenAt, inForceFrom)) return;',
	),
	one(
		0,
		'nodes that do not vote count for a quorum',
		QUORUM,
		'	for (const voter of voters) if (nodes.has(voter)) count++;',
		'	count = nodes.size;',
	),
	one(
		0,
		'a leader that hands over is told to be followed by itself',
		SUCCESSION,
		"if (leader.node === '' || leader.node === this.#id) return;",
		"if (leader.node === '') return;",
	),
];
