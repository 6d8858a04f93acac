/**
 * The commands of `paxos-swarm`, with their options and help. Each command is carried out by the file of its name, which
 * is loaded only where the command is run.
 */
import { Argument, Command, CommanderError, Option } from 'commander';
import { addCerts } from './certs-commands.ts';
import { completionOf, SHELLS, type Shell } from './completion.ts';
import { readCredentials } from './credentials.ts';
import { commandAt, example } from './help.ts';
import { addKv, addShortCommands } from './kv/commands.ts';
import { addLab } from './lab-commands.ts';
import { addLock, addSession } from './lock/commands.ts';
import { addMember } from './member-commands.ts';
import { addNodes, addTrouble } from './node-commands.ts';
import { portNumber, withDataDir } from './options.ts';
import { reasonOf } from './reason.ts';
import { addServing } from './serve-commands.ts';
import { addSnapshot } from './snapshot-commands.ts';
import { CommandError, type Ended, EXIT, type Terminal } from './terminal.ts';

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

	addServing(program, path, terminal, ended);
	addShortCommands(program, terminal, ended);
	addKv(program, terminal, ended);
	addLock(program, terminal, ended);
	addSession(program, terminal, ended);
	addNodes(program, terminal, ended);
	addMember(program, terminal, ended);
	addSnapshot(program, terminal, ended);
	addTrouble(program, terminal, ended);
	addCerts(program, terminal, ended);
	addConfig(program, terminal, ended);
	addCompletion(program, terminal);
	addLab(program, terminal, ended);
	addSandbox(program, terminal, ended);
	addSchema(program, terminal);
	addHelp(program);
	return program;
}

function addConfig(program: Command, terminal: Terminal, ended: Ended): void {
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
}

function addCompletion(program: Command, terminal: Terminal): void {
	program
		.command('completion')
		.addArgument(new Argument('<shell>').choices(SHELLS))
		.description('print a script by which the shell completes command lines of this program')
		.addHelpText('after', example('completion bash > ~/.local/share/bash-completion/completions/paxos-swarm', ''))
		.action((shell: Shell) => {
			terminal.stdout.write(completionOf(program, shell));
		});
}

function addSandbox(program: Command, terminal: Terminal, ended: Ended): void {
	program
		.command('sandbox')
		.description('serve a page in which nodes run without a server, to watch Paxos and to break it, until Ctrl-C')
		.addOption(new Option('--port <port>', 'where, on this machine only').argParser(portNumber).default('7100'))
		.addHelpText('after', example('sandbox --port 8080', 'the sandbox at http://127.0.0.1:8080/'))
		.action(async (options) => ended((await import('./sandbox.ts')).sandbox(options, terminal)));
}

function addSchema(program: Command, terminal: Terminal): void {
	program
		.command('schema')
		.description('print the JSON Schema of swarm.json')
		.addHelpText('after', example('schema > swarm.schema.json', 'for editors'))
		.action(async () => {
			const { swarmJsonSchema } = await import('../config/swarm-file.ts');
			terminal.stdout.write(`${JSON.stringify(swarmJsonSchema(), null, 2)}\n`);
		});
}

function addHelp(program: Command): void {
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
}
