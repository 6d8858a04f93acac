/** One of each message of the mesh and of each section of the clients' WebSocket, whose bytes are in `frozen/`. */
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeChanges } from '../../shared/client/changes.ts';
import {
	type ClientSection,
	writeAuth,
	writeHello,
	writeList,
	writePing,
	writeRead,
	writeTrace,
	writeUnwatch,
	writeWatch,
} from '../../shared/client/client-frame.ts';
import {
	type NodeSection,
	writeChangesSection,
	writeEntry,
	writeLeader,
	writeMembers,
	writePage,
	writePong,
	writeReadings,
	writeRefused,
	writeResults,
	writeValues,
	writeWatchEnded,
	writeWelcome,
} from '../../shared/client/node-frame.ts';
import { PROTOCOL_VERSION_MIN, type ReadEntry } from '../../shared/client/protocol.ts';
import type { Ballot } from '../../shared/paxos/ballot.ts';
import type { Message, MessageKind } from '../../shared/paxos/message.ts';
import { batchValue, membersValue, NOOP } from '../../shared/paxos/value.ts';
import { encodeCommand } from '../../shared/store/command.ts';

const ballot: Ballot = { ms: 1_764_288_000_123, ns: 456_789, node: 'n1' };
const later: Ballot = { ms: 1_764_288_000_124, ns: 1, node: 'n2~0a1b' };
const value = batchValue(Uint8Array.of(1, 2, 3, 250));
const members = membersValue({
	follows: 3,
	members: [
		{ id: 'n1', url: 'http://10.1.2.3:7101', isVoter: true, replaces: null },
		{ id: 'n2~0a1b', url: 'https://n2.example', isVoter: false, replaces: 'n2' },
	],
});
const hearing = { leader: later, relays: true, recoveredThrough: 300, chosenThrough: 299 };
const asked = { origin: 'n3', epoch: 70_000, id: 12 };
const traceparents = ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'];

/** The compiler refuses a missing one. */
export const MESSAGES: { readonly [Kind in MessageKind]: Extract<Message, { kind: Kind }> } = {
	prepare: { kind: 'prepare', ballot, contest: 5, chosenThrough: 299 },
	promise: {
		kind: 'promise',
		ballot,
		part: 1,
		parts: 2,
		chosenThrough: 299,
		accepted: [
			{ slot: 300, ballot: later, value },
			{ slot: 302, ballot, value: NOOP },
			{ slot: 303, ballot, value: members },
		],
	},
	accept: { kind: 'accept', ballot, chosenThrough: 299, recoveredThrough: 300, slot: 301, value },
	accepted: { kind: 'accepted', ballot, slot: 301 },
	nack: {
		kind: 'nack',
		refused: 'accept',
		ballot,
		promised: later,
		acceptance: { slot: 301, ballot: later, value: NOOP },
	},
	heartbeat: { kind: 'heartbeat', ballot, chosenThrough: 299, recoveredThrough: 300, round: 17, timeMs: 123_456 },
	confirm: {
		kind: 'confirm',
		ballot,
		round: 17,
		chosenThrough: 298,
		stillMs: 40,
		takesValues: false,
		timeMs: 123_457,
	},
	handOver: { kind: 'handOver', ballot },
	poll: { kind: 'poll', ballot, timeMs: 123_458 },
	pollReply: { kind: 'pollReply', ballot, ...hearing, timeMs: 123_459 },
	fetch: { kind: 'fetch', from: 200 },
	decisions: {
		kind: 'decisions',
		from: 200,
		chosenThrough: 299,
		decisions: [
			{ ballot, value },
			{ ballot: later, value: NOOP },
		],
	},
	trimmed: { kind: 'trimmed', trimmedThrough: 150, chosenThrough: 299 },
	forward: { kind: 'forward', ...asked, settledThrough: 11, value },
	hears: { kind: 'hears', ...hearing },
	noRoom: { kind: 'noRoom', ...asked },
	digest: { kind: 'digest', slot: 299, digest: -12_345 },
	snapshotAsk: { kind: 'snapshotAsk', through: 290, offset: 65_536 },
	snapshotPart: {
		kind: 'snapshotPart',
		through: 290,
		bytesOfAll: 100_000,
		offset: 65_536,
		bytes: Uint8Array.of(9, 8, 7),
	},
	readAsk: { kind: 'readAsk', origin: 'n3', epoch: 70_000, round: 4 },
	readIndex: { kind: 'readIndex', origin: 'n3', epoch: 70_000, round: 4, slot: 299 },
};

interface Sample<Section> {
	write(out: Writer): void;
	/** What is read from it. */
	readonly section: Section;
}

