/** What a command says of a write. */
import * as z from 'zod';
import type { SwarmAnswer } from '../../swarm/ask.ts';
import { understood } from '../client.ts';
import { tableOf } from '../table.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';
import { formatOf, type KvOptions, refuseError } from './connection.ts';

export interface WriteOptions extends KvOptions {
	readonly cas?: string;
}

/** @throws CommandError where the condition did not hold */
export function reportWrite(answer: SwarmAnswer, key: string, options: WriteOptions, terminal: Terminal): ExitStatus {
	refuseError(answer);
	const { cas } = options;
	const done = understood(() => z.boolean().parse(JSON.parse(answer.body.toString())));
	const format = formatOf(options);
	if (format === 'json') terminal.stdout.write(`${JSON.stringify({ key, done })}\n`);
	if (format === 'table')
		terminal.stdout.write(
			`${tableOf([
				['KEY', 'DONE'],
				[key, done ? 'yes' : 'no'],
			])}\n`,
		);
	if (done) return EXIT.ok;
	const why = cas === '0' ? 'it exists' : `its ModifyIndex is not ${cas}`;
	throw new CommandError(`"${key}" was left as it is: ${why}.`, { status: EXIT.missing });
}
