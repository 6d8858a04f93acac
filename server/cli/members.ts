/** The members of a running swarm, as `GET /v1/members` has them, and the address of one of them. */
import * as z from 'zod';
import { memberOf } from '../../shared/member-name.ts';
import type { MembersStatus } from '../api/members.ts';
import { urlOf } from '../config/addresses.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { textOf } from '../swarm/ask.ts';
import { askAny, clientTimeoutMs, endpointsOf, idsOf, understood } from './client.ts';
import { CommandError, EXIT } from './terminal.ts';

/** A set of members, as an answer has it. */
export const setSchema = z.looseObject({
	chosenAt: z.number(),
	from: z.number(),
	members: z.array(
		z.looseObject({ id: z.string(), url: z.string(), isVoter: z.boolean(), replaces: z.string().nullable() }),
	),
});

/** The part of the answer that the commands use. `--json` prints all of it. */
const membersSchema = z.looseObject({
	node: z.string(),
	leader: z.string().nullable(),
	chosenThrough: z.number(),
	isChanging: z.boolean(),
	sets: z.array(setSchema).min(1),
	members: z.array(
		z.looseObject({
			id: z.string(),
			url: z.string(),
			isVoter: z.boolean(),
			replaces: z.string().nullable(),
			linked: z.boolean(),
			role: z.string(),
			behind: z.number().nullable(),
			heardMs: z.number().nullable(),
		}),
	),
}) satisfies z.ZodType<Pick<MembersStatus, 'node' | 'leader' | 'chosenThrough' | 'isChanging'>>;

export type KnownMembers = z.output<typeof membersSchema>;

/** Asks for the members again and again, also nodes that came in meanwhile. */
export class MembersSource {
	readonly #config: SwarmConfig;
	/** The one node to ask; undefined for all of them. */
	readonly #endpoint: string | undefined;
	#known: readonly string[] = [];

	constructor(config: SwarmConfig, endpoint: string | undefined) {
		this.#config = config;
		this.#endpoint = endpoint;
	}

	/** As the leader knows them, or else any node that answers. @throws CommandError where no node answers */
	async ask(): Promise<KnownMembers> {
		const first = await this.#askAny([...new Set([...this.#known, ...endpointsOf(this.#config, this.#endpoint)])]);
		if (this.#endpoint !== undefined) return first;
		const leader = first.members.find(({ id }) => id === first.leader);
		const others = first.members.filter((member) => member !== leader);
		// The leader is the first to be asked from now on.
		this.#known = [...(leader ? [leader] : []), ...others].map(({ url }) => url);
		if (!leader || leader.id === first.node) return first;
		return this.#askAny([leader.url]).catch(() => first);
	}

	async #askAny(endpoints: readonly string[]): Promise<KnownMembers> {
		const answer = await askAny(endpoints, { method: 'GET', path: '/v1/members' }, clientTimeoutMs(this.#config));
		if (answer.status !== 200) throw new CommandError(textOf(answer), { status: EXIT.error });
		return understood(() => membersSchema.parse(JSON.parse(answer.body.toString())));
	}
}

/**
 * The address of one node: that of swarm.json, or else that of a member that the swarm has let in since.
 *
 * @param named the name of a node, or the full id of a member
 * @throws CommandError `usage` where there is no such node; `unavailable` where swarm.json does not name it, and no node
 * says who the members are
 */
export async function addressOf(named: string, config: SwarmConfig): Promise<string> {
	const node = config.nodes.find(({ id }) => id === named);
	if (node) return urlOf(node);
	const { members } = await new MembersSource(config, undefined).ask().catch((error: unknown) => {
		if (!(error instanceof CommandError)) throw error;
		const message = `swarm.json does not name node "${named}", and the members of the swarm are not known. ${error.message}`;
		throw new CommandError(message, { status: error.status, cause: error });
	});
	const member = memberOf(named, members);
	if (member) return member.url;
	const message = `There is no node "${named}": swarm.json names ${idsOf(config.nodes)}, and the members are ${idsOf(members)}.`;
	throw new CommandError(message, { status: EXIT.usage });
}
