/**
 * Asks the node at an address who it is, before it comes in as a member. The address is whatever a request says, so
 * nothing of what answers there is passed on.
 */
import * as z from 'zod';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { isMemberId } from '../config/names.ts';
import { type Fetch, whyFailed } from '../tls/fetch.ts';
import { HttpError } from './answer.ts';
import type { StartingStatus } from './starting.ts';
import type { SwarmStatus } from './status.ts';

/** What both a running node and one that starts say of themselves. */
const saidSchema = z.object({
	id: z.string().max(64),
	node: z.string().refine(isMemberId),
	starting: z.string().optional(),
}) satisfies z.ZodType<Pick<SwarmStatus, 'id' | 'node'> | Pick<StartingStatus, 'id' | 'node' | 'starting'>>;

/** The status of a swarm of nine members has about 3 KiB. */
const ANSWER_BYTES_MAX = 65_536;

export interface Question {
	/** An origin. */
	readonly url: string;
	/** The node that is expected there, for refusals. */
	readonly name: string;
	/** The id of this swarm. */
	readonly swarmId: string;
	/** The node has so long to answer, milliseconds. */
	readonly timeoutMs: number;
	readonly fetch: Fetch;
}

/** @throws HttpError 409 where no node of this swarm answers */
export async function idOfNodeAt(question: Question): Promise<NodeId> {
	const { url, swarmId } = question;
	const said = saidSchema.safeParse(await answerOf(question));
	if (!said.success) throw new HttpError(409, `What answers at ${url} is no node of a swarm.`);
	const { id, node, starting } = said.data;
	if (id !== swarmId) throw new HttpError(409, `${node} at ${url} is a node of another swarm.`);
	if (starting !== undefined)
		throw new HttpError(409, `${node} at ${url} still reads its log: ask again when it runs.`);
	return node;
}

/** @returns the answer as JSON; undefined where it is none */
async function answerOf({ url, name, timeoutMs, fetch }: Question): Promise<unknown> {
	try {
		const response = await fetch(`${url}/v1/swarm`, { signal: AbortSignal.timeout(timeoutMs) });
		const chunks: Uint8Array[] = [];
		let bytes = 0;
		for await (const chunk of response.body ?? []) {
			chunks.push(chunk);
			bytes += chunk.length;
			// To leave the loop cancels the rest.
			if (bytes > ANSWER_BYTES_MAX) return undefined;
		}
		return JSON.parse(Buffer.concat(chunks).toString());
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		if (!(error instanceof Error)) throw error;
		const why = error.name === 'TimeoutError' ? `not within ${timeoutMs} ms` : whyFailed(error);
		throw new HttpError(409, `Nobody answers at ${url} (${why}): start ${name} there, and ask again.`);
	}
}
