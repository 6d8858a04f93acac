/**
 * Bugs that consensus implementations really had, as patches to this one. `bug` is the number in the list that
 * they come from; 0 for our own. Every patch is the smallest that makes the mistake, as a tired person would.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';
import { RULES_OUT } from '../../shared/simulation/rules-out.ts';

const ACCEPTOR = 'shared/paxos/acceptor.ts';
const AGENT = 'shared/paxos/agent.ts';
const CAMPAIGN = 'shared/paxos/campaign.ts';
const CLOCKS = 'shared/paxos/clocks.ts';
const CONTEST = 'shared/paxos/contest.ts';
const LEADERSHIP = 'shared/paxos/leadership.ts';
const LEARNER = 'shared/paxos/learner.ts';
const SLOT_LOG = 'shared/paxos/log.ts';
const LOG_REPLAY = 'shared/paxos/log-replay.ts';
const POLL = 'shared/paxos/poll.ts';
const PENDING = 'shared/paxos/pending.ts';
const PROPOSALS = 'shared/paxos/proposals.ts';
const READS = 'shared/paxos/reads.ts';
const RECORD = 'shared/paxos/record.ts';
const ROLE = 'shared/paxos/role.ts';
const TIMERS = 'shared/paxos/timers.ts';
const LOOP = 'shared/replica/loop.ts';
const SUBMISSIONS = 'shared/replica/submissions.ts';
const BARRIERS = 'shared/replica/barriers.ts';
const LOG = 'shared/disk/log.ts';
const RECOVER = 'shared/disk/recover.ts';
const SEGMENTS = 'shared/disk/segments.ts';
const APPLIED_ONCE = 'shared/store/applied-once.ts';

export const MUTANTS: readonly Mutant[] = [
	...RULES_OUT.disk,
	one(
		1,
		'a repeated prepare does not wait for the flush of the first',
		LOOP,
		'if (this.#appended > this.#log.durableThrough) this.#held.push',
		'if (this.#persisted && this.#appended > this.#log.durableThrough) this.#held.push',
		[
			LOOP,
			'if (effects.persist.length > 0) this.#appended = this.#log.append(effects.persist);',
			'this.#persisted = effects.persist.length > 0; if (effects.persist.length > 0) this.#appended = this.#log.append(effects.persist);',
		],
		[LOOP, '	#running = false;\n	#stopped', '	#persisted = false;\n	#running = false;\n	#stopped'],
	),
	one(
		2,
		'the first accepted value is taken, not the one of the highest ballot',
		CAMPAIGN,
		'return a && compareBallots(a.ballot, b.ballot) >= 0 ? a : b;',
		'return a && compareBallots(a.ballot, b.ballot) >= -Infinity ? a : b;',
	),
	one(
		3,
		'an accept is taken below the promised ballot',
		ACCEPTOR,
		"if (compareBallots(ballot, this.state.promised) < 0) return this.#refuse(from, 'accept', ballot, slot);\n",
		'',
	),
	...RULES_OUT.promises,
	one(
		4,
		'a ballot is the time alone, also after the clock stepped back',
		CLOCKS,
		'ballotAbove(this.state.highestSeen, ',
		'ballotAbove(NO_BALLOT, ',
	),
	...RULES_OUT.ballots,
	one(
		6,
		'what is sent again for a slot is another value',
		LEADERSHIP,
		'out.now(peer, this.#accept(slot, value));',
		'out.now(peer, this.#accept(slot, NOOP));',
	),
	one(
		6,
		'the same slot is proposed twice under one ballot',
		LEADERSHIP,
		"this.propose(nextSlot, this.#made(values), 'own', ids);",
		"this.propose(nextSlot % 16 === 0 ? nextSlot - 1 : nextSlot, this.#made(values), 'own', ids);",
	),
	one(
		7,
		'a duplicate accepted is counted twice',
		LEADERSHIP,
		'open.voters = withVote(before, from, electorate);',
		'open.voters = withVote(before | (before + 1), from, electorate);',
	),
	...RULES_OUT.votes,
	one(
		9,
		'a nack is counted as an acceptance',
		AGENT,
		'				return this.#role.halt(message.promised, from);',
		"				if (message.refused === 'accept' && message.acceptance) return this.#role.accepted(from, { kind: 'accepted', ballot: this.#role.ballot, slot: message.acceptance.slot });\n				return this.#role.halt(message.promised, from);",
	),
	...RULES_OUT.half,
	one(
		10,
		'the quorums of both phases add up to n',
		LEADERSHIP,
		'if (open === undefined || !isQuorum(open.voters, open.electorate)) return false;',
		'if (open === undefined || countVotes(open.voters) + 1 < quorumSize(open.electorate)) return false;',
		[LEADERSHIP, 'hasVoted, isQuorum,', 'countVotes, hasVoted, isQuorum,'],
		[
			LEADERSHIP,
			'return !isQuorum(before, electorate) && isQuorum(open.voters, electorate);',
			'return countVotes(before) + 1 < quorumSize(electorate) && countVotes(open.voters) + 1 >= quorumSize(electorate);',
		],
	),
	one(
		11,
		'the ballot of an acceptance is lost when its record is read back',
		LOG_REPLAY,
		'log.accept(record.slot, record.ballot, record.value);',
		'log.accept(record.slot, NO_BALLOT, record.value);',
	),
	one(
		11,
		'the nanoseconds of a ballot are lost when its record is written',
		RECORD,
		'			writeBallot(out, record.ballot);\n			return out.bytes(record.value);',
		'			writeBallot(out, { ...record.ballot, ns: 0 });\n			return out.bytes(record.value);',
	),
	one(
		12,
		'a no-op fills a gap though a value may have been chosen',
		LEADERSHIP,
		'if (acceptance) {',
		'if (acceptance && nextSlot === recoveredThrough) {',
	),
	one(
		13,
		'phase 1 forgets slots above the tail of the new leader',
		LEADERSHIP,
		'nextSlot <= recoveredThrough ? bound.get(nextSlot) : undefined;',
		'nextSlot <= Math.min(recoveredThrough, this.#log.lastSlot) ? bound.get(nextSlot) : undefined;',
		[
			LEADERSHIP,
			'} else if (nextSlot <= recoveredThrough) {',
			'} else if (nextSlot <= Math.min(recoveredThrough, this.#log.lastSlot)) {',
		],
	),
	one(
		14,
		'catch-up sends what is accepted for what is chosen',
		LEARNER,
		'		const { chosenThrough } = this.#log;\n		if (from <= trimmedThrough)',
		'		const chosenThrough = this.#log.lastSlot;\n		if (from <= trimmedThrough)',
	),
	one(
		14,
		'a follower takes what it accepted under any ballot for chosen',
		LEARNER,
		'if (!entry || !sameBallot(entry.ballot, ballot)) return',
		'if (!entry || !ballot) return',
	),
	one(
		15,
		'a slot is applied twice',
		LEARNER,
		"		out.apply.push({ slot, ballot, value });\n		if (out.watched) out.fact({ kind: 'chosen', ballot, slot, value, how });",
		"		out.apply.push({ slot, ballot, value });\n		if (how === 'told' && slot % 64 === 0) out.apply.push({ slot, ballot, value });",
	),
	one(
		15,
		'the loop applies past a gap after a restart',
		LOOP,
		'for (let slot = this.appliedThrough + 1; slot <= chosenThrough; slot++) {',
		'for (let slot = Math.max(1, chosenThrough - 100); slot <= chosenThrough; slot++) {',
	),
	one(
		16,
		'chosenThrough goes back',
		SLOT_LOG,
		'		this.#set(slot, { ballot, value, accepted: true });',
		'		this.#set(slot, { ballot, value, accepted: true });\n		if (slot < this.state.chosenThrough) this.state.chosenThrough = slot;',
	),
	one(
		17,
		'an accept truncates what was accepted behind it',
		SLOT_LOG,
		'		this.#set(slot, { ballot, value, accepted: true });',
		'		if (slot > this.state.chosenThrough) this.state.entries.length = slot;\n		this.#set(slot, { ballot, value, accepted: true });',
	),
	one(
		17,
		'a stale accept overwrites a later acceptance',
		ACCEPTOR,
		"if (compareBallots(ballot, this.state.promised) < 0) return this.#refuse(from, 'accept', ballot, slot);",
		"if (compareBallots(ballot, this.state.promised) < 0 && !this.#log.entry(slot)) return this.#refuse(from, 'accept', ballot, slot);",
	),
	...RULES_OUT.reads,
	one(
		19,
		'a new leader reads before anything of its own ballot is chosen',
		READS,
		'const { mayRead, stamp } = leadership;',
		'const { mayRead, stamp } = { mayRead: true, stamp: leadership.stamp };',
		[READS, 'if (!leadership.mayRead) return;', ''],
	),
	one(
		20,
		'a follower answers a linearizable read from its own state',
		AGENT,
		'				return this.#reads.add(event.read);',
		"				return void this.#context.out.outcomes.push({ kind: 'readAt', read: event.read, slot: this.#appliedThrough });",
	),
	one(
		21,
		'a command is answered before it is chosen',
		SUBMISSIONS,
		'proposed.placedUnder = outcome.ballot;',
		"proposed.placedUnder = outcome.ballot;\n					for (const { submitter, first } of proposed.batches) submitter.result(first, { kind: 'applied', ok: true, revision: outcome.slot }, outcome.slot, outcome.ballot);",
	),
	one(
		22,
		'a retry is applied twice',
		APPLIED_ONCE,
		'if (before) return',
		'if (before && before.revision % 8 > 0) return',
	),
	one(
		24,
		'a withdrawn proposal is called refused though it has left',
		PROPOSALS,
		'const left = this.pending.get(id)?.copies !== 0;',
		'const left = this.pending.state.left.has(id);',
	),
	one(31, 'a failed flush is ignored', LOG, '		if (!error) return true;\n', '		return true;\n', [
		LOG,
		"		this.#stop('failed');\n		this.#handlers.failed(error);\n		return false;\n",
		'',
	]),
	one(
		31,
		'a failed flush is tried again as if nothing had happened',
		LOG,
		'		this.#disk.write(segmentName(segment), offset, this.#frame.subarray(0, bytes), (error) => {\n			if (!this.#succeeded(error)) return;',
		'		this.#disk.write(segmentName(segment), offset, this.#frame.subarray(0, bytes), (error) => {\n			if (error) return this.#written(this.#durable + batch.records);\n			if (!this.#succeeded(error)) return;',
	),
	one(
		32,
		'a torn tail is skipped, and what is appended behind it cannot be read',
		LOG,
		'		this.#end = recovered.end;',
		'		this.#end = recovered.remains.length > 0 ? { ...recovered.end, offset: recovered.end.offset + SECTOR_BYTES } : recovered.end;',
	),
	one(
		33,
		'a corrupt record in the middle is taken for a torn tail',
		RECOVER,
		"if (state === 'damaged' || state === 'elsewhere') {",
		"if (state === 'damaged' && at < 0) {",
		[RECOVER, "if (state === 'later') throw", "if (state === 'later' && at < 0) throw"],
	),
	one(
		34,
		'a full disk is taken for a segment that was made',
		SEGMENTS,
		'			if (error instanceof NoRoomError) {\n				if (spare !== undefined) this.#spares.unshift(spare);\n				return this.#lacksRoom(error);\n			}\n			if (!this.#owner.succeeded(error)) return;\n',
		'',
	),
	one(
		35,
		'apply draws a random number',
		APPLIED_ONCE,
		'this.state.timeMs += ms;',
		'this.state.timeMs += ms + Math.floor(Math.random() * 2);',
	),
	one(
		36,
		'a nack does not name the higher ballot',
		ACCEPTOR,
		'			promised: this.state.promised,\n			acceptance: acceptance',
		'			promised: ballot,\n			acceptance: acceptance',
	),
	one(36, 'a nack is answered at once, without back-off', TIMERS, 'if (halts === 0) return', 'if (halts >= 0) return'),
	one(
		37,
		'a lost accept is never sent again',
		LEADERSHIP,
		'if (slot <= above || !electorate',
		'if (slot > 0 || slot <= above || !electorate',
	),
	one(
		37,
		'a lost forward is never sent again',
		PROPOSALS,
		'		this.pending.allAgain((proposal) => this.#forward(to, proposal));\n',
		'',
	),
	one(37, 'a lost fetch is never sent again', AGENT, '				this.#learner.linkDown(event.peer);\n', '', [
		AGENT,
		'				return this.#learner.askedInVain();\n',
		'				return;\n',
	]),
	one(37, 'a lost ask for a read is never sent again', AGENT, '		this.#reads.askAgain(peer);\n', ''),
	one(
		38,
		'a leader without a quorum holds on',
		ROLE,
		'if (hasQuorum && !isStuck) return this.#armPeriod();',
		'if (this.#leadership) return this.#armPeriod();',
	),
	one(
		38,
		'a node that hears no leader campaigns without asking',
		POLL,
		'this.state.silent = new Set([config.id]);',
		'this.state.silent = new Set(members.voters);',
	),
	one(
		0,
		'a leader counts its own vote before it is durable',
		LEADERSHIP,
		'		this.#acceptor.accept(this.#context.config.id, accept);',
		'		this.#acceptor.accept(this.#context.config.id, accept);\n		this.count(this.#context.config.id, slot);',
	),
	one(0, 'a promise is not written down', ACCEPTOR, "		out.persist.push({ kind: 'promised', ballot });\n", ''),
	one(
		0,
		'an acceptance does not raise the promise',
		ACCEPTOR,
		'			this.state.promised = ballot;\n			this.#log.accept',
		'			this.#log.accept',
	),
	one(
		0,
		'what is learned is not written down',
		LEARNER,
		"				out.persist.push({ kind: 'learned', slot, ballot, value });\n",
		'',
	),
	one(
		0,
		'a promise counts once its first part has come',
		CAMPAIGN,
		'return report.missing === 0;',
		'return report.missing < report.parts.length;',
	),
	one(0, 'a read is answered before its slot is applied', BARRIERS, ' || this.#answerFrom > through', ''),
	one(
		0,
		'a follower’s read joins a round that began before it',
		READS,
		'		this.state.asks.set(way, { from, ask });',
		'		((this.state.round?.asks as ReadsState["asks"] | undefined) ?? this.state.asks).set(way, { from, ask });',
	),
	// `test/paper/reads.test.ts` catches this one, which few seeds can reach.
	one(0, 'a late answer to an earlier life answers a read of this one', READS, 'epoch !== this.#context.epoch || ', ''),
	one(
		0,
		'a confirm of an earlier round counts for this one',
		READS,
		'current === null || round !== this.state.roundNumber',
		'current === null || round < 0',
	),
	// `test/paper/rules.test.ts` catches this one: a candidate has to learn the slot that it contests under a later ballot.
	one(
		0,
		'a contested slot that is chosen is proposed again with what an older ballot has left',
		CONTEST,
		'isChosen ? (leadership.known(slot) ?? phase1.contested) : phase1.bound.get(slot);',
		'phase1.contested ?? phase1.bound.get(slot);',
	),
	// `test/paper/snapshots.test.ts` catches this one: an acceptor has to trim the slot before its contender learns it.
	one(
		0,
		'a contest of a trimmed slot does not end when the contender learns the slot',
		'shared/paxos/role.ts',
		'		if (leadership) this.#endTrimmed(leadership);\n',
		'',
	),
	// `test/paper/room.test.ts` catches this one: two copies have to be on their way to a leader that has room for one.
	one(
		0,
		'a proposal is taken for one that never left where a leader has refused one of two copies',
		PENDING,
		'if (pending?.copies === 1) pending.copies = 0;',
		'if (pending?.copies) pending.copies = 0;',
	),
	// `test/paper/snapshots.test.ts` catches this one: others have to choose what was proposed, and keep only its snapshot.
	one(
		0,
		'a proposal that has left is refused as if it never had',
		PROPOSALS,
		"copies ? 'abandoned' : 'refused';",
		"copies ? 'refused' : 'refused';",
	),
	one(
		0,
		'a slot that keeps the proposal is said to have kept another',
		CONTEST,
		'if (!lost || sameCommands(lost.proposal.value, value)) continue;',
		'if (!lost) continue;',
	),
	one(
		0,
		'a client forgets one outcome too many',
		APPLIED_ONCE,
		'if (command.sequence <= client.receivedThrough) return',
		'if (command.sequence < client.receivedThrough) return',
		[APPLIED_ONCE, 'receive(client, command.receivedThrough);', 'receive(client, command.receivedThrough + 1);'],
	),
];
