/** The commands `lock` and `session`, with their options and help. Each is carried out by the file of its name. */
import { type Command, Option } from 'commander';
import { example, takesAnyText } from '../help.ts';
import { aboveZeroMs, timeMs, withData, withEndpoints } from '../kv/options.ts';
import type { Ended, Terminal } from '../terminal.ts';

const LOCK_HELP = `
The command is told of its lock by these variables:
  SWARM_LOCK_KEY      the key
  SWARM_LOCK_FENCE    a number that grows from holder to holder: the ModifyIndex of the acquisition
  SWARM_LOCK_INDEX    the LockIndex of the key
  SWARM_LOCK_SESSION  the session that holds it

When the lock is lost, the command gets SIGTERM, and after 5 s, or the lock delay where that is shorter, SIGKILL. SIGINT,
SIGTERM and SIGHUP are passed on to it. Where stdin is no terminal, all processes that the command has started get them too.

Exit status, beside that of the command, which is 128 and the number of the signal where one has ended it:
  1, 2, 4  an error, a wrong command line, or no node answers: the command was not run
  124      the key was not free in time
  125      the lock was lost while the command ran
  126      the command cannot be run
  127      there is no such command`;

export function addLock(program: Command, terminal: Terminal, ended: Ended): void {
	takesAnyText(withEndpoints(program.command('lock')), 'KEY COMMAND')
		.argument('<key>')
		.argument('<command...>', 'behind "--", with its arguments')
		.description('run a command while this holds a key, so that it runs once at a time in the whole swarm')
		.addOption(new Option('--try', 'do not wait for the key').conflicts('timeout'))
		.addOption(new Option('--timeout <time>', 'wait so long for the key; without it for ever').argParser(aboveZeroMs))
		.addOption(
			new Option('--ttl <time>', 'the session ends when it was not renewed for so long')
				.argParser(aboveZeroMs)
				.default(15_000, '15s'),
		)
		.addOption(
			new Option('--lock-delay <time>', 'nobody gets the key for so long after the session has ended by itself')
				.argParser(timeMs)
				.default(15_000, '15s'),
		)
		.addHelpText('after', LOCK_HELP)
		.addHelpText('after', example('lock backup -- ./backup.sh --full', 'one backup at a time, from any machine'))
		.action(async (key, command, options) => ended((await import('./lock.ts')).lock(key, command, options, terminal)));
}

export function addSession(program: Command, terminal: Terminal, ended: Ended): void {
	const session = program
		.command('session')
		.description('sessions, for which clients hold keys: list, create, renew and destroy them')
		.helpCommand(false)
		.addHelpText('after', example('session list -w table', 'who may hold keys'));

	withData(session.command('list'), '')
		.description('all sessions, in the order of their creation')
		.option('--stale', 'as the node that answers has them')
		.addHelpText('after', example('session list -w table', 'with their time-outs and names'))
		.action(async (options) => ended((await import('./session.ts')).list(options, terminal)));

	withData(session.command('info'), 'ID')
		.argument('<id>')
		.description('one session')
		.option('--stale', 'as the node that answers has it')
		.addHelpText('after', example('session info 7c3e6a0e-4a5c-4d0b-9f6c-2f1f1d3b8a55 -w json', 'with all its fields'))
		.action(async (id, options) => ended((await import('./session.ts')).info(id, options, terminal)));

	withData(session.command('create'), '')
		.description('create a session, and print its id')
		.addOption(new Option('--ttl <time>', 'it ends when it was not renewed for so long').argParser(timeMs))
		.addOption(
			new Option('--lock-delay <time>', 'nobody gets its keys for so long after it has ended').argParser(timeMs),
		)
		.addOption(new Option('--behavior <what>', 'what becomes of its keys then').choices(['release', 'delete']))
		.option('--name <name>', 'for people')
		.addHelpText('after', '\nWithout --ttl it ends only when it is destroyed. Nobody renews it but "session renew".')
		.addHelpText('after', example('session create --ttl 1h --name import', 'a session of an hour'))
		.action(async (options) => ended((await import('./session.ts')).create(options, terminal)));

	withData(session.command('renew'), 'ID')
		.argument('<id>')
		.description('renew a session: its time-out begins anew')
		.addHelpText('after', example('session renew 7c3e6a0e-4a5c-4d0b-9f6c-2f1f1d3b8a55', 'it is there for longer'))
		.action(async (id, options) => ended((await import('./session.ts')).renew(id, options, terminal)));

	withData(session.command('destroy'), 'ID')
		.argument('<id>')
		.description('end a session, if it is there: the keys that it holds are let go or deleted')
		.addHelpText('after', example('session destroy 7c3e6a0e-4a5c-4d0b-9f6c-2f1f1d3b8a55', 'it is gone'))
		.action(async (id, options) => ended((await import('./session.ts')).destroy(id, options, terminal)));
}
