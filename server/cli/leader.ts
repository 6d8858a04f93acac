/** `leader transfer`: lets another node lead. */
import * as z from 'zod';
import type { TransferAnswer } from '../api/leader.ts';
import { loadConfig } from '../config/config.ts';
import { textOf } from '../swarm/ask.ts';
import { ballotForPeople } from './ballot.ts';
import { askAny, clientTimeoutMs, endpointsOf, understood } from './client.ts';
import type { ConnectOptions } from './options.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface TransferOptions extends ConnectOptions {
	readonly json?: true;
}

const answerSchema: z.ZodType<TransferAnswer> = z.object({ from: z.string(), leader: z.string(), ballot: z.string() });

/** @param to the node that is to lead; undefined for the follower that suits best */
export async function transferLeader(
	to: string | undefined,
	options: TransferOptions,
	terminal: Terminal,
): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const body = JSON.stringify(to === undefined ? {} : { to });
	const post = { method: 'POST', path: '/v1/leader/transfer', body, contentType: 'application/json' } as const;
	const given = await askAny(endpointsOf(config, options.endpoint), post, clientTimeoutMs(config));
	if (given.status !== 200) throw new CommandError(textOf(given), { status: EXIT.error });
	const answer = understood(() => answerSchema.parse(JSON.parse(given.body.toString())));
	const { from, leader, ballot } = answer;
	const text = options.json
		? JSON.stringify(answer)
		: `${leader} leads instead of ${from}, under ballot ${ballotForPeople(ballot)}`;
	terminal.stdout.write(`${text}\n`);
	return EXIT.ok;
}
