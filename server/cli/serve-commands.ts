/** The commands that run nodes, and the one that makes their data folders, with their options and help. */
import { type Command, Option } from 'commander';
import { example } from './help.ts';
import { withDataDir, withServe } from './options.ts';
import type { Ended, Terminal } from './terminal.ts';

/** Adds `up`, `node` and `init`. @param path that of this program, by which it starts processes of itself */
export function addServing(program: Command, path: string, terminal: Terminal, ended: Ended): void {
	withServe(program.command('up'))
		.description('start every node of swarm.json, each in a process of its own, until Ctrl-C')
		.option('--memory', 'keep nothing on disk: a throw-away swarm, whose stopped nodes never rejoin')
		.option('--lab', 'let people make faults, in links and nodes: see the command lab')
		.addHelpText('after', example('up --base-port 7201', 'five nodes at the ports 7201 to 7205'))
		.action(async (options) => ended((await import('./up.ts')).up(options, terminal, path)));

	withServe(program.command('node'))
		.argument('<id>', 'the node of swarm.json to run')
		.description('start one node, until Ctrl-C')
		.option('--join', 'begin with a new disk where the node has no data: it waits to be let in by the members')
		.option('--lab', 'let people make faults in its links: see the command lab')
		// It is known here so that `node` can refuse it with the reason.
		.addOption(new Option('--memory').hideHelp())
		.addOption(new Option('--launched').hideHelp())
		.addHelpText('after', example('node n3', 'the node n3 in this terminal'))
		.action(async (id, options) => ended((await import('./node.ts')).node(id, options, terminal)));

	withDataDir(program.command('init'))
		.description('make the data folders of all nodes: the identity of a new swarm')
		.option('--force', 'also where there are some: all that the swarm remembers is lost')
		.addHelpText('after', example('init --data-dir /var/lib/swarm', 'new folders, one for each node'))
		.action(async (options) => ended((await import('./init.ts')).init(options, terminal)));
}
