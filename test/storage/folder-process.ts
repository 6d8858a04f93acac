/**
 * A process for `folder.test.ts`. `lock FOLDER` locks a folder, and sends `locked` or `refused`. `formatOnceAndOpen
 * DATADIR NODE MEMBER...` sends `ready`, waits for a message, and then sends `opened` or `refused`. `fill DATADIR NODE
 * MEMBER...` fills the node's log without a free descriptor. All of them stay until they are killed.
 */
import { openSync } from 'node:fs';
import { FolderError } from '../../server/storage/errors.ts';
import { openFolder } from '../../server/storage/folder.ts';
import { LockedError, lockFolder } from '../../server/storage/lock.ts';
import { formatOnce } from '../../server/storage/new-folder.ts';
import { Log, SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { batchValue } from '../../shared/paxos/value.ts';

const value = batchValue(new Uint8Array(2 ** 20));
const [task, folder = '', node = '', ...members] = process.argv.slice(2);
const tell = (message: object) => process.send?.(message);

process.on('disconnect', () => process.exit());
process.on('message', (word) => {
	if (word === 'goAsNobody') process.setuid?.(65_534);
	const swarm = { name: 'colours', members: Object.fromEntries(members.map((id) => [id, `http://${id}`])) };
	try {
		const formatted = formatOnce(folder, swarm);
		const { swarmId } = openFolder(folder, node, swarm.name);
		tell({ kind: 'opened', formatted, swarmId });
	} catch (error) {
		if (!(error instanceof FolderError)) throw error;
		tell({ kind: 'refused', code: error.code, message: error.message });
	}
});

if (task === 'fill') {
	void fill();
} else if (task === 'lock') {
	try {
		lockFolder(folder);
		tell({ kind: 'locked' });
	} catch (error) {
		if (!(error instanceof LockedError)) throw error;
		tell({ kind: 'refused', message: error.message });
	}
} else {
	tell({ kind: 'ready' });
}

/** Takes all free descriptors, and then fills three segments. */
async function fill(): Promise<void> {
	const { disk, owner } = openFolder(folder, node, 'colours');
	const lacks: string[] = [];
	let wake = (): void => undefined;
	const { log } = Log.open(
		disk,
		{ owner },
		{
			durable: () => wake(),
			failed: (error) => tell({ kind: 'failed', message: error.message }),
			flushed: () => undefined,
			room: (lack) => lacks.push(lack?.message ?? 'room'),
		},
	);
	await new Promise<void>((resolve) => {
		wake = resolve;
	});
	const taken = takeDescriptors();
	for (let written = 0; written < 3 * SEGMENT_BYTES_DEFAULT; written += 2 ** 20) {
		const position = log.append([{ kind: 'learned', slot: 1, ballot: { ms: 1, ns: 0, node: 'n1' }, value }]);
		log.flush();
		while (log.durableThrough < position) {
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
		}
	}
	tell({ kind: 'filled', taken, lacks });
}

/** Opens files until the system refuses. */
function takeDescriptors(): number {
	for (let taken = 0; ; taken++) {
		try {
			openSync(process.execPath, 'r');
		} catch {
			return taken;
		}
	}
}
