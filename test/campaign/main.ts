/** Runs a long campaign against real processes by its name. It ends with status 0 only where no fault was found. */
import { Command, InvalidArgumentError } from 'commander';
import { type FlipOptions, flips } from './flips.ts';
import { type FullDiskOptions, fullDisk } from './full-disk.ts';
import { guide } from './guide.ts';
import { type KillOptions, kills } from './kills.ts';
import { type MembersOptions, members } from './members.ts';

const program = new Command('npm run campaign --').description('Long trials of a swarm of real nodes.');

program
	.command('kills')
	.description('SIGKILL under load: is everything there that was acknowledged, once?')
	.option('--rounds <count>', 'kills of one node, drawn at random', count, 200)
	.option('--all <count>', 'kills of all nodes at once', count, 30)
	.option('--nodes <count>', 'members of the swarm', count, 5)
	.option('--putters <count>', 'clients that put keys of their own', count, 8)
	.option('--counters <count>', 'counters, each raised by two clients', count, 2)
	.option('--log-mib <count>', 'a log of more MiB is trimmed behind a snapshot', count, 32)
	.action(async (options: KillOptions) => report(await kills(options, say)));

program
	.command('members')
	.description('Disks are lost, members come in and leave under load: is everything there that was acknowledged, once?')
	.option('--wipes <count>', 'disks that are lost, each of a member drawn at random', count, 20)
	.option('--leaders <count>', 'disks that are lost, each of the leader', count, 20)
	.option('--tours <count>', 'times that three members become five, and three again', count, 10)
	.option('--putters <count>', 'clients that put keys of their own', count, 8)
	.option('--counters <count>', 'counters, each raised by two clients', count, 2)
	.option('--log-mib <count>', 'a log of more MiB is trimmed behind a snapshot', count, 1)
	.action(async (options: MembersOptions) => report(await members(options, say)));

program
	.command('flips')
	.description('Damaged files: is everything that is read right, or is the data refused with a remedy?')
	.option('--openings <count>', 'damages that are opened in one process', count, 6000)
	.option('--processes <count>', 'damages with which a node starts alone', count, 80)
	.option('--joins <count>', 'damages with which a node starts while its peers run', count, 20)
	.action(async (options: FlipOptions) =>
		report(await flips(options, say), 'all was read right, or refused with a remedy'),
	);

program
	.command('full-disk')
	.description('Full disks, on a small tmpfs that root may mount: are writes refused, reads served, and none is lost?')
	.option('--rounds <count>', 'times that each of a follower, the leader and all nodes have a full disk', count, 3)
	.option('--disk-mib <count>', 'room for the data of one node, before it is enlarged', count, 44)
	.option('--log-mib <count>', 'a log of more MiB is trimmed behind a snapshot', count, 16)
	.option('--value-kib <count>', 'the size of each value', count, 16)
	.action(async (options: FullDiskOptions) => report(await fullDisk(options, say)));

program
	.command('guide')
	.description(
		'The commands of server/deploy/SEVERAL-MACHINES.md, in network namespaces that root may make: does each do what it says?',
	)
	.action(async () => report(await guide(say), 'each command did what the guide says'));

await program.parseAsync();

function say(line: string): void {
	process.stdout.write(`${line}\n`);
}

/** @param problems one sentence each @param well what is said where there are none */
function report(problems: readonly string[], well = 'nothing is missing, nothing is twice'): void {
	for (const problem of problems) say(`FAIL ${problem}`);
	say(problems.length === 0 ? well : `${problems.length} problems`);
	process.exitCode = problems.length === 0 ? 0 : 1;
}

function count(text: string): number {
	if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 to 999999.');
	return Number(text);
}
