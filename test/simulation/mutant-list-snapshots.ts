/**
 * Bugs that this project has made up, in snapshots and what goes with them: how they are written and taken over, which
 * part of the log is trimmed behind them, and how a node learns what others do not keep any more.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

const CARRIED = 'shared/disk/carried.ts';
const SEGMENTS = 'shared/disk/segments.ts';
const ACCEPTOR = 'shared/paxos/acceptor.ts';
const AGENT = 'shared/paxos/agent.ts';
const LEADERSHIP = 'shared/paxos/leadership.ts';
const LEARNER = 'shared/paxos/learner.ts';
const SLOT_LOG = 'shared/paxos/log.ts';
const ROLE = 'shared/paxos/role.ts';
const LOOP = 'shared/replica/loop.ts';
const SNAPSHOTS = 'shared/replica/snapshots.ts';
const DISK_SNAPSHOTS = 'shared/disk/snapshots.ts';
const TRANSFER = 'shared/replica/transfer.ts';

export const SNAPSHOT_MUTANTS: readonly Mutant[] = [
	one(
		0,
		'a snapshot is noted for one slot more than it holds',
		SNAPSHOTS,
		'writer: this.#log.beginSnapshot({ swarm: this.#swarm, through }),',
		'writer: this.#log.beginSnapshot({ swarm: this.#swarm, through: through + 1 }),',
	),
	// `test/replica/snapshots.test.ts` catches this one: the disk has to be slow just then.
	one(
		0,
		'a snapshot is written on by the timer of one that was abandoned',
		SNAPSHOTS,
		'if (writing === null || writing.isStoring || writing.isFinishing) return;',
		'if (writing === null) return;',
	),
	// `test/storage/trim.test.ts` catches this one: the disk has to be slow just then, and full.
	one(
		0,
		'a snapshot is abandoned for want of room for an earlier one through the same slot',
		DISK_SNAPSHOTS,
		'if (this.#next !== begun) return;',
		'if (this.#next?.through !== through) return;',
	),
	// `test/replica/transfer.test.ts` catches this one: no snapshot of the world is damaged.
	one(0, 'a node whose snapshot is damaged is asked for it again at once', TRANSFER, '		pause.failed();\n', ''),
	// `test/replica/transfer.test.ts` catches this one: the disk has to be slow just then.
	one(0, 'a snapshot is given up while it becomes that of the log', TRANSFER, ' || this.#runtime.isFinishingOwn()', ''),
	// `test/paper/snapshots.test.ts` catches this one: the log has to have room again in the very step of the snapshot.
	one(
		0,
		'a leader applies what a snapshot that it has just taken over stands for',
		AGENT,
		'		this.#dispatch(event);\n		this.#role.leadership?.acceptAgain();\n',
		'		this.#role.leadership?.acceptAgain();\n		this.#dispatch(event);\n',
	),
	// `test/paper/snapshots.test.ts` catches this one: it takes seven nodes, of which one learns what it has not voted for.
	one(
		0,
		'a leader leads on that knows only from a snapshot how far slots are chosen',
		LEADERSHIP,
		'			if (!isQuorum(voters, electorate)) return false;\n',
		'			if (!isQuorum(voters, electorate)) this.#close(slot);\n',
	),
	// `test/paper/snapshots.test.ts` catches this one: the first attempt to take over a snapshot has to fail.
	one(
		0,
		'a leader asks once only for what a follower keeps no more',
		LEADERSHIP,
		'		this.#learner.fetchFrom(from, chosenThrough);\n',
		'',
	),
	// `test/paper/snapshots.test.ts` catches this one: a contender has to lag far, and to take over a snapshot as the leader.
	one(
		0,
		'a contest has no end where its leader takes over a snapshot',
		ROLE,
		'		dropContest(contest, ',
		'		if (contest.slot < 0) dropContest(contest, ',
	),
	// `test/paper/snapshots.test.ts` catches this one: others have to claim as much in each round trip.
	one(
		0,
		'a node that was asked is not heard once another one has claimed as much',
		LEARNER,
		'from !== source && from !== asked?.node',
		'from !== source',
	),
	// `test/replica/snapshots.test.ts` catches this one, which few seeds can reach.
	one(
		0,
		'a snapshot is cut while that of another node comes',
		SNAPSHOTS,
		'if (this.isWriting || this.#runtime.isReceiving() || ',
		'if (this.isWriting || ',
	),
	one(
		0,
		'a snapshot that has come is taken over before it is durable',
		TRANSFER,
		'		incoming.isStoring = true;\n		writer.finish((error) => {',
		'		incoming.isStoring = true;\n		this.#runtime.received(incoming.through, restored);\n		writer.finish((error) => {',
		[
			TRANSFER,
			'			this.#incoming = null;\n			this.#runtime.received(incoming.through, restored);',
			'			this.#incoming = null;',
		],
	),
	// `test/replica/transfer.test.ts` catches this one and the next: a snapshot comes within few milliseconds in the world.
	one(
		0,
		'pieces of two snapshots are put together',
		TRANSFER,
		'const begin = through === snapshot.through && offset < snapshot.bytes ? offset : 0;',
		'const begin = through > 0 && offset < snapshot.bytes ? offset : 0;',
		[TRANSFER, 'if (part.through !== incoming.through) {', 'if (incoming.through === 0) {'],
	),
	one(
		0,
		'a state is taken over though a later one is here',
		LOOP,
		'		if (through <= this.appliedThrough + this.#chosen.length) return false;\n		this.machine.become',
		'		this.machine.become',
		[
			TRANSFER,
			"		if (part.through <= this.#runtime.appliedThrough()) return this.#abandon('the slots have come by another way');\n",
			'',
		],
	),
	// `test/paper/snapshots.test.ts` catches this one, which few seeds can reach.
	one(
		0,
		'acceptances behind a snapshot that is taken over are dropped',
		SLOT_LOG,
		'state.entries = state.entries.slice(through - state.trimmedThrough);',
		'state.entries = state.chosenThrough < through ? [] : state.entries.slice(through - state.trimmedThrough);',
	),
	one(
		0,
		'an accept for a trimmed slot is taken',
		ACCEPTOR,
		"		if (slot <= trimmedThrough) return out.now(from, { kind: 'trimmed', trimmedThrough, chosenThrough });\n",
		'',
	),
	one(
		0,
		'who asks for a trimmed slot is told nothing of it',
		LEARNER,
		"		if (from <= trimmedThrough) return out.now(to, { kind: 'trimmed', trimmedThrough, chosenThrough });\n",
		'',
	),
	// `test/storage/trim.test.ts` catches this one and the next three: the next snapshot mostly comes before the next crash.
	one(
		0,
		'a segment is trimmed though a snapshot lacks its last slots',
		SEGMENTS,
		'oldest.slotMax > through ||',
		'oldest.slotMax > through + 8 ||',
	),
	one(
		0,
		'a segment is trimmed before the next one begins durably',
		SEGMENTS,
		'oldest.slotMax > through || next.sequence > reached',
		'oldest.slotMax > through || reached < 0',
	),
	one(
		0,
		'the highest slot of a segment is that of its last frame',
		SEGMENTS,
		'last.slotMax = Math.max(last.slotMax, slotMax);',
		'last.slotMax = slotMax;',
	),
	one(
		0,
		'a segment begins without what acceptances before it have promised',
		CARRIED,
		"			case 'promised':\n			case 'accepted':",
		"			case 'accepted':\n				return;\n			case 'promised':",
	),
	one(
		0,
		'a segment begins without what was known to be chosen before it',
		CARRIED,
		'if (record.through > this.#chosenThrough) this.#chosenThrough = record.through;',
		'if (record.through < this.#chosenThrough) this.#chosenThrough = record.through;',
	),
	one(
		0,
		'a snapshot goes on at the byte at which another one ended',
		TRANSFER,
		'const begin = through === snapshot.through && offset < snapshot.bytes ? offset : 0;',
		'const begin = offset < snapshot.bytes ? offset : 0;',
	),
	one(
		0,
		'the rest of a snapshot is not asked for when the link is back',
		TRANSFER,
		'if (this.#incoming?.from === peer && !this.#incoming.isStoring) this.#ask();',
		'if (this.#incoming?.from === peer && this.#incoming.offset < 0) this.#ask();',
	),
];
