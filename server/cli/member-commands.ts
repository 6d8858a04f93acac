/** The commands below `member`, with their options and help. */
import type { Command } from 'commander';
import { example } from './help.ts';
import { memberId, nodeUrl, withChange, withEndpoint } from './options.ts';
import type { Ended, Terminal } from './terminal.ts';

/** Adds `member` with all its commands. */
export function addMember(program: Command, terminal: Terminal, ended: Ended): void {
	const member = program
		.command('member')
		.description('the members of the swarm: list them, add one, remove one, replace one')
		.helpCommand(false)
		.addHelpText('after', example('member add n4 http://127.0.0.1:7104', 'n4, which runs there, becomes a member'));
	const load = () => import('./member.ts');

	withEndpoint(member.command('list'))
		.description('who votes, who learns, and how far each member is')
		.option('--json', 'all of it as JSON')
		.addHelpText('after', example('member list', 'a line for each member'))
		.action(async (options) => ended((await load()).list(options, terminal)));
	withChange(member.command('add'))
		.argument('<id>', 'the name of the node, which runs already', memberId)
		.argument('<url>', 'where the others reach it', nodeUrl)
		.description('let a node in, as a voter once it has learned everything')
		.addHelpText('after', example('member add n4 http://127.0.0.1:7104', 'n4, which runs there, becomes a member'))
		.action(async (id, url, options) => ended((await load()).add(id, url, options, terminal)));
	withChange(member.command('remove'))
		.argument('<id>', 'the member', memberId)
		.description('remove a member, which then stops')
		.addHelpText('after', example('member remove n4', 'n4 is no member any more'))
		.action(async (id, options) => ended((await load()).remove(id, options, terminal)));
	withChange(member.command('replace'))
		.argument('<id>', 'the member that has lost its disk', memberId)
		.argument('[url]', 'where the node with the new disk runs; by default where the member was', nodeUrl)
		.description('let a node with a new disk take the place of the member of its name')
		.addHelpText('after', example('member replace n3', 'n3 runs with an empty data folder, and votes again'))
		.action(async (id, url, options) => ended((await load()).replace(id, url, options, terminal)));
}
