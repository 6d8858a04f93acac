/** The table of limits in `server/GUARANTEES.md` says what the code has. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { OPEN_SLOTS_MAX, VALUE_BYTES_MAX as SLOT_BYTES_MAX } from '../../server/node/agent-config.ts';
import { IN_FLIGHT_MAX, READING_TRANSACTIONS_MAX, WATCHES_PER_CONNECTION_MAX } from '../../shared/client/protocol.ts';
import { SEGMENT_BYTES_DEFAULT, WAITING_BYTES_MAX } from '../../shared/disk/log.ts';
import { SLOT_MAX } from '../../shared/paxos/bounds.ts';
import { MEMBERS_MAX } from '../../shared/paxos/quorum.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import { SNAPSHOT_LIMITS } from '../../shared/replica/snapshots.ts';
import { TRANSACTION_COMMANDS_MAX } from '../../shared/store/batch-format.ts';
import { CLIENT_LIMITS } from '../../shared/store/client-limits.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { LOCKS_MAX, SESSION_KEYS_MAX } from '../../shared/store/locks.ts';
import { LOCK_DELAY_MS_MAX, SESSION_TTL_MS_MAX, SESSIONS_MAX } from '../../shared/store/sessions.ts';
import { TOMBSTONES_MAX } from '../../shared/store/tombstones.ts';
import { READ_BYTES_MAX, TREE_KEYS_MAX } from '../../shared/store/transaction.ts';

const MIB = 1024 * 1024;

/** By the beginning of the first cell: the number in the second one. */
const LIMITS: Readonly<Record<string, number>> = {
	'a key': KEY_BYTES_MAX,
	'a value': VALUE_BYTES_MAX,
	'what one slot holds': SLOT_BYTES_MAX,
	'operations of a transaction': TRANSACTION_COMMANDS_MAX,
	'keys that a transaction reads': TREE_KEYS_MAX,
	'bytes of values that a transaction reads': READ_BYTES_MAX,
	sessions: SESSIONS_MAX,
	'keys that one session holds': SESSION_KEYS_MAX,
	'keys that are held': LOCKS_MAX,
	'the time-out of a session': SESSION_TTL_MS_MAX,
	'the lock delay of a session': LOCK_DELAY_MS_MAX,
	members: MEMBERS_MAX,
	'slots that a leader has open': OPEN_SLOTS_MAX,
	'writes that wait at one node': REPLICA_LIMITS.submittedBytesMax,
	'writes that wait for one disk': WAITING_BYTES_MAX,
	'transactions of one client': READING_TRANSACTIONS_MAX,
	'watches of one client': WATCHES_PER_CONNECTION_MAX,
	'commands of one client': IN_FLIGHT_MAX,
	'clients that are open': CLIENT_LIMITS.clientsMax,
	'evicted clients': CLIENT_LIMITS.evictedMax,
	'outcomes that are kept for one client': CLIENT_LIMITS.outcomesMax,
	'outcomes that are kept for all clients': CLIENT_LIMITS.outcomesOfAllMax,
	'changes that a node remembers': REPLICA_LIMITS.historyChangesMax,
	'bytes of these changes': REPLICA_LIMITS.historyBytesMax,
	'deleted keys': TOMBSTONES_MAX,
	'the log of one node': SNAPSHOT_LIMITS.logBytesMin / MIB,
	'one file of the log': SEGMENT_BYTES_DEFAULT,
	'slots in the life': SLOT_MAX,
};

const document = readFileSync(fileURLToPath(new URL('../../server/GUARANTEES.md', import.meta.url)), 'utf8');
const rows = [...document.matchAll(/^\| (?<what>[^|]+) \| (?<most>[^|]+) \| [^|]+ \|$/gm)].map(({ groups }) => groups);

test('each number of the table is compared', () => {
	const isCompared = (what: string) => Object.keys(LIMITS).some((beginning) => what.startsWith(beginning));
	const others = rows.filter((row) => /\d/.test(row?.most ?? '') && !isCompared(row?.what ?? ''));
	expect(others).toEqual([]);
});

test.each(Object.entries(LIMITS))('%s', (what, limit) => {
	const row = rows.find((candidate) => candidate?.what?.startsWith(what));
	const [written = ''] = /\d+\^\d+|\d[\d,]*/.exec(row?.most ?? '') ?? [];
	const [base, exponent = '1'] = written.replaceAll(',', '').split('^');
	expect(Number(base) ** Number(exponent)).toBe(limit);
});
