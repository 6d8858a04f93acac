/** The data of a node that is about to start: what there is, or folders that are made for it first. */
import * as z from 'zod';
import { isOnLoopback, type SwarmConfig, urlOf } from '../config.ts';
import { hasLog, makeNewDisk } from '../storage/folder.ts';
import { readSwarm, type SwarmIdentity } from '../storage/identity.ts';
import { ask, textOf } from './client.ts';
import { formatFirst } from './init.ts';
import { CommandError, EXIT } from './terminal.ts';

export interface DataOptions {
	/** The node is to begin with a new disk where it has no data, though it is not on loopback. */
	readonly join?: true;
}

/** The part of the answer of `GET /v1/members` that a new data folder needs. */
const swarmSchema = z.looseObject({ name: z.string(), id: z.string(), first: z.record(z.string(), z.string()) });

const ANSWER_MAX_MS = 3000;

/**
 * Makes sure that the node has data, where that can do no harm. On loopback, where all nodes share a machine, the folders
 * of a new swarm are made, and a node that has no data begins with a new disk. Elsewhere it does so only where it is told
 * to join, because the folder may be on a disk that is not mounted yet.
 *
 * @param name the name of the node
 * @throws FolderError; CommandError where no member answers that could tell the swarm
 */
export async function makeData(
	config: SwarmConfig,
	name: string,
	{ join }: DataOptions,
	say: (line: string) => void,
): Promise<void> {
	const { dataDir } = config;
	if (join !== true && formatFirst(config)) return say(`Made the data folders in ${dataDir}`);
	if (hasLog(dataDir, name)) return;
	const swarm = readSwarm(dataDir);
	if (join !== true && (swarm === null || !isOnLoopback(config))) return;
	const id = makeNewDisk(dataDir, name, swarm ?? (await swarmOfMembers(config, name)));
	if (id !== null) say(`Made a new data folder for ${name}, as ${id}, in ${dataDir}`);
}

/** The swarm as one of its nodes tells it. */
async function swarmOfMembers(config: SwarmConfig, name: string): Promise<SwarmIdentity> {
	const refusals: string[] = [];
	for (const node of config.nodes) {
		if (node.id === name) continue;
		const url = urlOf(node);
		const tried = await ask(url, { method: 'GET', path: '/v1/members' }, ANSWER_MAX_MS);
		if (tried.kind !== 'answered') {
			refusals.push(`${node.id}: ${tried.why}`);
			continue;
		}
		const { answer } = tried;
		const told = answer.status === 200 ? swarmSchema.safeParse(JSON.parse(answer.body.toString())) : null;
		if (!told?.success) refusals.push(`${node.id}: ${textOf(answer)}`);
		else if (told.data.name !== config.name) refusals.push(`${node.id}: it is of the swarm "${told.data.name}"`);
		else return { name: told.data.name, swarmId: told.data.id, members: told.data.first };
	}
	throw new CommandError(
		`${name} cannot join, because no other node of swarm.json tells which swarm this is.\n${refusals.join('\n')}`,
		{ status: EXIT.unavailable },
	);
}
