/**
 * `format.json`: which swarm a data folder belongs to, and the members that the swarm began with. One lies in the data
 * folder itself and says that formatting was finished, one in each node's folder. All of one swarm are the same, and
 * none ever changes, so one that is damaged or lost can be copied from any other. Written whole or not at all. Who the
 * members are now, and which of them a folder is of, the log says.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Member } from '../../shared/paxos/change.ts';
import { FolderError } from './errors.ts';
import { syncFolder } from './files.ts';
import { notReadable } from './refusals.ts';

const FORMAT = 8;
const FILE = 'format.json';

const identitySchema = z.strictObject({
	format: z.literal(FORMAT),
	name: z.string().min(1),
	swarmId: z.string().min(1),
	/** The members that the swarm began with, and where each was reached then. */
	members: z.record(z.string().min(1), z.string()),
	checksum: z.string(),
});

export interface SwarmIdentity {
	/** The name of the swarm, for people. */
	readonly name: string;
	readonly swarmId: string;
	readonly members: FirstMembers;
}

/** The members that a swarm begins with: by id, the URL at which it is reached. */
export type FirstMembers = Readonly<Record<NodeId, string>>;

/** The first members as the agent is told them. */
export function firstVotersOf(members: FirstMembers): Member[] {
	return Object.entries(members).map(([id, url]) => ({ id, url, isVoter: true, replaces: null }));
}

/** A swarm that is to be made. */
export interface SwarmMembers {
	readonly name: string;
	readonly members: FirstMembers;
}

/** Whether the formatting of a data folder was finished, or that of a node's folder was begun. */
export function isFormatted(folder: string): boolean {
	return fs.existsSync(join(folder, FILE));
}

/** The id of the swarm whose data is there; null where nothing was formatted, or the file cannot be read. */
export function swarmIdIn(dataDir: string): string | null {
	return identityIn(dataDir)?.swarmId ?? null;
}

/**
 * The swarm that the data folder belongs to; null where nothing was formatted.
 *
 * @throws FolderError
 */
export function readSwarm(dataDir: string): SwarmIdentity | null {
	return readIdentity(dataDir, dataDir) ?? null;
}

/**
 * Which swarm the folder of this node belongs to, if it is the one of that name.
 *
 * @throws FolderError
 */
export function checkIdentity(dataDir: string, nodeId: NodeId, name: string): SwarmIdentity {
	const folder = join(dataDir, nodeId);
	const swarm = readIdentity(dataDir, dataDir);
	const own = readIdentity(folder, dataDir);
	if (!swarm) throw own ? notFinished(dataDir, nodeId) : neverFormatted(dataDir);
	if (!own) throw fileGone(dataDir, nodeId);
	if (swarm.name !== name) {
		throw new FolderError(
			'otherSwarm',
			`${dataDir} belongs to the swarm "${swarm.name}", and not to "${name}". Name it so again, or give this one a data ` +
				'folder of its own',
			{ remedy: 'otherFolder' },
		);
	}
	if (own.swarmId !== swarm.swarmId) {
		throw new FolderError(
			'otherSwarm',
			`${folder} belongs to another swarm (${own.swarmId}) than ${dataDir} (${swarm.swarmId}). ` +
				`Put the folder of node ${nodeId} that belongs there in its place`,
		);
	}
	return own;
}

/** Durable when it returns; a crash leaves it whole or not at all. */
export function writeIdentity(folder: string, identity: SwarmIdentity): void {
	const path = join(folder, FILE);
	const { name, swarmId, members } = identity;
	const content = { format: FORMAT, name, swarmId, members };
	const fd = fs.openSync(`${path}.new`, 'w');
	try {
		fs.writeFileSync(fd, `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`);
		fs.fsyncSync(fd);
	} finally {
		fs.closeSync(fd);
	}
	fs.renameSync(`${path}.new`, path);
	syncFolder(folder);
}

