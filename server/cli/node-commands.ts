/** The commands that ask the nodes of a running swarm for what they are and do, with their options and help. */
import { type Command, Option } from 'commander';
import { example, takesAnyText } from './help.ts';
import { slotNumber, withEndpoint } from './options.ts';
import type { Ended, Terminal } from './terminal.ts';

/** Adds `propose`, `status` and `leader`. */
export function addNodes(program: Command, terminal: Terminal, ended: Ended): void {
	takesAnyText(withEndpoint(program.command('propose')), 'KEY VALUE')
		.argument('<key>')
		.argument('<value>')
		.description('propose a value at a node of your choice, and see what became of it')
		.addOption(
			new Option('--at <id>', 'the node that proposes; needed, unless --endpoint names it').conflicts('endpoint'),
		)
		.addOption(
			new Option('--route <route>', 'by the leader, or both phases from that very node')
				.choices(['leader', 'self'])
				.default('leader'),
		)
		.option('--slot <slot>', 'with --route self: contest this slot', slotNumber)
		.option('--json', 'the answer as JSON')
		.addHelpText('after', example('propose color red --at n4 --route self', 'prepare and accept from n4'))
		.action(async (key, value, options) =>
			ended((await import('./propose.ts')).propose(key, value, options, terminal)),
		);

	withEndpoint(program.command('status'))
		.description('show every node as it sees itself')
		.option('--json', 'all of it as JSON')
		.addHelpText('after', example('status', 'a line for each node, and who leads'))
		.action(async (options) => ended((await import('./status.ts')).status(options, terminal)));

	const leader = program
		.command('leader')
		.description('let another node lead')
		.helpCommand(false)
		.addHelpText('after', example('leader transfer n2', 'n2 leads'));
	withEndpoint(leader.command('transfer'))
		.argument('[id]', 'the node that is to lead; by default the follower that suits best')
		.description('let another node lead, while the swarm serves on')
		.option('--json', 'say who leads now as JSON')
		.addHelpText('after', example('leader transfer n2', 'n2 leads'))
		.action(async (id, options) => ended((await import('./leader.ts')).transferLeader(id, options, terminal)));
}

/** Adds `health` and `debug`. */
export function addTrouble(program: Command, terminal: Terminal, ended: Ended): void {
	withEndpoint(program.command('health'))
		.description('say whether every node is ready: that it hears a leader, has caught up and its disk answers')
		.option('--json', 'as JSON')
		.addHelpText('after', '\nThe exit status is 0 where all are ready, and 4 otherwise.')
		.addHelpText('after', example('health', 'a line for each node, with the checks that fail'))
		.action(async (options) => ended((await import('./health.ts')).health(options, terminal)));

	withEndpoint(program.command('debug'))
		.description('gather in a folder what helps to find out what went wrong, without values and secrets')
		.option('--out <folder>', 'the folder to make; by default paxos-swarm-debug- and the time')
		.addHelpText('after', example('debug --out trouble', 'the states, facts and log lines of all nodes'))
		.action(async (options) => ended((await import('./debug.ts')).debug(options, terminal)));
}
