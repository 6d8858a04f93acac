/** What a client is told of a batch that its node has given up, and of what its transactions have read. */
import { expect, it } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeHello } from '../../shared/client/client-frame.ts';
import { readNodeFrame } from '../../shared/client/node-frame.ts';
import { READING_TRANSACTIONS_MAX, WRITE } from '../../shared/client/protocol.ts';
import { ClientDoor } from '../../shared/replica/client-door.ts';
import { Deadlines } from '../../shared/replica/deadlines.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import { Submissions } from '../../shared/replica/submissions.ts';
import { encodeCommand } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';
import { encodeTransaction } from '../store/commands.ts';

const CLIENT = 'a client';

it.each([
	['may have left the node', true],
	['surely has not left the node', false],
])('a batch that %s is refused with that word', (_, left) => {
	const proposer = { propose: () => 7, withdraw: () => undefined };
	const deadlines = new Deadlines({ nowMs: () => 0, setTimer: () => undefined });
	const submissions = new Submissions(proposer, deadlines, { soon: () => undefined, refusal: () => null });
	const door = new ClientDoor({
		openWatch: () => null,
		store: new Store(),
		submissions,
		barriers: { wait: () => undefined },
		node: 'n1',
		members: () => [],
		requestMs: 100,
		limits: REPLICA_LIMITS,
		leader: () => 'n1',
		soon: () => undefined,
		malformed: (from, why) => expect.fail(`${from}: ${why}`),
	});
	const frames: Uint8Array[] = [];
	const connection = door.connect(
		{
			unsentBytes: 0,
			send: (frame) => frames.push(frame),
			close: () => expect.fail('it is closed'),
			terminate: () => expect.fail('it is ended'),
		},
		CLIENT,
	);
	const hello = new Writer();
	writeHello(hello, CLIENT);
	connection.receive(hello.take());
	const command = encodeCommand(
		{ client: CLIENT, sequence: 5, receivedThrough: 0 },
		{ kind: 'put', key: 'key', value: new Uint8Array(1), flags: 0n, cas: null },
	);
	connection.receive(Uint8Array.of(WRITE, ...command));
	submissions.endTurn();
	door.answer();
	frames.length = 0;

	submissions.outcome({ kind: 'withdrawn', proposal: 7, left });
	door.answer();
	expect(frames.flatMap(readNodeFrame)).toEqual([
		{ kind: 'refused', what: 'write', first: 5, count: 1, why: 'noLeader', mayHaveLeft: left },
	]);
});

it('what transactions have read waits for room in the socket, with their last results behind it', () => {
	const submissions = new Submissions(
		{ propose: () => 7, withdraw: () => undefined },
		new Deadlines({ nowMs: () => 0, setTimer: () => undefined }),
		{ soon: () => undefined, refusal: () => null },
	);
	const door = new ClientDoor({
		openWatch: () => null,
		store: new Store(),
		submissions,
		barriers: { wait: () => undefined },
		node: 'n1',
		members: () => [],
		requestMs: 100,
		limits: REPLICA_LIMITS,
		leader: () => 'n1',
		soon: () => undefined,
		malformed: (from, why) => expect.fail(`${from}: ${why}`),
	});
	const frames: Uint8Array[] = [];
	const socket = {
		unsentBytes: 0,
		send: (frame: Uint8Array) => void frames.push(frame),
		close: () => expect.fail('it is closed'),
		terminate: () => expect.fail('it is ended'),
	};
	const connection = door.connect(socket, CLIENT);
	const hello = new Writer();
	writeHello(hello, CLIENT);
	connection.receive(hello.take());
	for (let count = 0; count <= READING_TRANSACTIONS_MAX; count++) {
		const identity = { client: CLIENT, sequence: 2 + count, receivedThrough: 0 };
		connection.receive(Uint8Array.of(WRITE, ...encodeTransaction(identity, [{ kind: 'read', key: 'key' }])));
	}
	submissions.endTurn();
	door.answer();
	const sections = () => frames.splice(0).flatMap(readNodeFrame);
	const refused = { kind: 'refused', why: 'overloaded', first: 2 + READING_TRANSACTIONS_MAX };
	expect(sections()[1]).toMatchObject(refused);
	socket.unsentBytes = REPLICA_LIMITS.unsentBytesMax;
	for (let count = 0; count < READING_TRANSACTIONS_MAX; count++) {
		connection.result(2 + count, { kind: 'applied', revision: 2 + count, ok: true });
	}
	door.answer();
	expect(sections()).toEqual([]);
	socket.unsentBytes = 0;
	connection.flush();
	expect(sections().map(({ kind }) => kind)).toEqual(
		Array.from({ length: READING_TRANSACTIONS_MAX }, () => ['readings', 'results']).flat(),
	);
});