const entry: ReadEntry = {
	value: Uint8Array.of(0x72, 0x65, 0x64),
	flags: 2n ** 63n,
	lock: { session: '6f9d3c1e-7a0b-4c5d-8e2f-0123456789ab', index: 3 },
	createRevision: 7,
	modifyRevision: 9,
};
const addresses = [{ id: 'n1', url: 'http://10.1.2.3:7101' }];
const command = encodeCommand(
	{ client: 'a-client', sequence: 5, receivedThrough: 4 },
	{ kind: 'put', key: 'color', value: Uint8Array.of(1), flags: 1n, cas: 3 },
);

export const OF_CLIENTS: { readonly [Kind in ClientSection['kind'] | 'list']: Sample<ClientSection> } = {
	hello: {
		write: (out) => writeHello(out, 'a-client', PROTOCOL_VERSION_MIN),
		section: { kind: 'hello', version: 8, clientId: 'a-client' },
	},
	auth: { write: (out) => writeAuth(out, 'token-of-a-test'), section: { kind: 'auth', token: 'token-of-a-test' } },
	write: {
		write: (out) => {
			out.u8(2);
			out.raw(command);
		},
		section: { kind: 'write', from: 1, to: 1 + command.length },
	},
	read: {
		write: (out) => writeRead(out, 'stale', 6, ['color', 'größe']),
		section: { kind: 'read', mode: 'stale', first: 6, keys: ['color', 'größe'], after: null },
	},
	list: {
		write: (out) => writeList(out, 'linearizable', 7, 'app/', 'app/b'),
		section: { kind: 'read', mode: 'linearizable', first: 7, keys: ['app/'], after: 'app/b' },
	},
	watch: {
		write: (out) => writeWatch(out, 1, 41, 'app/'),
		section: { kind: 'watch', id: 1, after: 41, prefix: 'app/' },
	},
	unwatch: { write: (out) => writeUnwatch(out, 1), section: { kind: 'unwatch', id: 1 } },
	trace: {
		write: (out) => writeTrace(out, 'a-client', 5, traceparents),
		section: { kind: 'trace', clientId: 'a-client', first: 5, traceparents },
	},
	ping: { write: writePing, section: { kind: 'ping' } },
};

export const OF_NODES: { readonly [Kind in NodeSection['kind']]: Sample<NodeSection> } = {
	welcome: {
		write: (out) => writeWelcome(out, 'n1', 'n2', addresses, PROTOCOL_VERSION_MIN),
		section: { kind: 'welcome', version: 8, node: 'n1', leader: 'n2', members: addresses },
	},
	leader: { write: (out) => writeLeader(out, 'n2'), section: { kind: 'leader', leader: 'n2' } },
	members: { write: (out) => writeMembers(out, addresses), section: { kind: 'members', members: addresses } },
	results: {
		write: (out) => writeResults(out, 5, 2, 1, 9),
		section: { kind: 'results', first: 5, count: 2, status: 'conditionFailed', revision: 9 },
	},
	readings: {
		write: (out) => writeReadings(out, 5, [entry, undefined]),
		section: { kind: 'readings', first: 5, entries: [entry, null] },
	},
	values: {
		write: (out) => {
			writeValues(out, 6, 2);
			writeEntry(out, entry);
			writeEntry(out, undefined);
		},
		section: { kind: 'values', first: 6, entries: [entry, null] },
	},
	page: {
		write: (out) => writePage(out, 7, { entries: [{ key: 'app/c', ...entry }], isLast: true }),
		section: { kind: 'page', first: 7, isLast: true, entries: [{ key: 'app/c', ...entry }] },
	},
	refused: {
		write: (out) => writeRefused(out, 'read', 6, 2, 'denied', true),
		section: { kind: 'refused', what: 'read', first: 6, count: 2, why: 'denied', mayHaveLeft: true },
	},
	changes: {
		write: (out) => {
			const section = new Writer();
			const { value: bytes, ...rest } = entry;
			writeChanges(section, 10, [
				{ kind: 'put', key: 'color', index: 9, bytes, start: 0, end: bytes.length, ...rest },
				{ kind: 'deletePrefix', key: 'old/', index: 11, modifyRevision: 10 },
			]);
			writeChangesSection(out, 1, section.take());
		},
		section: {
			kind: 'changes',
			id: 1,
			through: 10,
			changes: [
				{ index: 9, change: { kind: 'put', key: 'color', ...entry } },
				{ index: 11, change: { kind: 'deletePrefix', key: 'old/', modifyRevision: 10 } },
			],
		},
	},
	watchEnded: {
		write: (out) => writeWatchEnded(out, 1, 'compacted'),
		section: { kind: 'watchEnded', id: 1, why: 'compacted' },
	},
	pong: { write: writePong, section: { kind: 'pong' } },
};
