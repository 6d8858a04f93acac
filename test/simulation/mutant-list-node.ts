/**
 * Bugs that this project has made up, in the order of a turn and what it leaves behind: batches and their answers,
 * deadlines, held heartbeats, the table of clients, the index of keys, and the client's reads and writes. Each was
 * chosen without regard to what the world reaches.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

const CLIENT_READS = 'shared/client/reads.ts';
const WRITES = 'shared/client/writes.ts';
const DISK_SNAPSHOTS = 'shared/disk/snapshots.ts';
const ACCEPTOR = 'shared/paxos/acceptor.ts';
const HANDOVER = 'shared/paxos/handover.ts';
const LEADERSHIP = 'shared/paxos/leadership.ts';
const LEARNER = 'shared/paxos/learner.ts';
const ANSWERS = 'shared/replica/client-answers.ts';
const LOOP = 'shared/replica/loop.ts';
const OWN_CLIENT = 'shared/replica/own-client.ts';
const REPLICA = 'shared/replica/replica.ts';
const SNAPSHOTS = 'shared/replica/snapshots.ts';
const SUBMISSIONS = 'shared/replica/submissions.ts';
const TELLS = 'shared/replica/tells.ts';
const CLIENT_TABLE = 'shared/store/client-table.ts';
const KEY_INDEX = 'shared/store/key-index.ts';
const CARRY_OUT = 'shared/store/carry-out.ts';
const APPLIED_ONCE = 'shared/store/applied-once.ts';

export const NODE_MUTANTS: readonly Mutant[] = [
	one(
		0,
		'what was only learned counts as accepted under its ballot',
		ACCEPTOR,
		'if (held?.accepted && sameBallot(held.ballot, ballot)) {',
		'if (held && sameBallot(held.ballot, ballot)) {',
	),
	one(
		0,
		'what is held for a slot is taken for what is learned of it',
		LEARNER,
		'if (held && sameBytes(held.value, value)) {',
		'if (held) {',
	),
	one(
		0,
		'a batch is told to be settled before its last result is told',
		SUBMISSIONS,
		'		for (let i = submitters.length - 1; i >= 0; i--) submitters[i]?.result(sequence, result, slot, chosenAt);\n		const batch = client.batches.get(sequence);\n		if (batch !== undefined) this.#settleAll(id, client, batch);',
		'		const batch = client.batches.get(sequence);\n		if (batch !== undefined) this.#settleAll(id, client, batch);\n		for (let i = submitters.length - 1; i >= 0; i--) submitters[i]?.result(sequence, result, slot, chosenAt);',
	),
	one(
		0,
		'the timer of held heartbeats is set only once',
		TELLS,
		'		this.#timerIsSet = false;\n		if (this.#held.size === 0) return;',
		'		if (this.#held.size === 0) return;',
	),
	one(
		0,
		'a turn drops what it may not apply any more',
		LOOP,
		'		this.#chosen.splice(0, count);\n',
		'		this.#chosen.length = 0;\n',
	),
	// `test/replica/loop.test.ts` catches this one and the next two. Something else soon asks for a turn in the world.
	one(
		0,
		'a turn that has applied enough asks for no other',
		LOOP,
		'		if (this.#chosen.length > 0) this.#runtime.soon();\n',
		'',
	),
	// In the world there is never so much that waits.
	one(
		0,
		'a turn applies no more where more waits',
		LOOP,
		'const bytesFull = Math.max(this.#appliedBytesFull, this.#chosenBytes * APPLIED_SHARE);',
		'const bytesFull = this.#appliedBytesFull;',
	),
	// Such a snapshot comes within the moment between two turns.
	one(
		0,
		'a snapshot is taken over though its slots are about to be applied',
		LOOP,
		'if (through <= this.appliedThrough + this.#chosen.length) return false;',
		'if (through <= this.appliedThrough) return false;',
	),
	// `test/replica/loop.test.ts` catches this one and the next, for the same reason.
	one(
		0,
		'slots that a snapshot holds are applied behind it',
		LOOP,
		'		this.#chosen.length = 0;\n		this.#chosenBytes = 0;\n',
		'',
	),
	one(
		0,
		'a snapshot has members that are chosen behind it',
		LOOP,
		'		return this.#members.state;\n',
		'		return this.#agent.members.state;\n',
	),
	// `test/replica/loop.test.ts` catches this one: only a deposed leader asks what became of its change.
	one(
		0,
		'a snapshot is told before the agent knows the members behind it',
		LOOP,
		'				const effects = this.#agent.step(event, now);\n				if (isTakenOver) this.#tellTakenOver();\n',
		'				if (isTakenOver) this.#tellTakenOver();\n				const effects = this.#agent.step(event, now);\n',
	),
	one(
		0,
		'one flush lets out the envelopes of one step only',
		LOOP,
		'while (this.#held.length > 0 && (this.#held[0] as Held).position <= through) {',
		'if (this.#held.length > 0 && (this.#held[0] as Held).position <= through) {',
	),
	one(
		0,
		'a read begins where the read before it ended',
		ANSWERS,
		'this.#nextKey = end < keys.length ? end : 0;',
		'this.#nextKey = end < keys.length ? end : start;',
	),
	one(
		0,
		'the revisions of a run begin again with each batch',
		WRITES,
		'revision + batch.first + from - first)',
		'revision)',
	),
	one(
		0,
		'reads that were out when the connection ended are out for ever',
		CLIENT_READS,
		'		this.#out = 0;\n		this.#line',
		'		this.#line',
	),
	one(
		0,
		'other writes of a dropped client go under a new one, whether they may have happened or not',
		WRITES,
		'if (other.clientId === clientId && !other.mayHaveHappened) this',
		'if (other.clientId === clientId) this',
	),
	one(
		0,
		'the highest sequence of a client is that of its last command',
		CLIENT_TABLE,
		'if (sequence > this.highest) this.highest = sequence;',
		'this.highest = sequence;',
	),
	one(
		0,
		'a conditional put of a missing key always holds',
		CARRY_OUT,
		'if (cas !== null && cas !== (kept?.modifyRevision ?? 0)) return false;',
		'if (cas !== null && kept && cas !== kept.modifyRevision) return false;',
	),
	one(
		0,
		'a key of a deleted prefix is found until it is tidied',
		KEY_INDEX,
		'return item === undefined || item.chunk.isCut ? undefined : item;',
		'return item;',
	),
	one(
		0,
		'an evicted client may register again',
		APPLIED_ONCE,
		"		if (this.state.clients.wasEvicted(id)) return { kind: 'unknownClient' };\n",
		'',
	),
	one(0, 'a proposal that has ended keeps its deadline', SUBMISSIONS, '		this.#deadlines.remove(proposed);\n', ''),
	one(0, 'a run of results has the status of its first', ANSWERS, '			status === this.#runStatus &&\n', ''),
	one(
		0,
		'the registration of the own client ends, and none begins again',
		OWN_CLIENT,
		'		if (registers) this.#renew(client);\n',
		'',
	),
	one(
		0,
		'a leader that is told to stop asks nobody to lead',
		HANDOVER,
		'if (!isLeaving && stillMs <= STILL_MS_MAX) return;',
		'if (stillMs <= STILL_MS_MAX) return;',
	),
	one(
		0,
		'what a full node has left out is not sent again when it has room',
		LEADERSHIP,
		'		else if (full.delete(from)) this.#resendTo(from, 0);',
		'		else full.delete(from);',
	),
	// `test/paper/room.test.ts` catches this one: a deposed leader has to ask at the very moment when there is room again.
	one(
		0,
		'a deposed leader is told of room in the place of the one that leads',
		ACCEPTOR,
		"if (room === 'everything' && compareBallots(ballot, this.state.leftOut) >= 0) this.state",
		"if (room === 'everything') this.state",
	),
	one(
		0,
		'a leader takes what a quorum has accepted for what its own log holds',
		LEADERSHIP,
		'return held !== undefined && sameBallot(held.ballot, this.phase1.ballot);',
		'return held !== undefined;',
	),
	one(
		0,
		'a leader whose log is full learns what the others have chosen, though it does not hold it',
		LEADERSHIP,
		'return held !== undefined && sameBallot(held.ballot, this.phase1.ballot);',
		'return true;',
	),
	one(
		0,
		'what a full leader accepts later, and the others have chosen, is not marked',
		LEADERSHIP,
		'		// The others may have chosen some of it meanwhile.\n		this.#advance();\n',
		'',
	),
	one(
		0,
		'a full node asks again for a value that it had to leave out',
		LEARNER,
		'(slot === this.state.leftOut || !this.#log.entry(slot))',
		'!this.#log.entry(slot)',
	),
	one(
		0,
		'a proposal whose time is over is not given up',
		SUBMISSIONS,
		'this.#proposer.withdraw(proposed.id);',
		'void proposed;',
	),
	one(0, 'a node that stops leaves reads without an answer', REPLICA, '		this.#barriers.stop();\n', ''),
	one(
		0,
		'a state is saved from the last snapshot, however old that is',
		SNAPSHOTS,
		'this.#wanted.push({ through, done });',
		'this.#wanted.push({ through: 1, done });',
	),
	one(
		0,
		'a snapshot that is still read goes with the next one',
		DISK_SNAPSHOTS,
		'if (this.#holders.has(through)) return;',
		'',
	),
];
