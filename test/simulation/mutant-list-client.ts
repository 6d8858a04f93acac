/**
 * Bugs that this project has made up, as patches to the client and to the clients' door: each breaks a promise that a
 * user has of a call, and each shows that the world's clients reach there.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

const ABORT = 'shared/client/abort.ts';
const APPLIED_ONCE = 'shared/store/applied-once.ts';
const DRAFT = 'shared/client/draft.ts';
const READS = 'shared/client/reads.ts';
const TRANSACTION = 'shared/client/transaction.ts';
const READINGS = 'shared/replica/client-readings.ts';
const ROUTE = 'shared/client/route.ts';
const WRITE_BATCH = 'shared/client/write-batch.ts';
const WRITES = 'shared/client/writes.ts';
const BARRIERS = 'shared/replica/barriers.ts';
const ANSWERS = 'shared/replica/client-answers.ts';
const CONNECTION = 'shared/replica/client-connection.ts';
const DOOR = 'shared/replica/client-door.ts';
const DOORS = 'shared/replica/key-value-doors.ts';
const OWN_CLIENT = 'shared/replica/own-client.ts';
const SUBMISSIONS = 'shared/replica/submissions.ts';

export const CLIENT_MUTANTS: readonly Mutant[] = [
	one(
		0,
		'a copy that was out when its connection ended counts as never sent',
		WRITE_BATCH,
		'		if (this.isOut) this.mayHaveLeft = true;\n',
		'',
	),
	one(
		0,
		'a copy that was proposed and given up counts as refused',
		WRITE_BATCH,
		'		if (mayHaveLeft) this.mayHaveLeft = true;\n',
		'',
	),
	one(
		0,
		'a write that was sent is called refused when its time is over',
		WRITE_BATCH,
		"		if (this.mayHaveHappened) return new UnknownOutcomeError('it was sent, and not answered in time');\n",
		'',
	),
	// `test/client/giving-up.test.ts` catches this one: one seed of some thousands does.
	one(
		0,
		'what waits under a dropped client keeps what is given up under the next one alive',
		WRITES,
		'if (oldest.clientId === clientId) return oldest.first - 1;',
		'if (oldest.first > 0) return oldest.first - 1;',
	),
	one(
		0,
		'what a dropped client may have applied goes again under another',
		WRITES,
		"		if (batch.mayHaveLeft) this.#fail(batch, () => new UnknownOutcomeError('the swarm has forgotten this client'));\n		else this.#goUnderAnother(batch);",
		'		this.#goUnderAnother(batch);',
	),
	one(
		0,
		'every write of a batch gets the revision of the first',
		WRITE_BATCH,
		'revision: revision + i - from });',
		'revision });',
	),
	one(0, 'results of a part of a batch end all of it', WRITE_BATCH, 'return this.#left === 0;', 'return true;'),
	one(
		0,
		'the next batch begins before the last one ends',
		WRITES,
		'		this.#nextSequence += batch.count;',
		'		this.#nextSequence += Math.max(1, batch.count - 1);',
	),
	one(
		0,
		'a write that leaves the line keeps the identity that it had there',
		DRAFT,
		'		this.#writer.begin(clientId, first, receivedThrough, transaction !== null);',
		'		this.#writer.begin(clientId, Math.max(1, first - 1), receivedThrough);',
	),
	one(
		0,
		'a call may be a second late',
		WRITES,
		'			if (batch.deadlineMs <= nowMs) this.#fail(',
		'			if (batch.deadlineMs + 1000 <= nowMs) this.#fail(',
	),
	one(
		0,
		'values that come in pieces go to the first keys',
		READS,
		'const call = batch.calls[id - batch.first];\n				if (!call) continue;\n				batch.calls[id - batch.first] = null;',
		'const call = batch.calls[id - from];\n				if (!call) continue;\n				batch.calls[id - from] = null;',
	),
	one(0, 'reads that are answered are still counted', READS, '		this.#calls -= batch.count;\n', ''),
	one(
		0,
		'a client never leaves a node that says nothing',
		ROUTE,
		'		if (silentMs < ms && !isLeaderless) return;',
		'		if (silentMs < 1e9 && !isLeaderless) return;',
	),
	one(
		0,
		'what is unanswered is not sent again on a new connection',
		WRITES,
		'if (hasLeader || !batch.waitsForLeader) this.#transmit(batch);',
		'if (!batch.wasSent && (hasLeader || !batch.waitsForLeader)) this.#transmit(batch);',
	),
	one(
		0,
		'the door answers a linearizable read at once',
		DOOR,
		"if (read.mode === 'linearizable') this.#reads.push({ connection, read });",
		"if (read.mode === 'linearizable' && read.first < 0) this.#reads.push({ connection, read });",
	),
	one(
		0,
		'a read joins the barrier that is under way',
		BARRIERS,
		'		this.#waiting.add(waiter);\n',
		'		(this.#asked ?? this.#waiting).add(waiter);\n',
	),
	one(
		0,
		'the door says of what may have left that it was refused',
		CONNECTION,
		"this.#refuse('write', first, count, 'noLeader', end.kind === 'unknown');",
		"this.#refuse('write', first, count, 'noLeader', false);",
	),
	one(
		0,
		'results of another revision are told as the next ones',
		ANSWERS,
		'(revision === 0 || revision === this.#runRevision + count)',
		'(revision === 0 || revision !== this.#runRevision)',
	),
	one(
		0,
		'a condition that failed is told as held',
		ANSWERS,
		'status = result.ok ? OK : CONDITION_FAILED;',
		'status = OK;',
	),
	one(
		0,
		'the second piece of values is told as the first',
		ANSWERS,
		'writeValues(this.#out, first + start, end - start);',
		'writeValues(this.#out, first, end - start);',
	),
	one(
		0,
		'a connection that closes takes the results of the next one with it',
		SUBMISSIONS,
		'entry.submitters.splice(place, 1);',
		'entry.submitters.length = 0;',
	),
	one(
		0,
		'a command of an evicted client that a snapshot may hold is taken for one that was not applied',
		SUBMISSIONS,
		"const isDropped = results.some((result) => result !== undefined && !('ok' in result));",
		'const isDropped = false;',
	),
	one(
		0,
		'a transaction that has happened goes under another identity where what it read is not known',
		WRITE_BATCH,
		'			this.mayHaveLeft = true;\n			return this.transaction',
		'			return this.transaction',
	),
	one(
		0,
		'a transaction is settled though what it has read has not come',
		TRANSACTION,
		'			this.#happened = last;\n			return false;',
		'			this.#call.resolve({ held, revision: last, entries: [] });\n			return true;',
	),
	one(
		0,
		'what a transaction has read is told from a later state',
		READINGS,
		"reader.isKnown &&= result.kind === 'applied' || this.#store.changeOfKey(key) <= result.revision;",
		'reader.isKnown &&= true;',
	),
	// `test/simulation/members.test.ts` catches this one and `test/client/dials.test.ts` the next: no client of the world
	// needs it.
	one(0, 'clients are not told of other members', DOORS, '		this.clients.membersChanged();\n', ''),
	one(
		0,
		'a client goes on with the members that it was welcomed with',
		ROUTE,
		'			this.#membersAre(section.members);\n',
		'',
	),
	one(
		0,
		'the last part of a transaction is not told',
		OWN_CLIENT,
		'			transaction.onPart?.(index, result);\n',
		'			if (sequence !== batch.last) transaction.onPart?.(index, result);\n',
	),
	one(
		0,
		'a call behind one that was aborted gets the command of that one',
		WRITES,
		'			command.nextCommand();\n			if (!call || isAborted(call)) continue;',
		'			if (!call || isAborted(call)) continue;\n			command.nextCommand();',
	),
	one(
		0,
		'a call that was aborted is settled once more',
		ABORT,
		'		this.#settle = null;\n		settle?.reject(this.#signal.reason);',
		'		settle?.reject(this.#signal.reason);',
	),
	one(
		0,
		'a command that its client gave up is applied behind later ones',
		APPLIED_ONCE,
		'		if (command.sequence <= client.receivedThrough) return FORGOTTEN;\n		const before',
		'		if (command.sequence < client.receivedThrough - 2) return FORGOTTEN;\n		const before',
	),
];
