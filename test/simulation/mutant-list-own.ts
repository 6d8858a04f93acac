/**
 * Bugs that this project has made up, as patches, beside those that others really had (`mutant-list.ts`): each is
 * where the agent, the loop, the log or the store would be wrong without a word, and each shows that the world reaches
 * there.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';
import { RULES_OUT } from '../../shared/simulation/rules-out.ts';
import { MUTANTS } from './mutant-list.ts';
import { CLIENT_MUTANTS } from './mutant-list-client.ts';
import { DISK_MUTANTS } from './mutant-list-disk.ts';
import { LOCK_MUTANTS } from './mutant-list-locks.ts';
import { MEMBERS_MUTANTS } from './mutant-list-members.ts';
import { NODE_MUTANTS } from './mutant-list-node.ts';
import { SNAPSHOT_MUTANTS } from './mutant-list-snapshots.ts';
import { WATCH_MUTANTS } from './mutant-list-watches.ts';

const ACCEPTOR = 'shared/paxos/acceptor.ts';
const AGENT = 'shared/paxos/agent.ts';
const BALLOT = 'shared/paxos/ballot.ts';
const CAMPAIGN = 'shared/paxos/campaign.ts';
const LEADERSHIP = 'shared/paxos/leadership.ts';
const LEARNER = 'shared/paxos/learner.ts';
const PROPOSALS = 'shared/paxos/proposals.ts';
const QUEUE = 'shared/paxos/queue.ts';
const READS = 'shared/paxos/reads.ts';
const RECORD = 'shared/paxos/record.ts';
const ROLE = 'shared/paxos/role.ts';
const SLOT_LOG = 'shared/paxos/log.ts';
const WIRE = 'shared/paxos/wire.ts';
const LOOP = 'shared/replica/loop.ts';
const MEMORY = 'shared/replica/memory.ts';
const BARRIERS = 'shared/replica/barriers.ts';
const SUBMISSIONS = 'shared/replica/submissions.ts';
const CARRY_OUT = 'shared/store/carry-out.ts';
const APPLIED_ONCE = 'shared/store/applied-once.ts';

export const OWN_MUTANTS: readonly Mutant[] = [
	...CLIENT_MUTANTS,
	...NODE_MUTANTS,
	...DISK_MUTANTS,
	...LOCK_MUTANTS,
	...MEMBERS_MUTANTS,
	...SNAPSHOT_MUTANTS,
	...WATCH_MUTANTS,
	...RULES_OUT.reported,
	one(
		0,
		'a leader measures the time with its wall clock',
		LEADERSHIP,
		'const { steadyMs } = this.#context;',
		'const { nowMs: steadyMs } = this.#context;',
	),
	one(
		0,
		'the first value of a leader moves the time',
		LEADERSHIP,
		'(this.state.measuredMs ?? steadyMs)',
		'(this.state.measuredMs ?? 0)',
	),
	one(
		0,
		'the log is read again, and its time does not pass',
		LOOP,
		'this.#applyValue(slot, (view.entry(slot) as LogEntry).value);',
		'this.machine.apply(commandsOf((view.entry(slot) as LogEntry).value)); this.appliedThrough = slot;',
	),
	one(0, 'the time stands still', LOOP, '		this.machine.passTime(elapsedMsOf(value), slot);\n', ''),
	one(
		0,
		'a promise leaves out the last acceptance',
		SLOT_LOG,
		'for (let slot = this.state.chosenThrough + 1; slot <= this.lastSlot; slot++) {',
		'for (let slot = this.state.chosenThrough + 1; slot < this.lastSlot; slot++) {',
	),
	one(
		0,
		'a promise says chosen what its acceptor forgets in a crash',
		ACCEPTOR,
		'		this.recordChosen();\n		const parts',
		'		const parts',
	),
	// `test/paper/rules.test.ts` catches this one: it takes five nodes, of which one learns what it has not voted for.
	one(
		0,
		'a leader is halted by a lower ballot',
		ROLE,
		'if (by && compareBallots(by, this.ballot) > 0) return',
		'if (by) return',
	),
	// `test/paper/room.test.ts` catches this one: a link has to be made anew while there is no room.
	one(
		0,
		'a leader says that it has no room for a forward that it has taken',
		QUEUE,
		'if (this.#forwards.has(forward)) return true;',
		'if (this.#forwards.has(forward)) return hasRoom;',
	),
	// `test/paper/bounds.test.ts` catches this one: the crash has to come between two records that are written together.
	one(
		0,
		'an acceptance is written before the record of how far slots are chosen',
		ACCEPTOR,
		"			this.recordChosen();\n			out.persist.push({ kind: 'accepted', slot, ballot, value });\n",
		"			out.persist.push({ kind: 'accepted', slot, ballot, value });\n			this.recordChosen();\n",
	),
	// `test/paper/cuts.test.ts` catches this one and the next, which few seeds can reach.
	one(
		0,
		'parts of two cuts of one promise are put together',
		CAMPAIGN,
		'if (!report || report.chosenThrough !== chosenThrough || report.parts.length !== parts) {',
		'if (!report || report.parts.length !== parts) {',
	),
	one(
		0,
		'a part of another cut takes the place of a promise that is whole',
		CAMPAIGN,
		'			if (report && isWhole(report)) return false;\n',
		'',
	),
	one(
		0,
		'a leader goes on although it fetched what another one chose',
		LEADERSHIP,
		'if (proposed ? !sameBytes(proposed, value) : !mayBeEarlier) return ballot;',
		'if (slot < 0 && (proposed ? !sameBytes(proposed, value) : !mayBeEarlier)) return ballot;',
	),
	one(
		0,
		'a confirm of an earlier leadership counts for this one',
		AGENT,
		'if (!this.#role.leadership || !sameBallot(message.ballot, this.#role.ballot)) return;',
		'if (!this.#role.leadership) return;',
	),
	one(
		0,
		'a read of the leader joins the round that is under way',
		READS,
		'		this.state.waiting.push(read);',
		'		((this.state.round?.own as ReadId[] | undefined) ?? this.state.waiting).push(read);',
	),
	one(
		0,
		'a read is confirmed for one slot less than is chosen',
		READS,
		'slot: stamp.chosenThrough,',
		'slot: stamp.chosenThrough - 1,',
	),
	// `test/paper/members.test.ts` catches this one and the next, and `test/paper/relay.test.ts` the one after. Few seeds can
	// reach them.
	one(
		0,
		'a round that outlasts the members it began with is answered from what was chosen at its beginning',
		READS,
		'Math.max(current.slot, members.sets[0].from - 1)',
		'Math.max(current.slot, members.sets.length - 2)',
	),
	one(
		0,
		'a round is confirmed by the members in force alone',
		READS,
		'if (!members.isQuorum(current.confirmers)) return;',
		'const { voters } = members.sets[0];\n		if (2 * voters.filter((id) => current.confirmers.has(id)).length <= voters.length) return;',
	),
	one(
		0,
		'an earlier ask of a follower takes the place of a later one',
		READS,
		'		if (known?.epoch === ask.epoch && known.round > ask.round) return;\n',
		'		if (known === ask) return;\n',
	),
	one(
		0,
		'the reads of a round are dropped when its leader is deposed',
		READS,
		'[...round.own, ...this.state.waiting]',
		'[...this.state.waiting]',
	),
	one(
		0,
		'the reads of an ask are dropped when another leader is heard',
		READS,
		'[...this.state.asked, ...this.state.waiting]',
		'[...this.state.waiting]',
	),
	one(
		0,
		'a follower takes one slot more for chosen than its leader said',
		LEARNER,
		'while (this.#log.chosenThrough < through) {',
		'while (this.#log.chosenThrough <= through) {',
	),
	one(
		0,
		'decisions begin one slot behind what was asked for',
		LEARNER,
		'for (let slot = from; slot <= chosenThrough; slot++) {',
		'for (let slot = from + 1; slot <= chosenThrough; slot++) {',
	),
	one(
		0,
		'decisions are learned in whatever order they come',
		LEARNER,
		'if (slot !== this.#log.chosenThrough + 1) continue;',
		'if (slot <= this.#log.chosenThrough) continue;',
	),
	one(0, 'what is fetched ends with the first answer', LEARNER, '			else if (this.#isBehind) this.#ask();\n', ''),
	one(
		0,
		'a leader opens one slot too many',
		LEADERSHIP,
		'const end = this.#log.chosenThrough + config.openSlotsMax;',
		'const end = this.#log.chosenThrough + config.openSlotsMax + 1;',
	),
	one(
		0,
		'the proposal behind a full batch is dropped',
		QUEUE,
		'state.waiting = state.waiting.slice(state.head);',
		'state.waiting = state.waiting.slice(state.head + 1);',
	),
	one(
		0,
		'proposals are put together in the wrong order',
		LEADERSHIP,
		'joinBatches(values, ',
		'joinBatches(values.toReversed(), ',
	),
	one(
		0,
		'a proposal that is settled is cared for all the same',
		PROPOSALS,
		'		for (const id of ids) this.pending.remove(id);\n',
		'',
	),
	one(
		0,
		'a candidate that is refused goes on',
		ROLE,
		'if (sameBallot(ballot, NO_BALLOT) || compareBallots(by, ballot) <= 0) return;',
		'if (sameBallot(ballot, NO_BALLOT) || compareBallots(by, ballot) <= 0 || this.#campaign) return;',
	),
	one(
		0,
		'a leader is not halted by its own promise to another one',
		ROLE,
		'		this.halt(ballot, from);\n		this.#awaitLeader(ballot);',
		'		this.#rooms.clocks.saw(ballot);\n		this.#awaitLeader(ballot);',
	),
	one(
		0,
		'ballots of one millisecond are told apart by their nodes alone',
		BALLOT,
		'	if (a.ns !== b.ns) return a.ns - b.ns;\n',
		'',
	),
	one(
		0,
		'a ballot may equal the one that it was to exceed, but for the node',
		BALLOT,
		'return floor.ns + 1 < NS_PER_MS ? { ms: floor.ms, ns: floor.ns + 1, node }',
		'return floor.ns + 1 < NS_PER_MS ? { ms: floor.ms, ns: floor.ns, node }',
	),
	one(
		0,
		'what was learned is read back as accepted',
		RECORD,
		'return { kind, slot: readSlot(from),',
		"return { kind: 'accepted', slot: readSlot(from),",
	),
	one(
		0,
		'a promise is told as if nothing were chosen',
		WIRE,
		'			out.int(message.parts);\n			out.int(message.chosenThrough);',
		'			out.int(message.parts);\n			out.int(0);',
	),
	one(
		0,
		'a poll is answered for another ballot than it asked with',
		WIRE,
		'			writeBallot(out, message.ballot);\n			writeHearing(out, message);',
		'			writeBallot(out, message.leader);\n			writeHearing(out, message);',
	),
	one(
		0,
		'what waits for the last record leaves one record early',
		LOOP,
		'(this.#held[0] as Held).position <= through',
		'(this.#held[0] as Held).position <= through + 1',
	),
	one(
		0,
		'what waits for the disk overtakes what waited before it',
		LOOP,
		'(this.#held.shift() as Held).envelopes',
		'(this.#held.pop() as Held).envelopes',
	),
	one(
		0,
		'a read that waits for its slot is answered one slot early',
		BARRIERS,
		'this.#answerFrom > through',
		'this.#answerFrom > through + 1',
	),
	one(
		0,
		'a read that must wait for its slot is forgotten',
		BARRIERS,
		'		this.#answerFrom = slot;\n		this.applied(this.#loop.appliedThrough);\n',
		'		if (slot > this.#loop.appliedThrough) return;\n		this.#answerFrom = slot;\n		this.applied(this.#loop.appliedThrough);\n',
	),
	one(0, 'the agent is not told what is settled', SUBMISSIONS, '				this.#settled.push(proposed.id);\n', ''),
	one(
		0,
		'a command is answered though a copy of it has an answer already',
		SUBMISSIONS,
		'		client.batches.delete(batch.last);\n		this.#dropIfEmpty(id, client);',
		'		this.#dropIfEmpty(id, client);',
	),
	one(
		0,
		'a nack shows what was never proposed',
		ACCEPTOR,
		'return entry ? { slot, ballot: entry.ballot, value: entry.value } : null;',
		'return entry ? { slot, ballot: this.state.promised, value: entry.value } : null;',
	),
	one(
		0,
		'a confirm leaves though something higher is promised',
		ACCEPTOR,
		"if (compareBallots(ballot, this.state.promised) < 0) return this.#refuse(from, 'heartbeat', ballot, 0);\n",
		'',
	),
	one(
		0,
		'a compare-and-set compares with the revision that made the key',
		CARRY_OUT,
		'if (cas !== null && cas !== (kept?.modifyRevision ?? 0)) return false;',
		'if (cas !== null && cas !== (kept?.createRevision ?? 0)) return false;',
	),
	one(
		0,
		'a command that comes twice is told to have held though it did not',
		APPLIED_ONCE,
		"return { kind: 'duplicate', revision: before.revision, ok: before.ok };",
		"return { kind: 'duplicate', revision: before.revision, ok: true };",
	),
	one(
		0,
		'a condition that does not hold changes the key all the same',
		CARRY_OUT,
		'if (cas !== null && cas !== (kept?.modifyRevision ?? 0)) return false;',
		'if (cas !== null && cas !== (kept?.modifyRevision ?? 0) && !kept) return false;',
	),
	one(
		0,
		'a transaction with a condition that does not hold changes what its other commands say',
		APPLIED_ONCE,
		'held.includes(false) ? (held[at] as boolean)',
		'held[at] === false ? false',
	),
	one(
		0,
		'a client is evicted though the table has room',
		'shared/store/client-table.ts',
		'if (this.#open.size >= this.#limits.clientsMax) this.#evict(',
		'if (this.#open.size >= 4) this.#evict(',
	),
	one(
		0,
		'a node that has just started does not wait for what its peers remember',
		MEMORY,
		'this.#awaited = peers.length > 0 ? new Set(peers) : null;',
		'this.#awaited = null;',
	),
	one(
		0,
		'a node goes on with an older copy of its log than a peer remembers',
		MEMORY,
		'} else if (remembered > newest) {',
		'} else if (remembered > newest + 1_000_000) {',
	),
	// `test/replica/memory.test.ts` catches this one, which few seeds can reach.
	one(
		0,
		'a peer forgets how far a log has reached when it tells less after a restart',
		MEMORY,
		'(reached > before && reached - before <= FRAMES_BEHIND_MAX)',
		'(reached !== before && reached - before <= FRAMES_BEHIND_MAX)',
	),
	one(
		0,
		'a node tells of a frame of its log that is not durable yet',
		'shared/disk/log.ts',
		'return this.#durable < 0 ? 0 : this.#durableFrame;',
		'return this.#sequence;',
	),
];

export const ALL_MUTANTS: readonly Mutant[] = [...MUTANTS, ...OWN_MUTANTS];
