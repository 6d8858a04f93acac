/** `propose`: proposes one value from the node of one's choice, and shows its campaigns and its outcome. */
import * as z from 'zod';
import type { Attempt, ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import { loadConfig } from '../config/config.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { textOf } from '../swarm/ask.ts';
import { ballotForPeople } from './ballot.ts';
import { ask, clientTimeoutMs, endpointsOf, idsOf } from './client.ts';
import { addressOf } from './members.ts';
import type { ConnectOptions } from './options.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface ProposeOptions extends ConnectOptions {
	readonly at?: string;
	readonly route: 'leader' | 'self';
	readonly slot?: string;
	readonly json?: true;
}

const attempts = z.array(z.object({ ballot: z.string(), haltedBy: z.string(), givenUp: z.boolean() }));
const slot = z.number();
const answerSchema: z.ZodType<ProposeAnswer> = z.discriminatedUnion('outcome', [
	z.object({
		outcome: z.literal('chosen'),
		ok: z.boolean(),
		slot,
		ballot: z.string(),
		chosenAt: z.string(),
		revision: z.number(),
		attempts,
	}),
	z.object({
		outcome: z.literal('kept'),
		slot,
		ballot: z.string(),
		value: z.object({ digest: z.string(), bytes: z.number(), commands: z.number(), text: z.string() }),
		attempts,
	}),
	z.object({ outcome: z.literal('refused'), why: z.string(), attempts }),
	z.object({ outcome: z.literal('unknown'), why: z.string(), attempts }),
]);

export async function propose(
	key: string,
	value: string,
	options: ProposeOptions,
	terminal: Terminal,
): Promise<ExitStatus> {
	const contest = Number(options.slot ?? 0);
	if (contest !== 0 && options.route !== 'self') {
		throw new CommandError('--slot contests a slot, which takes both phases: add --route self.', {
			status: EXIT.usage,
		});
	}
	const request: ProposeRequest = { key, value, route: options.route, contest };
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const endpoint = await endpointToPropose(options, config);
	const body = JSON.stringify(request);
	const post = { method: 'POST', path: '/v1/swarm/propose', body, contentType: 'application/json' } as const;
	const tried = await ask(endpoint, post, clientTimeoutMs(config));
	if (tried.kind !== 'answered') {
		const outcome = tried.kind === 'notSent' ? '' : 'the outcome is unknown: ';
		throw new CommandError(`${endpoint}: ${outcome}${tried.why}`, { status: EXIT.unavailable });
	}
	const parsed = answerSchema.safeParse(jsonOf(tried.answer.body));
	if (!parsed.success) throw new CommandError(textOf(tried.answer), { status: EXIT.error });
	const answer = parsed.data;
	if (options.json) terminal.stdout.write(`${JSON.stringify(answer)}\n`);
	else terminal.stdout.write(`${[...answer.attempts.map(describeAttempt), describe(answer)].join('\n')}\n`);
	switch (answer.outcome) {
		case 'chosen':
			return EXIT.ok;
		case 'kept':
			return EXIT.missing;
		case 'refused':
			return tried.answer.status === 400 ? EXIT.error : EXIT.unavailable;
		case 'unknown':
			return EXIT.unavailable;
	}
}

/** The address of the node that is to propose. */
async function endpointToPropose({ at, endpoint }: ProposeOptions, config: SwarmConfig): Promise<string> {
	if (endpoint !== undefined) return endpointsOf(config, endpoint)[0] ?? endpoint;
	if (at !== undefined) return addressOf(at, config);
	const message = `Say at which node: --at ID; swarm.json names ${idsOf(config.nodes)}.`;
	throw new CommandError(message, { status: EXIT.usage });
}

function jsonOf(body: Buffer): unknown {
	try {
		return JSON.parse(body.toString());
	} catch {
		return null;
	}
}

function describeAttempt({ ballot, haltedBy, givenUp }: Attempt): string {
	if (givenUp) return `campaign ${ballotForPeople(ballot)}: given up`;
	const halted = haltedBy === '' ? '' : `: halted by a promise to ${ballotForPeople(haltedBy)}`;
	return `campaign ${ballotForPeople(ballot)}${halted}`;
}

function describe(answer: ProposeAnswer): string {
	switch (answer.outcome) {
		case 'chosen': {
			const { slot, ballot, chosenAt, revision } = answer;
			const proposed = chosenAt === ballot ? '' : ` (proposed at ${ballotForPeople(ballot)})`;
			return `chosen in slot ${slot} at ballot ${ballotForPeople(chosenAt)}${proposed}, revision ${revision}`;
		}
		case 'kept':
			return `slot ${answer.slot} keeps ${answer.value.text || 'a no-op'}; yours was not chosen`;
		case 'refused':
			return `refused, it did not happen: ${answer.why}`;
		case 'unknown':
			return `unknown, it may have happened or may yet: ${answer.why}`;
	}
}
