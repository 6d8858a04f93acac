/** The data of a node that is about to start: what there is, or folders that are made for it first. */
import { setTimeout } from 'node:timers/promises';
import * as z from 'zod';
import { jsonOf } from '../api/body.ts';
import { isOnLoopback, swarmMembersOf, urlOf } from '../config/addresses.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { FolderError, JoinError } from '../storage/errors.ts';
import { hasLog, setAside } from '../storage/folder.ts';
import { readSwarm, type SwarmIdentity } from '../storage/identity.ts';
import { formatOnce, makeNewDisk } from '../storage/new-folder.ts';
import { askBy, type Credentials, textOf } from '../swarm/ask.ts';

/** The part of the answer of `GET /v1/members` that a new data folder needs. */
const swarmSchema = z.looseObject({ name: z.string(), id: z.string(), first: z.record(z.string(), z.string()) });

/** The part of the answer of `GET /v1/swarm` that tells whether the node hears a leader. */
const leaderSchema = z.looseObject({ leader: z.string().nullable() });

const ANSWER_MAX_MS = 3000;

/**
 * Makes sure that the node has data, where that can do no harm. On loopback, where all nodes share a machine, the folders
 * of a new swarm are made, and a node that has no data begins with a new disk. Elsewhere it does so only where it is told
 * to join, because the folder may be on a disk that is not mounted yet.
 *
 * @param name the name of the node
 * @param join by what it asks the members which swarm that is, where it is told to join; null where it is not
 * @throws FolderError; JoinError where no member answers that could tell the swarm
 */
export async function makeData(
	config: SwarmConfig,
	name: string,
	join: Credentials | null,
	say: (line: string) => void,
): Promise<void> {
	const { dataDir } = config;
	if (join === null && formatFirst(config)) return say(`Made the data folders in ${dataDir}`);
	if (hasLog(dataDir, name)) return;
	let swarm = readSwarm(dataDir);
	if (join !== null) swarm ??= await swarmOfMembers(config, name, join);
	else if (!isOnLoopback(config)) return;
	if (swarm === null) return;
	const id = makeNewDisk(dataDir, name, swarm);
	if (id !== null) say(`Made a new data folder for ${name}, as ${id}, in ${dataDir}`);
}

/**
 * Formats the folders of a swarm, if that was never done and all its nodes are on loopback. Of nodes on other machines
 * it cannot be known here whether they have folders already.
 *
 * @returns whether it did so now
 * @throws FolderError
 */
export function formatFirst(config: SwarmConfig): boolean {
	return isOnLoopback(config) && formatOnce(config.dataDir, swarmMembersOf(config));
}

/**
 * Starts a node. Where its log is damaged, and all nodes are on loopback, and the others have a leader without it, the log
 * is moved aside and the node begins with a new disk. Where the others have none, its log may be needed, and nothing is
 * changed.
 *
 * @param credentials by what the others are asked
 * @throws the error of the first start where that does not help
 */
export async function startOrReplace<T>(
	config: SwarmConfig,
	name: string,
	start: () => Promise<T>,
	credentials: Credentials,
	say: (line: string) => void,
): Promise<T> {
	try {
		return await start();
	} catch (error) {
		const isDamaged = error instanceof FolderError && error.code === 'damaged';
		if (!isDamaged || !isOnLoopback(config) || !(await haveLeader(config, name, credentials))) throw error;
		const aside = setAside(config.dataDir, name);
		say(`${error.message}.\nThe others have a leader without it, so its log is moved to ${aside}.`);
		await makeData(config, name, null, say);
		return start();
	}
}

const LOOK_EVERY_MS = 250;
/** The other nodes may have been started at the same moment. */
const LISTEN_MAX_MS = 1000;
/** Nodes that run elect a leader within this time. */
const ELECT_MAX_MS = 10_000;

/** Whether another node than this one hears a leader, which may take a moment. */
async function haveLeader({ nodes }: SwarmConfig, name: string, credentials: Credentials): Promise<boolean> {
	const others = nodes.filter(({ id }) => id !== name).map(urlOf);
	const startedMs = performance.now();
	for (;;) {
		const request = { method: 'GET', path: '/v1/swarm' } as const;
		const tried = await Promise.all(others.map((url) => askBy(credentials, url, request, ANSWER_MAX_MS)));
		const answers = tried.flatMap((each) => (each.kind === 'answered' ? [each.answer] : []));
		const leaders = answers.map(({ body }) => leaderSchema.safeParse(jsonOf(body)).data?.leader ?? null);
		if (leaders.some((leader) => leader !== null && leader !== name)) return true;
		const waitedMs = performance.now() - startedMs;
		if (waitedMs > (answers.length > 0 ? ELECT_MAX_MS : LISTEN_MAX_MS)) return false;
		await setTimeout(LOOK_EVERY_MS);
	}
}

/** The swarm as one of its nodes tells it. */
async function swarmOfMembers(config: SwarmConfig, name: string, credentials: Credentials): Promise<SwarmIdentity> {
	const refusals: string[] = [];
	for (const node of config.nodes) {
		if (node.id === name) continue;
		const url = urlOf(node);
		const request = { method: 'GET', path: '/v1/members' } as const;
		const tried = await askBy(credentials, url, request, ANSWER_MAX_MS);
		if (tried.kind !== 'answered') {
			refusals.push(`${node.id}: ${tried.why}`);
			continue;
		}
		const { answer } = tried;
		const told = answer.status === 200 ? swarmSchema.safeParse(jsonOf(answer.body)) : null;
		if (!told?.success) refusals.push(`${node.id}: ${textOf(answer)}`);
		else if (told.data.name !== config.name) refusals.push(`${node.id}: it is of the swarm "${told.data.name}"`);
		else return { name: told.data.name, swarmId: told.data.id, members: told.data.first };
	}
	throw new JoinError(
		`${name} cannot join, because no other member tells which swarm this is.\n${refusals.join('\n')}`,
	);
}
