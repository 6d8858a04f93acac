/** The commands below `lab`, with their options and help. */
import { type Command, InvalidArgumentError } from 'commander';
import { DELAY_MS_MAX, LOSS_MAX, NODE_ACTS, type NodeAct } from '../../shared/lab.ts';
import { example } from './help.ts';
import { memberId, withCredentials, withEndpoint } from './options.ts';
import type { Ended, Terminal } from './terminal.ts';

const ACT_HELP: Readonly<Record<NodeAct, string>> = {
	pause: 'hold the process still: the node falls silent, with all its connections open',
	resume: 'let a paused process go on',
	kill: 'kill the process, as SIGKILL does',
	start: 'start the process again',
	wipe: 'kill the process and remove its data: the node comes back with a new disk',
};

/** Adds `lab` with all its commands. */
export function addLab(program: Command, terminal: Terminal, ended: Ended): void {
	const lab = program
		.command('lab')
		.description('faults on purpose, in a swarm that was started with --lab')
		.helpCommand(false)
		.addHelpText('after', example('lab cut n1 n2', 'no message passes between n1 and n2, until: lab heal'));
	const load = () => import('./lab.ts');

	const between = (name: string): Command =>
		withCredentials(lab.command(name).argument('<from>', 'a node', memberId).argument('<to>', 'another one', memberId));
	const oneWay = (command: Command): Command =>
		command.option('--one-way', 'only what the first node sends to the second');

	withEndpoint(lab.command('show'))
		.description('the faults of all links, and how many messages wait')
		.action(async (options) => ended((await load()).faults(options, terminal)));
	oneWay(between('cut'))
		.description('let no message pass between two nodes')
		.addHelpText('after', example('lab cut n1 n2 --one-way', 'n2 hears nothing of n1, which still hears n2'))
		.action(async (from, to, options) => ended((await load()).link(from, to, { cut: true }, options, terminal)));
	oneWay(between('mend'))
		.description('end all faults between two nodes')
		.action(async (from, to, options) =>
			ended((await load()).link(from, to, { cut: false, delayMs: 0, loss: 0, hold: false }, options, terminal)),
		);
	oneWay(between('delay').argument('<ms>', `0 to ${DELAY_MS_MAX}`, delay))
		.description('let every message between two nodes come so much later')
		.action(async (from, to, delayMs, options) => ended((await load()).link(from, to, { delayMs }, options, terminal)));
	oneWay(between('lose').argument('<percent>', `0 to ${LOSS_MAX * 100}`, percent))
		.description('lose frames between two nodes, which TCP sends again')
		.action(async (from, to, loss, options) => ended((await load()).link(from, to, { loss }, options, terminal)));
	oneWay(between('hold'))
		.description('let messages between two nodes wait until they are released')
		.addHelpText('after', example('lab hold n1 n2 --one-way', 'then: lab release n1 n2'))
		.action(async (from, to, options) => ended((await load()).link(from, to, { hold: true }, options, terminal)));
	between('release')
		.argument('[count]', 'how many messages, 1 by default', positive, 1)
		.description('let messages arrive that the first node has sent to the second, and that are held')
		.action(async (from, to, count, options) => ended((await load()).release(from, to, count, options, terminal)));
	withEndpoint(lab.command('slow').argument('<ms>', `0 to ${DELAY_MS_MAX}`, delay))
		.description('let every message between all nodes come so much later, so that a quorum can be watched as it forms')
		.addHelpText('after', example('lab slow 500', 'half a second for each message; lab slow 0 ends it'))
		.action(async (delayMs, options) => ended((await load()).slow(delayMs, options, terminal)));
	withEndpoint(lab.command('heal'))
		.description('end the faults of all links')
		.action(async (options) => ended((await load()).heal(options, terminal)));
	for (const act of NODE_ACTS) {
		withEndpoint(lab.command(act).argument('<node>', 'the node', memberId))
			.description(ACT_HELP[act])
			.action(async (node, options) => ended((await load()).act(act, node, options, terminal)));
	}
}

function delay(text: string): number {
	const ms = /^\d{1,6}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
	if (ms > DELAY_MS_MAX) throw new InvalidArgumentError(`It must be milliseconds, 0 to ${DELAY_MS_MAX}.`);
	return ms;
}

/** @returns a share */
function percent(text: string): number {
	const share = /^\d{1,3}$/.test(text) ? Number(text) / 100 : Number.POSITIVE_INFINITY;
	if (share > LOSS_MAX) throw new InvalidArgumentError(`It must be a percentage, 0 to ${LOSS_MAX * 100}.`);
	return share;
}

function positive(text: string): number {
	if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
	return Number(text);
}
