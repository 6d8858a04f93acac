/** The commands below `snapshot`, with their options and help. */
import { type Command, Option } from 'commander';
import { example } from './help.ts';
import { withDataDir, withEndpoint } from './options.ts';
import type { Ended, Terminal } from './terminal.ts';

/** Adds `snapshot` with all its commands. */
export function addSnapshot(program: Command, terminal: Terminal, ended: Ended): void {
	const snapshot = program
		.command('snapshot')
		.description('the whole state in one file, and a new swarm from it')
		.helpCommand(false)
		.addHelpText('after', example('snapshot save state.backup', 'everything that was acknowledged so far'));
	const load = () => import('./snapshot.ts');

	withEndpoint(snapshot.command('save'))
		.argument('<file>')
		.description('save the state of a running swarm, with all that was acknowledged before')
		.addOption(
			new Option('--node <id>', 'from this node; by default from the first one that gives it').conflicts('endpoint'),
		)
		.option('--stale', 'as the node has it: perhaps an old one, but also without a quorum')
		.option('--force', 'replace the file, if it is there')
		.addHelpText('after', example('snapshot save state.backup', 'everything that was acknowledged so far'))
		.action(async (file, options) => ended((await load()).save(file, options, terminal)));
	snapshot
		.command('status')
		.argument('<file>')
		.description('check a saved file to its last byte, and say what is in it')
		.option('--json', 'as JSON')
		.addHelpText('after', example('snapshot status state.backup', 'how many keys, and when it was taken'))
		.action(async (file, options) => ended((await load()).status(file, options, terminal)));
	withDataDir(snapshot.command('restore'))
		.argument('<file>')
		.description('make the data folders of a new swarm from a saved file')
		.addHelpText('after', example('snapshot restore state.backup --data-dir new', 'a new swarm with the same keys'))
		.action(async (file, options) => ended((await load()).restore(file, options, terminal)));
}
