/**
 * A process for `folder.test.ts`. `lock FOLDER` locks it and says `locked`, or `refused`. `formatOnceAndOpen DATADIR NODE MEMBER...` says
 * `ready`, waits for the word, and answers `opened` or `refused`. Both stay until they are killed.
 */
import { formatOnce, openFolder } from '../../server/storage/folder.ts';
import { FolderError } from '../../server/storage/folder-error.ts';
import { LockedError, lockFolder } from '../../server/storage/lock.ts';

const [task, folder = '', node = '', ...members] = process.argv.slice(2);
const tell = (message: object) => process.send?.(message);

process.on('disconnect', () => process.exit());
process.on('message', (word) => {
	if (word === 'goAsNobody') process.setuid?.(65_534);
	const swarm = { name: 'colours', members };
	try {
		const formatted = formatOnce(folder, swarm);
		const { swarmId } = openFolder(folder, node, swarm);
		tell({ kind: 'opened', formatted, swarmId });
	} catch (error) {
		if (!(error instanceof FolderError)) throw error;
		tell({ kind: 'refused', code: error.code, message: error.message });
	}
});

if (task === 'lock') {
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
