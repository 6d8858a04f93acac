/**
 * The commands of `paxos-swarm`, with their options and help. Each command is carried out by the file of its name, which
 * is loaded only where the command is run.
 */
import { Argument, Command, CommanderError, Option } from 'commander';
import { addCerts } from './certs-commands.ts';
import { completionOf, SHELLS, type Shell } from './completion.ts';
import { readCredentials } from './credentials.ts';
import { commandAt, example, takesAnyText } from './help.ts';
import { addKv, addShortCommands } from './kv/commands.ts';
import { addLab } from './lab-commands.ts';
import { addLock, addSession } from './lock/commands.ts';
import {
	memberId,
	nodeUrl,
	portNumber,
	slotNumber,
	withChange,
	withDataDir,
	withEndpoint,
	withServe,
} from './options.ts';
import { reasonOf } from './reason.ts';
import { CommandError, EXIT, type Terminal } from './terminal.ts';

/** The file of this program. */
export interface ProgramFile {
	/** The path by which it starts processes of itself. */
	readonly path: string;
	readonly version: string;
}

const EXIT_HELP = `
Exit status:
  0  fine
  1  an error
  2  a wrong command line
  3  no such key, or a compare-and-set or contest that left the old value
  4  unavailable: no node answers, no leader, or the outcome is unknown
"lock" has the status of its command, and some of its own: see paxos-swarm help lock`;

/**
 * Runs one command line to its end. Errors are printed to stderr.
 *
 * @param args the arguments without the program's own name
 * @returns the exit status: one of `EXIT`, or of `lock` that of its command
 */
export async function run(args: readonly string[], file: ProgramFile, terminal: Terminal): Promise<number> {
	let ended: number = EXIT.ok;
	const program = createProgram(file, terminal, async (command) => {
		ended = await command;
	});
	try {
		await program.parseAsync(withoutHelpFlags(args, program), { from: 'user' });
		return ended;
	} catch (error) {
		// Commander has printed its error. It also throws after help that was asked for, which is no error.
		if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
		terminal.stderr.write(`${reasonOf(error)}\n`);
		return error instanceof CommandError ? error.status : EXIT.error;
	}
}

/**
 * Turns `--help` into `help`, and both `--help kv put` and `kv put --help` into `help kv put`. An unknown command is left
 * without its arguments, so that the parser complains of its name and of nothing else.
 */
function withoutHelpFlags(args: readonly string[], program: Command): readonly string[] {
	const [first = '', ...rest] = args;
	if (HELP_FLAGS.includes(first)) return withoutHelpFlags(['help', ...rest], program);
	const named = first === 'help' ? (rest[0] ?? first) : first;
	const isKnown = commandAt(program, [named]).rest.length === 0;
	if (!isKnown && named !== '' && !named.startsWith('-')) return [named];
	const { command, rest: left } = commandAt(program, args);
	const asksHelp = command !== program && left.length === 1 && HELP_FLAGS.includes(left[0] as string);
	return asksHelp ? ['help', ...args.slice(0, -1)] : args;
}

const HELP_FLAGS: readonly string[] = ['-h', '--help'];

type Ended = (command: Promise<number> | number) => Promise<void>;

