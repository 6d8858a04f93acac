/**
 * `completion`: scripts by which shells complete command lines. They are made from the commands themselves, so they know
 * every command, option and choice, and nothing that the program does not have.
 */
import type { Command, Option } from 'commander';
import { pathOfCommand } from './help.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionOf(program: Command, shell: Shell): string {
	const all = commandsOf(program);
	switch (shell) {
		case 'bash':
			return bashOf(all);
		case 'zsh':
			// zsh runs the functions of bash.
			return `#compdef paxos-swarm\nautoload -U +X bashcompinit && bashcompinit\n${bashOf(all)}`;
		case 'fish':
			return fishOf(all);
	}
}

interface Completed {
	/** The names by which the command is called: '' for the program itself. */
	readonly path: string;
	/** The names of its commands, and their other names. */
	readonly commands: readonly { readonly name: string; readonly description: string }[];
	readonly options: readonly Option[];
	/** What its arguments may be, where they are among a few words. */
	readonly words: readonly string[];
}

/** The program and all its commands, also by their other names. */
function commandsOf(program: Command): Completed[] {
	const inner = program.commands.flatMap((command) => [command, ...commandsWithin(command)]);
	return [program, ...inner].flatMap((command) => pathsOf(command).map((path) => completedOf(command, path)));
}

function commandsWithin(command: Command): Command[] {
	return command.commands.flatMap((inner) => [inner, ...commandsWithin(inner)]);
}

function pathsOf(command: Command): string[] {
	const path = pathOfCommand(command);
	return [path, ...command.aliases().map((alias) => path.replace(/[^ ]+$/, alias))];
}

function completedOf(command: Command, path: string): Completed {
	const commands = command.commands.flatMap((inner) =>
		[inner.name(), ...inner.aliases()].map((name) => ({ name, description: inner.description() })),
	);
	const options = command.options.filter(({ hidden }) => !hidden);
	const words = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
	return { path, commands, options, words };
}

function flagsOf({ short, long }: Option): string[] {
	return [short, long].filter((flag) => flag !== undefined);
}

function takesValue({ required, optional }: Option): boolean {
	return required || optional;
}

function bashOf(all: readonly Completed[]): string {
	const words = all.map((each) => {
		const { path, commands, options } = each;
		const names = [...commands.map(({ name }) => name), ...each.words, ...options.flatMap(flagsOf)];
		return `\t\t${JSON.stringify(path)}) words=${JSON.stringify(names.join(' '))} ;;`;
	});
	const inner = all.filter(({ path }) => path !== '').map(({ path }) => JSON.stringify(path));
	const choices = distinct(
		all.flatMap(({ path, options }) =>
			options
				.filter(({ argChoices }) => argChoices)
				.flatMap((option) => flagsOf(option).map((flag) => [`${path} ${flag}`, option.argChoices?.join(' ')] as const)),
		),
	);
	const valued = [...new Set(all.flatMap(({ options }) => options.filter(takesValue).flatMap(flagsOf)))];
	return `# Completes command lines of paxos-swarm: source <(paxos-swarm completion bash)
_paxos_swarm() {
	local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" at
	for ((at = 1; at < COMP_CWORD; at++)); do
		case "\${path:+$path }\${COMP_WORDS[at]}" in
			${inner.join('|')}) path="\${path:+$path }\${COMP_WORDS[at]}" ;;
		esac
	done
	case "$path $before" in
${choices.map(([at, list]) => `\t\t${JSON.stringify(at)}) COMPREPLY=($(compgen -W ${JSON.stringify(list)} -- "$word")); return ;;`).join('\n')}
	esac
	case "$before" in
		${valued.join('|')}) COMPREPLY=($(compgen -f -- "$word")); return ;;
	esac
	case "$path" in
${words.join('\n')}
	esac
	COMPREPLY=($(compgen -W "$words" -- "$word"))
	[[ \${#COMPREPLY[@]} -gt 0 || $word == -* ]] || COMPREPLY=($(compgen -f -- "$word"))
}
complete -F _paxos_swarm paxos-swarm
`;
}

function distinct<T>(pairs: readonly (readonly [string, T])[]): [string, T][] {
	return [...new Map(pairs)];
}

function fishOf(all: readonly Completed[]): string {
	const lines = all.flatMap(({ path, commands, options, words }) => {
		const when = `-n ${quoted(`__paxos_swarm_at ${quoted(path)}`)}`;
		return [
			...commands.map(
				({ name, description }) => `complete -c paxos-swarm -f ${when} -a ${name} -d ${quoted(description)}`,
			),
			...words.map((word) => `complete -c paxos-swarm -f ${when} -a ${word}`),
			...options.map((option) => `complete -c paxos-swarm ${when} ${fishOption(option)}`),
		];
	});
	const paths = all.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
	return `# Completes command lines of paxos-swarm: paxos-swarm completion fish | source
function __paxos_swarm_at
	set -l path
	for word in (commandline -opc)[2..]
		if contains -- (string join ' ' $path $word) ${paths.join(' ')}
			set path $path $word
		end
	end
	test (string join ' ' $path) = $argv[1]
end
${lines.join('\n')}
`;
}

function fishOption(option: Option): string {
	const { short, long, argChoices, description } = option;
	const names = [...(short ? [`-s ${short.slice(1)}`] : []), ...(long ? [`-l ${long.slice(2)}`] : [])];
	const value = argChoices ? [`-x -a ${quoted(argChoices.join(' '))}`] : takesValue(option) ? ['-r'] : [];
	return [...names, ...value, `-d ${quoted(description)}`].join(' ');
}

function quoted(text: string): string {
	return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
