/**
 * Runs a benchmark by its name, with real processes, real sockets and a real disk. Benchmarks report figures and assert
 * nothing, because the figures depend on the machine. Each prints a table for people, or one line with `--json`.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { beyond } from './beyond/run.ts';
import { catchUp } from './catch-up.ts';
import { compare, WORK_NAMES } from './compare.ts';
import { pictures, readmePicture, THEMES, VIEW_NAMES, WIDTHS } from './dashboard/pictures.ts';
import { BAR_NAMES, dashboard } from './dashboard/run.ts';
import { failover } from './failover.ts';
import { floor } from './floor.ts';
import { growth } from './growth.ts';
import { http } from './http.ts';
import { load } from './load.ts';
import { reads } from './reads.ts';
import { restart } from './restart.ts';
import { rolling } from './rolling.ts';
import { snapshot } from './snapshot.ts';
import { soak } from './soak.ts';
import { watch } from './watch.ts';

const program = new Command('npm run bench --').description('Measures a swarm of real nodes on this machine.');

program
	.command('failover')
	.description('how long no write is acknowledged after the leader is killed, and after it falls silent')
	.option('--rounds <count>', 'of each of the two', positive, 20)
	.option('--nodes <count>', 'members of the swarm', positive, 5)
	.option('--json', 'one line of JSON')
	.action(failover);

program
	.command('put')
	.description('throughput and latency of durable puts, or with --get of linearizable reads')
	.option('--clients <count>', 'requests outstanding', positive, 256)
	.option('--connections <count>', 'that they share', positive, 16)
	.option('--total <count>', 'requests', positive, 200_000)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--size <bytes>', 'of a value', positive, 128)
	.option('--keys <count>', 'different keys', positive, 10_000)
	.option('--warm-up <count>', 'puts before anything is measured', wholeNumber, 300_000)
	.option('--get', 'read instead')
	.option('--tls', 'with TLS, by which nodes and clients show certificates')
	.option('--json', 'one line of JSON')
	.action(load);

program
	.command('http')
	.description('durable puts over HTTP, made by wrk, which has to be installed')
	.option('--connections <count>', 'each with one request outstanding', positive, 64)
	.option('--seconds <count>', 'how long', positive, 6)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--json', 'one line of JSON')
	.action(http);

program
	.command('reads')
	.description('linearizable reads over HTTP at the leader, and spread over all nodes, in turn, made by wrk')
	.option('--connections <count>', 'each with one request outstanding', positive, 256)
	.option('--seconds <count>', 'how long a round takes', positive, 6)
	.option('--rounds <count>', 'of each', positive, 3)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--json', 'one line of JSON')
	.action(reads);

program
	.command('compare')
	.description('this version and another one, both loaded in turn: how much better this one is')
	.requiredOption('--with <folder>', 'a checkout of the other version, in which something was run before')
	.addOption(new Option('--work <name>', 'what they do').choices(WORK_NAMES).default('put'))
	.option('--rounds <count>', 'that count', positive, 20)
	.option('--warm-up <count>', 'rounds before those', wholeNumber, 10)
	.option('--json', 'one line of JSON')
	.action(compare);

program
	.command('floor')
	.description('what this machine can do at best: a flush, a WebSocket there and back; and one client beside it')
	.option('--rounds <count>', 'of each', positive, 3000)
	.option('--warm-up <count>', 'puts before the client is measured', wholeNumber, 300_000)
	.option('--json', 'one line of JSON')
	.action(floor);

program
	.command('beyond')
	.description('a simulation: groups of keys with a leader each, reads at all nodes, witnesses')
	.option('--json', 'one line of JSON')
	.action(beyond);

program
	.command('growth')
	.description('puts with 3 to 9 nodes, values of 16 B to 512 KiB, 1,000 to 1,000,000 keys, 0 to 10 watchers')
	.option('--clients <count>', 'requests outstanding', positive, 256)
	.option('--connections <count>', 'that they share', positive, 16)
	.option('--total <count>', 'requests of each row, fewer of large values', positive, 200_000)
	.option('--warm-up <count>', 'puts before each row is measured', wholeNumber, 300_000)
	.option('--json', 'a line of JSON for each row')
	.action(growth);

program
	.command('watch')
	.description('puts with and without watches or blocking reads at the leader, in turn: what they cost')
	.option('--watchers <count>', 'watches, and then blocking reads', positive, 1000)
	.option('--rounds <count>', 'of each', positive, 5)
	.option('--clients <count>', 'requests outstanding', positive, 256)
	.option('--connections <count>', 'that they share', positive, 16)
	.option('--total <count>', 'puts of each round', positive, 50_000)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--size <bytes>', 'of a value', positive, 128)
	.option('--keys <count>', 'different keys', positive, 10_000)
	.option('--warm-up <count>', 'puts before anything is measured', wholeNumber, 300_000)
	.option('--json', 'a line of JSON for each row')
	.action(watch);

program
	.command('soak')
	.description('overwrites without end: the size of the folders and processes')
	.option('--total <count>', 'puts', positive, 2_000_000)
	.option('--every <count>', 'puts between two looks', positive, 500_000)
	.option('--clients <count>', 'requests outstanding', positive, 256)
	.option('--connections <count>', 'that they share', positive, 16)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--size <bytes>', 'of a value', positive, 128)
	.option('--keys <count>', 'different keys', positive, 10_000)
	.option('--json', 'lines of JSON')
	.action(soak);

program
	.command('restart')
	.description('how long all nodes take to be ready again, with ever more writes behind them')
	.option('--total <count>', 'puts before each restart', positive, 2_000_000)
	.option('--restarts <count>', 'how many', positive, 2)
	.option('--clients <count>', 'requests outstanding', positive, 256)
	.option('--connections <count>', 'that they share', positive, 16)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--size <bytes>', 'of a value', positive, 128)
	.option('--keys <count>', 'different keys', positive, 10_000)
	.option('--json', 'lines of JSON')
	.action(restart);

program
	.command('rolling')
	.description('each node is stopped and started in turn, under load: how long no write is acknowledged')
	.option('--rounds <count>', 'restarts of each node', positive, 5)
	.option('--clients <count>', 'requests outstanding', positive, 64)
	.option('--connections <count>', 'that they share', positive, 8)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--json', 'one line of JSON')
	.action(rolling);

program
	.command('snapshot')
	.description('the pace of puts while snapshots of a large state are written, and the longest steps of event loops')
	.option('--clients <count>', 'requests outstanding', positive, 256)
	.option('--connections <count>', 'that they share', positive, 16)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--size <bytes>', 'of a value', positive, 128)
	.option('--keys <count>', 'different keys', positive, 1_000_000)
	.option('--total <count>', 'puts that are measured', positive, 1_500_000)
	.option('--json', 'one line of JSON')
	.action(snapshot);

program
	.command('catchup')
	.description('a node that was away comes back under load: how long it takes, and how many writes the others keep')
	.option('--clients <count>', 'requests outstanding', positive, 256)
	.option('--connections <count>', 'that they share', positive, 16)
	.option('--nodes <count>', 'members of the swarm', positive, 3)
	.option('--size <bytes>', 'of a value', positive, 128)
	.option('--keys <count>', 'different keys', positive, 200_000)
	.option('--missed <count>', 'puts that the node misses', positive, 500_000)
	.option('--json', 'lines of JSON')
	.action(catchUp);

program
	.command('dashboard')
	.description('the bars of the dashboard: a real browser before a real swarm, and what of it is met')
	.addOption(new Option('--only <names...>', 'these bars').choices(BAR_NAMES))
	.option('--seconds <count>', 'for which frames are watched', positive, 60)
	.option('--minutes <count>', 'for which the heap is watched', positive, 10)
	.option('--away <seconds>', 'for which a node is away, and a tab asleep', positive, 60)
	.option('--facts <count>', 'that are scrubbed over', positive, 1_000_000)
	.option('--rounds <count>', 'of what is done in turn, or again and again', positive, 5)
	.option('--json', 'a line of JSON for each bar')
	.action(dashboard);

program
	.command('pictures')
	.description('pictures of every state of the page, to be looked at')
	.requiredOption('--to <folder>', 'where they go')
	.addOption(new Option('--only <names...>', 'these states').choices(VIEW_NAMES))
	.addOption(new Option('--widths <pixels...>', 'of the screens').choices(WIDTHS).default(WIDTHS))
	.addOption(new Option('--themes <names...>', 'of the page').choices(THEMES).default(THEMES))
	.action(pictures);

program.command('picture').description('the picture of the README, taken anew').action(readmePicture);

await program.parseAsync();

function positive(text: string): number {
	if (!/^[1-9]\d{0,7}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 99999999.');
	return Number(text);
}

function wholeNumber(text: string): number {
	if (!/^\d{1,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0 to 99999999.');
	return Number(text);
}