function createProgram({ path, version }: ProgramFile, terminal: Terminal, ended: Ended): Command {
	const program = new Command('paxos-swarm')
		.hook('preAction', (_program, command) => readCredentials(command.opts(), terminal))
		.description('A swarm of nodes that agree by Paxos on a replicated key-value store.')
		.version(version)
		.enablePositionalOptions()
		.addHelpText('after', EXIT_HELP)
		.showHelpAfterError('Try it with --help.')
		.exitOverride()
		.configureOutput({
			writeOut: (text) => terminal.stdout.write(text),
			writeErr: (text) => terminal.stderr.write(text),
		});

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

	addShortCommands(program, terminal, ended);
	addKv(program, terminal, ended);
	addLock(program, terminal, ended);
	addSession(program, terminal, ended);

	takesAnyText(withEndpoint(program.command('propose')), 'KEY VALUE')
		.argument('<key>')
		.argument('<value>')
		.description('propose a value at a node of your choice, and see what became of it')
		.option('--at <id>', 'the node that proposes; needed, unless --endpoint names it')
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

	const member = program
		.command('member')
		.description('the members of the swarm: list them, add one, remove one, replace one')
		.helpCommand(false)
		.addHelpText('after', example('member add n4 http://127.0.0.1:7104', 'n4, which runs there, becomes a member'));
	withEndpoint(member.command('list'))
		.description('who votes, who learns, and how far each member is')
		.option('--json', 'all of it as JSON')
		.addHelpText('after', example('member list', 'a line for each member'))
		.action(async (options) => ended((await import('./member.ts')).list(options, terminal)));
	withChange(member.command('add'))
		.argument('<id>', 'the name of the node, which runs already', memberId)
		.argument('<url>', 'where the others reach it', nodeUrl)
		.description('let a node in, as a voter once it has learned everything')
		.addHelpText('after', example('member add n4 http://127.0.0.1:7104', 'n4, which runs there, becomes a member'))
		.action(async (id, url, options) => ended((await import('./member.ts')).add(id, url, options, terminal)));
	withChange(member.command('remove'))
		.argument('<id>', 'the member', memberId)
		.description('remove a member, which then stops')
		.addHelpText('after', example('member remove n4', 'n4 is no member any more'))
		.action(async (id, options) => ended((await import('./member.ts')).remove(id, options, terminal)));
	withChange(member.command('replace'))
		.argument('<id>', 'the member that has lost its disk', memberId)
		.argument('[url]', 'where the node with the new disk runs; by default where the member was', nodeUrl)
		.description('let a node with a new disk take the place of the member of its name')
		.addHelpText('after', example('member replace n3', 'n3 runs with an empty data folder, and votes again'))
		.action(async (id, url, options) => ended((await import('./member.ts')).replace(id, url, options, terminal)));

	const snapshot = program
		.command('snapshot')
		.description('the whole state in one file, and a new swarm from it')
		.helpCommand(false)
		.addHelpText('after', example('snapshot save state.backup', 'everything that was acknowledged so far'));
	withEndpoint(snapshot.command('save'))
		.argument('<file>')
		.description('save the state of a running swarm, with all that was acknowledged before')
		.option('--node <id>', 'from this node; by default from the first one that gives it')
		.option('--stale', 'as the node has it: perhaps an old one, but also without a quorum')
		.option('--force', 'replace the file, if it is there')
		.addHelpText('after', example('snapshot save state.backup', 'everything that was acknowledged so far'))
		.action(async (file, options) => ended((await import('./snapshot.ts')).save(file, options, terminal)));
	snapshot
		.command('status')
		.argument('<file>')
		.description('check a saved file to its last byte, and say what is in it')
		.option('--json', 'as JSON')
		.addHelpText('after', example('snapshot status state.backup', 'how many keys, and when it was taken'))
		.action(async (file, options) => ended((await import('./snapshot.ts')).status(file, options, terminal)));
	withDataDir(snapshot.command('restore'))
		.argument('<file>')
		.description('make the data folders of a new swarm from a saved file')
		.addHelpText('after', example('snapshot restore state.backup --data-dir new', 'a new swarm with the same keys'))
		.action(async (file, options) => ended((await import('./snapshot.ts')).restore(file, options, terminal)));

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

	addCerts(program, terminal, ended);

	const config = program
		.command('config')
		.description('check a swarm.json')
		.helpCommand(false)
		.addHelpText('after', example('config validate swarm.json', 'all that is wrong in it, each with its place'));
	withDataDir(config.command('validate'))
		.argument('[file]', 'by default the one that a node would use')
		.description('check a swarm.json with the flags and the environment, as a node would')
		.addHelpText('after', example('config validate swarm.json', 'all that is wrong in it, each with its place'))
		.action(async (file, options) => ended((await import('./config-validate.ts')).validate(file, options, terminal)));

	program
		.command('completion')
		.addArgument(new Argument('<shell>').choices(SHELLS))
		.description('print a script by which the shell completes command lines of this program')
		.addHelpText('after', example('completion bash > ~/.local/share/bash-completion/completions/paxos-swarm', ''))
		.action((shell: Shell) => {
			terminal.stdout.write(completionOf(program, shell));
		});

	addLab(program, terminal, ended);

	program
		.command('sandbox')
		.description('serve a page in which nodes run without a server, to watch Paxos and to break it, until Ctrl-C')
		.addOption(new Option('--port <port>', 'where, on this machine only').argParser(portNumber).default('7100'))
		.addHelpText('after', example('sandbox --port 8080', 'the sandbox at http://127.0.0.1:8080/'))
		.action(async (options) => ended((await import('./sandbox.ts')).sandbox(options, terminal)));

	program
		.command('schema')
		.description('print the JSON Schema of swarm.json')
		.addHelpText('after', example('schema > swarm.schema.json', 'for editors'))
		.action(async () => {
			const { swarmJsonSchema } = await import('../config.ts');
			terminal.stdout.write(`${JSON.stringify(swarmJsonSchema(), null, 2)}\n`);
		});

	program
		.command('help')
		.argument('[command...]')
		.description('display help for a command')
		.helpOption(false)
		.action((names: readonly string[], _options, help: Command) => {
			const { command, rest } = commandAt(program, names);
			if (rest.length > 0) help.error(`error: too many arguments: ${rest.join(' ')}`);
			(command === help ? program : command).outputHelp();
		});
	return program;
}
