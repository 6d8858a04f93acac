/**
 * The rooms and their allowed imports, which the compiler's project references and Biome's rules both have to enforce.
 */

import { dirname, relative } from 'node:path';

export interface Room {
	/** Its folder. `shared` stands for the files directly in it. */
	readonly name: string;
	readonly mayImport: readonly string[];
	/** Whether it is pure: it has no clock, no randomness, no timer and no I/O. */
	readonly pure: boolean;
	/** A package that it may import; null where it may import none. */
	readonly itsPackage: string | null;
}

const allShared = [
	'shared/bytes',
	'shared/paxos',
	'shared/store',
	'shared/disk',
	'shared/client',
	'shared/replica',
	'shared',
	'shared/simulation',
];

export const rooms: readonly Room[] = [
	{ name: 'shared/bytes', mayImport: [], pure: true, itsPackage: null },
	{ name: 'shared/paxos', mayImport: ['shared/bytes'], pure: true, itsPackage: null },
	{ name: 'shared/store', mayImport: ['shared/bytes'], pure: true, itsPackage: null },
	{ name: 'shared/disk', mayImport: ['shared/bytes', 'shared/paxos'], pure: true, itsPackage: null },
	{ name: 'shared/client', mayImport: ['shared/bytes', 'shared/store'], pure: true, itsPackage: null },
	{
		name: 'shared/replica',
		mayImport: ['shared/bytes', 'shared/paxos', 'shared/store', 'shared/disk', 'shared/client', 'shared'],
		pure: true,
		itsPackage: null,
	},
	{ name: 'shared', mayImport: ['shared/bytes', 'shared/paxos', 'shared/store'], pure: false, itsPackage: null },
	{
		name: 'shared/simulation',
		mayImport: [
			'shared/bytes',
			'shared/paxos',
			'shared/store',
			'shared/disk',
			'shared/client',
			'shared/replica',
			'shared',
		],
		pure: true,
		itsPackage: null,
	},
	{ name: 'server', mayImport: allShared, pure: false, itsPackage: 'zod' },
	{ name: 'dashboard', mayImport: allShared, pure: false, itsPackage: 'preact' },
	{ name: 'test', mayImport: [...allShared, 'server', 'dashboard'], pure: false, itsPackage: 'vitest' },
];

/** All pairs of rooms. */
export const ways = rooms.flatMap((from) =>
	rooms
		.filter((to) => to !== from)
		.map((to) => ({ from, to, may: from.mayImport.includes(to.name), file: fileOf(from, to) })),
);

/** The module of every room in the copies that the tests make. */
export function moduleOf(room: Room): string {
	return `${room.name}/room.ts`;
}

/** The path by which a file imports the module of a room. */
export function specifier(file: string, room: Room): string {
	const path = relative(dirname(file), moduleOf(room));
	return path.startsWith('.') ? path : `./${path}`;
}

/** The file of the copy in which one room imports another. */
function fileOf(from: Room, to: Room): string {
	return `${from.name}/imports-${to.name.replace('/', '-')}.ts`;
}