export function removeIdentity(folder: string): void {
	fs.rmSync(join(folder, FILE), { force: true });
	fs.rmSync(join(folder, `${FILE}.new`), { force: true });
	syncFolder(folder);
}

export function neverFormatted(dataDir: string): FolderError {
	return new FolderError('unformatted', `${dataDir} is not formatted yet. It has to be, once for all nodes`, {
		remedy: 'format',
	});
}

/** There is data, but the marker that is written last, and says whose it is, is not there. */
export function notFinished(dataDir: string, node: NodeId): FolderError {
	return new FolderError(
		'incomplete',
		`${join(dataDir, node)} holds data, but ${join(dataDir, FILE)} is missing, so its swarm is not known. ` +
			copyOver(dataDir, join(dataDir, FILE)),
	);
}

function fileGone(dataDir: string, node: NodeId): FolderError {
	const path = join(dataDir, node, FILE);
	return new FolderError(
		'missing',
		`${path} is missing, which says whose folder that is. Where all else of the folder is as it was: ` +
			copyOver(dataDir, path),
	);
}

/** Undefined where there is none. */
function readIdentity(folder: string, dataDir: string): SwarmIdentity | undefined {
	const path = join(folder, FILE);
	let json: unknown;
	try {
		json = JSON.parse(fs.readFileSync(path, 'utf8'));
	} catch (cause) {
		const { code, message } = cause as NodeJS.ErrnoException;
		if (code === 'ENOENT') return undefined;
		if (code === 'EACCES' || code === 'EPERM') throw notReadable(path, cause as Error);
		throw unreadable(path, dataDir, message, cause);
	}
	const version = z.looseObject({ format: z.number(), checksum: z.unknown().optional() }).safeParse(json);
	if (version.success && version.data.format !== FORMAT && isAsWritten(version.data)) {
		throw new FolderError(
			'unknownFormat',
			`${path} has format ${version.data.format}; this version of paxos-swarm knows format ${FORMAT} only. ` +
				`Run the version that made it, or erase the data of every node`,
			{ remedy: 'erase' },
		);
	}
	const identity = identitySchema.safeParse(json);
	if (!identity.success) throw unreadable(path, dataDir, z.prettifyError(identity.error), identity.error);
	const { checksum: _, format: __, ...known } = identity.data;
	if (!isAsWritten(identity.data)) throw unreadable(path, dataDir, 'its checksum does not fit what it says', undefined);
	return known;
}

/** Formats before this one had no checksum. */
function isAsWritten({ checksum, ...content }: { readonly format: number; readonly checksum?: unknown }): boolean {
	return checksum === undefined ? content.format < FORMAT : checksum === checksumOf(content);
}

function checksumOf(content: object): string {
	return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function unreadable(path: string, dataDir: string, why: string, cause: unknown): FolderError {
	return new FolderError('unreadable', `${path} is damaged: ${why}. ${copyOver(dataDir, path)}`, {
		cause,
	});
}

/** The remedy where one of these files is damaged or lost. */
function copyOver(dataDir: string, path: string): string {
	const remedy = `Every ${FILE} of one swarm is the same and never changes, so copy another over it`;
	const nodes = fs.existsSync(dataDir) ? fs.readdirSync(dataDir).map((name) => join(dataDir, name)) : [];
	const whole = [dataDir, ...nodes].find((folder) => join(folder, FILE) !== path && identityIn(folder) !== null);
	return whole === undefined ? `${remedy}, from a backup of any age` : `${remedy}: cp ${join(whole, FILE)} ${path}`;
}

/** null where there is none that can be read. */
function identityIn(folder: string): SwarmIdentity | null {
	const path = join(folder, FILE);
	try {
		const identity = identitySchema.safeParse(JSON.parse(fs.readFileSync(path, 'utf8')));
		return identity.success && isAsWritten(identity.data) ? identity.data : null;
	} catch {
		return null;
	}
}
