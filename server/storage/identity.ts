/**
 * `format.json`: which swarm and node a data folder belongs to, and in which life. One lies in the data folder
 * itself and says that formatting was finished, one in each node's folder. Written once, whole or not at all.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { syncFolder } from './files.ts';

export type FolderErrorCode =
	| 'unformatted'
	| 'alreadyFormatted'
	| 'incomplete'
	| 'missing'
	| 'otherSwarm'
	| 'otherNode'
	| 'otherMembers'
	| 'inUse'
	| 'notLockable'
	| 'unknownFormat'
	| 'unreadable'
	| 'notWritable';

/** What a message leaves to be done at its very end, for whoever knows how people say it. */
export type FolderRemedy = 'format' | 'erase';

/** A data folder that must not be used. The message is for people: the reason, and what helps. */
export class FolderError extends Error {
	override readonly name = 'FolderError';
	readonly code: FolderErrorCode;
	readonly remedy: FolderRemedy | null;

	constructor(code: FolderErrorCode, message: string, options: ErrorOptions & { readonly remedy?: FolderRemedy } = {}) {
		super(message, options);
		this.code = code;
		this.remedy = options.remedy ?? null;
	}
}

const FORMAT = 2;
const FILE = 'format.json';

const swarmSchema = z.strictObject({
	format: z.literal(FORMAT),
	name: z.string().min(1),
	swarmId: z.string().min(1),
	/** Of every member, so that a node knows a peer that lost its disk. */
	incarnations: z.record(z.string().min(1), z.string().min(1)),
});
const nodeSchema = swarmSchema.extend({ node: z.string().min(1) });

export interface SwarmIdentity {
	/** For people. */
	readonly name: string;
	readonly swarmId: string;
	readonly incarnations: Readonly<Record<NodeId, string>>;
}

export interface NodeIdentity extends SwarmIdentity {
	readonly node: NodeId;
}

/** As configured. */
export interface SwarmMembers {
	readonly name: string;
	readonly members: readonly NodeId[];
}

/** Of a data folder: formatting was finished. Of a node's: it was begun. */
export function isFormatted(folder: string): boolean {
	return fs.existsSync(join(folder, FILE));
}

/** The id of the swarm whose data is there; null where nothing was formatted, or nobody can say. */
export function swarmIdIn(dataDir: string): string | null {
	try {
		return readIdentity(dataDir, swarmSchema)?.swarmId ?? null;
	} catch (error) {
		if (error instanceof FolderError) return null;
		throw error;
	}
}

/**
 * Who the node of this folder is, if it is the one that is asked for.
 *
 * @throws FolderError
 */
export function checkIdentity(dataDir: string, nodeId: NodeId, { name, members }: SwarmMembers): SwarmIdentity {
	const folder = join(dataDir, nodeId);
	const swarm = readIdentity(dataDir, swarmSchema);
	const own = readIdentity(folder, nodeSchema);
	if (!swarm) throw own ? notFinished(dataDir, nodeId) : neverFormatted(dataDir);
	if (!own) throw goneOrNeverThere(dataDir, nodeId, `${join(folder, FILE)} is missing`);
	const restart = 'or give it a data folder of its own in swarm.json or with --data-dir';
	if (swarm.name !== name) {
		throw new FolderError(
			'otherSwarm',
			`${dataDir} belongs to the swarm "${swarm.name}", but swarm.json names "${name}". Name it so again, ${restart}`,
		);
	}
	if (own.swarmId !== swarm.swarmId) {
		throw new FolderError(
			'otherSwarm',
			`${folder} belongs to another swarm (${own.swarmId}) than ${dataDir} (${swarm.swarmId}). ` +
				`Put back the folder that belongs there, or erase the data of every node`,
			{ remedy: 'erase' },
		);
	}
	if (own.node !== nodeId) {
		throw new FolderError(
			'otherNode',
			`${folder} is the folder of node ${own.node}, not of ${nodeId}. Two nodes with one memory could choose two ` +
				`values. Put back the folder that belongs there, or erase the data of every node`,
			{ remedy: 'erase' },
		);
	}
	const formatted = Object.keys(own.incarnations).sort().join(', ');
	const configured = [...members].sort().join(', ');
	if (formatted !== configured) {
		throw new FolderError(
			'otherMembers',
			`${dataDir} was formatted for the members ${formatted}, but swarm.json names ${configured}. Changing members ` +
				`is not supported yet. Name those again, ${restart}`,
		);
	}
	return own;
}

/** Durable when it returns; a crash leaves it whole or not at all. */
export function writeIdentity(folder: string, identity: SwarmIdentity | NodeIdentity): void {
	const path = join(folder, FILE);
	const fd = fs.openSync(`${path}.new`, 'w');
	try {
		fs.writeFileSync(fd, `${JSON.stringify({ format: FORMAT, ...identity }, null, 2)}\n`);
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

/** What a node needs is not there: either the swarm was never formatted, or the node lost its memory. */
export function goneOrNeverThere(dataDir: string, nodeId: NodeId, what: string): FolderError {
	if (!isFormatted(dataDir)) return neverFormatted(dataDir);
	return new FolderError(
		'missing',
		`Node ${nodeId} has lost its memory: ${what}, though the swarm was formatted. It must not vote as if it ` +
			`remembered what it promised. Put the folder back as it was last (not an older copy), start the others without ` +
			`it, or erase the data of every node`,
		{ remedy: 'erase' },
	);
}

function neverFormatted(dataDir: string): FolderError {
	return new FolderError('unformatted', `${dataDir} is not formatted yet. To format it, once`, { remedy: 'format' });
}

/** There is data, but the marker that is written last, and says whose it is, is not there. */
export function notFinished(dataDir: string, node: NodeId): FolderError {
	return new FolderError(
		'incomplete',
		`${join(dataDir, node)} holds data, but ${join(dataDir, FILE)} is missing, so its swarm is not known. ` +
			`Put that file back, or erase the data of every node`,
		{ remedy: 'erase' },
	);
}

/** Undefined where there is none. */
function readIdentity<T>(folder: string, schema: z.ZodType<T>): T | undefined {
	const path = join(folder, FILE);
	let json: unknown;
	try {
		json = JSON.parse(fs.readFileSync(path, 'utf8'));
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw unreadable(path, (cause as Error).message, cause);
	}
	const version = z.looseObject({ format: z.number() }).safeParse(json);
	if (version.success && version.data.format !== FORMAT) {
		throw new FolderError(
			'unknownFormat',
			`${path} has format ${version.data.format}; this version of paxos-swarm knows format ${FORMAT} only. ` +
				`Run the version that made it, or erase the data of every node`,
			{ remedy: 'erase' },
		);
	}
	const identity = schema.safeParse(json);
	if (!identity.success) throw unreadable(path, z.prettifyError(identity.error), identity.error);
	return identity.data;
}

function unreadable(path: string, why: string, cause: unknown): FolderError {
	return new FolderError(
		'unreadable',
		`${path} cannot be read: ${why}. Without it nothing says whose data this is. ` +
			`Put the file back as it was, or erase the data of every node`,
		{ cause, remedy: 'erase' },
	);
}
