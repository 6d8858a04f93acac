/**
 * The commands of `kv`, with their options and help: `put`, `get` and `del` are there without `kv` too. Each is carried
 * out by the file of its name.
 */
import { type Command, Option } from 'commander';
import { example, pathOfCommand } from '../help.ts';
import { positiveNumber, wholeNumber } from '../options.ts';
import type { Ended, Terminal } from '../terminal.ts';
import { withData } from './options.ts';

const VALUES = `
A value that is "-" is read from stdin, and one that begins with "@" from the file of that name. "@@text" is "@text".`;

/** Adds `put`, `get` and `del`. @param to the program, or its command `kv` */
export function addShortCommands(to: Command, terminal: Terminal, ended: Ended): void {
	// The short form has always written "@file" as it is.
	const takesFiles = pathOfCommand(to) !== '';
	withData(to.command('put'), 'KEY VALUE')
		.argument('<key>')
		.argument('<value>', takesFiles ? '"-" reads it from stdin, "@file" from a file' : '"-" reads it from stdin')
		.description('write a value')
		.option('--cas <index>', 'only if the ModifyIndex of the key is this; 0: only if there is no such key', wholeNumber)
		.option('--flags <number>', 'any number, kept with the value', wholeNumber)
		.option('--json', 'say what happened as JSON: the same as -w json')
		.addHelpText('after', takesFiles ? VALUES : '')
		.addHelpText('after', exampleOf(to, 'put color red', 'writes "red" under "color"'))
		.addHelpText('after', '  paxos-swarm put color -- -5s   what begins with "-" goes behind "--"')
		.action(async (key, value, options) =>
			ended((await import('./put.ts')).put(key, value, takesFiles, options, terminal)),
		);

	withData(to.command('get'), 'KEY')
		.argument('<key>')
		.description('print a value, byte for byte')
		.option('--stale', 'as the node that answers has it: perhaps an old one, but also without a quorum')
		.option('--json', 'with its indexes and flags, as the HTTP API has it: the same as -w json')
		.addHelpText('after', exampleOf(to, 'get color', 'prints "red"'))
		.action(async (key, options) => ended((await import('./get.ts')).get(key, options, terminal)));

	withData(to.command('del').alias('delete'), 'KEY')
		.argument('<key>')
		.description('delete a key, if it is there')
		.addOption(
			new Option('--cas <index>', 'only if its ModifyIndex is this').argParser(wholeNumber).conflicts('recurse'),
		)
		.option('--recurse', 'delete all keys that begin with KEY; with "" all keys')
		.option('--json', 'say what happened as JSON: the same as -w json')
		.addHelpText('after', exampleOf(to, 'del color', '"color" is gone'))
		.action(async (key, options) => ended((await import('./del.ts')).del(key, options, terminal)));
}

/** Adds `kv` with all its commands. */
export function addKv(program: Command, terminal: Terminal, ended: Ended): void {
	const kv = program
		.command('kv')
		.description('keys and their values: read, write, list, watch, export and import them')
		.helpCommand(false)
		.addHelpText('after', example('kv ls app/', 'the keys that begin with "app/"'));
	addShortCommands(kv, terminal, ended);

	withData(kv.command('ls'), 'PREFIX')
		.argument('[prefix]', 'all keys without it', '')
		.description('list the keys that begin with a prefix, as they are at one moment')
		.option('--separator <text>', 'cut each key behind the first such text after the prefix, and list it once')
		.option('--stale', 'as the node that answers has them')
		.addHelpText('after', example('kv ls app/ -w table', 'the keys below "app/" with their values'))
		.action(async (prefix, options) => ended((await import('./ls.ts')).ls(prefix, options, terminal)));

	withData(kv.command('watch'), 'PREFIX', ['simple', 'json'])
		.argument('[prefix]', 'all keys without it', '')
		.description('print every change of the keys that begin with a prefix, until Ctrl-C')
		.option('--index <index>', 'the changes behind this index; by default those from now on', wholeNumber)
		.option('--count <number>', 'end after so many events; a transaction is one', positiveNumber)
		.addHelpText('after', '\nIt goes on at another node where one is lost. Each change is printed once, in order.')
		.addHelpText('after', example('kv watch app/ -w json', 'a line for each event, with the Index to go on from'))
		.action(async (prefix, options) => ended((await import('./watch.ts')).watch(prefix, options, terminal)));

	withData(kv.command('export'), 'PREFIX', null)
		.argument('[prefix]', 'all keys without it', '')
		.description("print the keys that begin with a prefix with their values, as JSON in the form of Consul's exports")
		.option('--out <file>', 'into a file, which is there only once it is whole')
		.option('--force', 'replace that file')
		.option('--stale', 'as the node that answers has them')
		.addHelpText('after', example('kv export app/ --out app.json', 'everything below "app/"'))
		.action(async (prefix, options) => ended((await import('./export.ts')).exportKeys(prefix, options, terminal)));

	withData(kv.command('import'), 'FILE', null)
		.argument('<file>', '"-" reads it from stdin')
		.description('write the keys of an export; keys that are there are replaced, and no key is deleted')
		.addHelpText(
			'after',
			'\nThe keys are written in transactions of up to 64. An import that fails says how many were written.',
		)
		.addHelpText('after', example('kv import app.json', 'writes what kv export has written'))
		.action(async (file, options) => ended((await import('./import.ts')).importKeys(file, options, terminal)));

	withData(kv.command('txn'), 'FILE')
		.argument('[file]', '"-" reads it from stdin', '-')
		.description('carry out all operations of a file in the form of PUT /v1/txn, or none of them')
		.addHelpText('after', '\nThe exit status is 3 where a condition does not hold, and then nothing is changed.')
		.addHelpText('after', example('kv txn changes.json', '[{"KV":{"Verb":"set","Key":"color","Value":"cmVk"}}]'))
		.action(async (file, options) => ended((await import('./txn.ts')).txn(file, options, terminal)));
}

function exampleOf(to: Command, line: string, what: string): string {
	return example([pathOfCommand(to), line].filter((part) => part !== '').join(' '), what);
}
