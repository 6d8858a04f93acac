/** The commands below `certs`, with their options and help. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isHost } from '../config/names.ts';
import { example } from './help.ts';
import { memberId, withConfig } from './options.ts';
import type { Ended, Terminal } from './terminal.ts';

const DAYS = 365;
const DAYS_MAX = 3650;

/** Adds `certs` with all its commands. */
export function addCerts(program: Command, terminal: Terminal, ended: Ended): void {
	const certs = program
		.command('certs')
		.description('certificates for TLS: a small authority for the swarm, its nodes and its clients')
		.helpCommand(false)
		.addHelpText('after', example('certs init', 'an authority, and a certificate for each node of swarm.json'));
	const load = () => import('./certs.ts');
	const withDays = (command: Command): Command =>
		withConfig(command).addOption(
			new Option('--days <number>', 'how long a certificate is valid').argParser(days).default(DAYS),
		);
	const issuing = (command: Command): Command =>
		withDays(command).option('--force', 'replace a key and a certificate that are there');

	issuing(certs.command('init'))
		.description(
			'make the authority, and a certificate for each node of swarm.json and one for commands; what is there stays',
		)
		.addHelpText('after', example('certs init', 'certs/ca.crt, certs/n1.crt, certs/n1.key and so on'))
		.action(async (options) => ended((await load()).init(options, terminal)));
	issuing(certs.command('node').argument('<id>', 'the name of the node', memberId))
		.description('make a certificate for a node, for the addresses that swarm.json has of it')
		.option('--host <name>', 'a further name or IP address at which it is reached; may be repeated', hosts)
		.addHelpText('after', example('certs node n4 --host 10.1.2.3', 'for a node that swarm.json does not name'))
		.action(async (id, options) => ended((await load()).node(id, options, terminal)));
	issuing(certs.command('client').argument('<name>', 'the name of the client', clientName))
		.description('make a certificate for a client; what it may do is said by its token')
		.addHelpText('after', example('certs client backup', 'certs/backup.crt and certs/backup.key'))
		.action(async (name, options) => ended((await load()).client(name, options, terminal)));
	withDays(certs.command('renew'))
		.description(
			'renew the certificates that expire soon, with the keys that they have; nodes take them without a restart',
		)
		.option('--all', 'renew all of them')
		.addHelpText('after', example('certs renew --all', 'later certificates for all nodes and clients'))
		.action(async (options) => ended((await load()).renew(options, terminal)));
	withConfig(certs.command('show').argument('[path]', 'a file or a folder; by default those of the swarm'))
		.description('show for whom certificates are, and until when they are valid')
		.addHelpText('after', example('certs show certs/n1.crt', 'the certificate of n1'))
		.action(async (path, options) => ended(load().then(({ show }) => show(path, options, terminal))));
}

function hosts(value: string, before: readonly string[] = []): readonly string[] {
	if (!isHost(value)) throw new InvalidArgumentError('It must be an IP address or a host name, without a port.');
	return [...before, value];
}

function days(text: string): number {
	const number = /^\d{1,4}$/.test(text) ? Number(text) : 0;
	if (number < 1 || number > DAYS_MAX) throw new InvalidArgumentError(`It must be 1 to ${DAYS_MAX} days.`);
	return number;
}

function clientName(text: string): string {
	if (!/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(text)) {
		throw new InvalidArgumentError('It must be 1 to 64 letters, digits, dots, hyphens and underscores.');
	}
	return text;
}
