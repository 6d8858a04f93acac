/** The data of a node that is about to start: what there is, or folders that are made for it first. */
import { setTimeout } from 'node:timers/promises';
import * as z from 'zod';
import { jsonOf } from '../api/body.ts';
import { isOnLoopback, urlOf } from '../config/addresses.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { hasLog, setAside } from '../storage/folder.ts';
import { FolderError } from '../storage/folder-error.ts';
import { readSwarm, type SwarmIdentity } from '../storage/identity.ts';
import { makeNewDisk } from '../storage/new-folder.ts';
import { ask, askBy, type Credentials, textOf } from './client.ts';
import { formatFirst } from './init.ts';
import { CommandError, EXIT } from './terminal.ts';

export interface DataOptions {
	/** The node is to begin with a new disk where it has no data, though it is not on loopback. */
	readonly join?: true;
	/** By what it asks the members which swarm that is; by default by the credentials of this process. */
	readonly credentials?: Credentials;
}

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
 * @throws FolderError; CommandError where no member answers that could tell the swarm
 */
export async function makeData(
	config: SwarmConfig,
	name: string,
	{ join, credentials }: DataOptions,
	say: (line: string) => void,
): Promise<void> {
	const { dataDir } = config;
	if (join !== true && formatFirst(config)) return say(`Made the data folders in ${dataDir}`);
	if (hasLog(dataDir, name)) return;
	const swarm = readSwarm(dataDir);
	if (join !== true && (swarm === null || !isOnLoopback(config))) return;
	const id = makeNewDisk(dataDir, name, swarm ?? (await swarmOfMembers(config, name, credentials)));
	if (id !== null) say(`Made a new data folder for ${name}, as ${id}, in ${dataDir}`);
}

/**
 * Starts a node. Where its log is damaged, and all nodes are on loopback, and the others have a leader without it, the log
 * is moved aside and the node begins with a new disk. Where the others have none, its log may be needed, and nothing is
 * changed.
 *
 * @throws the error of the first start where that does not help
 */
export async function startOrReplace<T>(
	config: SwarmConfig,
	name: string,
	start: () => Promise<T>,
	say: (line: string) => void,
): Promise<T> {
	try {
		return await start();
	} catch (error) {
		const isDamaged = error instanceof FolderError && error.code === 'damaged';
		if (!isDamaged || !isOnLoopback(config) || !(await haveLeader(config, name))) throw error;
		const aside = setAside(config.dataDir, name);
		say(`${error.message}.\nThe others have a leader without it, so its log is moved to ${aside}.`);
		await makeData(config, name, {}, say);
		return start();
	}
}

const LOOK_EVERY_MS = 250;
/** The other nodes may have been started at the same moment. */
const LISTEN_MAX_MS = 1000;
/** Nodes that run elect a leader within this time. */
const ELECT_MAX_MS = 10_000;

/** Whether another node than this one hears a leader, which may take a moment. */
async function haveLeader({ nodes }: SwarmConfig, name: string): Promise<boolean> {
	const others = nodes.filter(({ id }) => id !== name).map(urlOf);
	const startedMs = performance.now();
	for (;;) {
		const request = { method: 'GET', path: '/v1/swarm' } as const;
		const tried = await Promise.all(others.map((url) => ask(url, request, ANSWER_MAX_MS)));
		const answers = tried.flatMap((each) => (each.kind === 'answered' ? [each.answer] : []));
		const leaders = answers.map(({ body }) => leaderSchema.safeParse(jsonOf(body)).data?.leader ?? null);
		if (leaders.some((leader) => leader !== null && leader !== name)) return true;
		const waitedMs = performance.now() - startedMs;
		if (waitedMs > (answers.length > 0 ? ELECT_MAX_MS : LISTEN_MAX_MS)) return false;
		await setTimeout(LOOK_EVERY_MS);
	}
}

/** The swarm as one of its nodes tells it. */
async function swarmOfMembers(config: SwarmConfig, name: string, credentials?: Credentials): Promise<SwarmIdentity> {
	const refusals: string[] = [];
	for (const node of config.nodes) {
		if (node.id === name) continue;
		const url = urlOf(node);
		const request = { method: 'GET', path: '/v1/members' } as const;
		const tried = await (credentials
			? askBy(credentials, url, request, ANSWER_MAX_MS)
			: ask(url, request, ANSWER_MAX_MS));
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
	throw new CommandError(
		`${name} cannot join, because no other node of swarm.json tells which swarm this is.\n${refusals.join('\n')}`,
		{ status: EXIT.unavailable },
	);
}
