/** Parts of help texts. */
import type { Command } from 'commander';

export function example(command: string, what: string): string {
	return `\nExample:\n  paxos-swarm ${command}    ${what}`;
}

/** The names by which a command is called, without the program's own: `kv put`. */
export function pathOfCommand(command: Command): string {
	const { parent } = command;
	return parent === null ? '' : `${pathOfCommand(parent)} ${command.name()}`.trim();
}

/**
 * A command whose arguments may be any text. It has no help option among its arguments, because a user whose key or
 * value looks like that flag must not get help and status 0.
 */
export function takesAnyText(command: Command, names: string): Command {
	const path = pathOfCommand(command);
	const line = `paxos-swarm ${path} [options] -- ${names}`;
	return command
		.helpOption(false)
		.showHelpAfterError(
			`A key or value that begins with "-" goes behind "--": ${line}\nTry it with: paxos-swarm help ${path}`,
		);
}

/** The command of these names, or of as many of them as there are commands; with the names that are left. */
export function commandAt(
	program: Command,
	names: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } {
	const [first, ...others] = names;
	const inner = program.commands.find((each) => each.name() === first || each.aliases().includes(first as string));
	return inner ? commandAt(inner, others) : { command: program, rest: names };
}
