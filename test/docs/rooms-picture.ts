/**
 * Draws which room of the code imports which, from the imports in the sources: a row imports a column.
 * `UPDATE=1 npx vitest run -c test/vitest.config.ts test/docs` writes the picture anew.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** From the bottom to the top: a room that others stand on comes first. Other folders belong to the room that they are in. */
const ROOMS = [
	'shared/bytes',
	'shared/paxos',
	'shared/store',
	'shared/disk',
	'shared/client',
	'shared',
	'shared/replica',
	'shared/simulation',
	'server/process',
	'server/storage',
	'server/front',
	'server/mesh',
	'server/tracing',
	'server/replica',
	'server/access',
	'server/log',
	'server/feed',
	'server/client',
	'server/config',
	'server/metrics',
	'server/backup',
	'server/tls',
	'server/lab',
	'server/swarm',
	'server/api',
	'server/launcher',
	'server/node',
	'server/certs',
	'server/cli',
	'server/embedding',
	'server',
	'dashboard',
] as const;

function roomOf(file: string): string {
	return ROOMS.filter((room) => file.startsWith(`${room}/`)).toSorted((a, b) => b.length - a.length)[0] as string;
}

/** For each room, the other rooms that its files import. */
function importsOfRooms(): Map<string, Set<string>> {
	const rooms = new Map<string, Set<string>>(ROOMS.map((room) => [room, new Set()]));
	for (const top of ['shared', 'server', 'dashboard']) {
		for (const name of readdirSync(join(repository, top), { recursive: true, encoding: 'utf8' })) {
			if (!/(?<!\.d)\.tsx?$/.test(name)) continue;
			const file = join(top, name);
			const from = roomOf(file);
			for (const [, path = ''] of readFileSync(join(repository, file), 'utf8').matchAll(/ from '(\.[^']+)'/g)) {
				const to = roomOf(normalize(join(dirname(file), path)));
				if (to !== from) rooms.get(from)?.add(to);
			}
		}
	}
	return rooms;
}

/** Each import of a room that does not stand below the one that imports it: `server/front imports server/api`. */
export function importsOfHigherRooms(): string[] {
	const imports = importsOfRooms();
	return ROOMS.flatMap((room, row) => {
		const higher = ROOMS.slice(row).filter((other) => imports.get(room)?.has(other));
		return higher.map((other) => `${room} imports ${other}`);
	});
}

const CELL = 22;
const LEFT = 170;
const TOP = 150;

export function drawRooms(): string {
	const imports = importsOfRooms();
	const size = ROOMS.length * CELL;
	const at = (index: number): number => index * CELL + CELL / 2;
	const lines = ROOMS.flatMap((room, row) => {
		const y = TOP + at(row);
		const dots = ROOMS.flatMap((other, column) => {
			const [x, isSame] = [LEFT + at(column), row === column];
			if (isSame) return [`<rect x="${x - 7}" y="${y - 7}" width="14" height="14"/>`];
			if (imports.get(room)?.has(other) !== true) return [];
			return [`<circle cx="${x}" cy="${y}" r="5"><title>${room} imports ${other}</title></circle>`];
		});
		return [
			`<text x="${LEFT - 8}" y="${y + 4}" text-anchor="end">${room}</text>`,
			`<text transform="translate(${LEFT + at(row) + 4} ${TOP - 8}) rotate(-60)">${room}</text>`,
			`<path d="M${LEFT} ${y + CELL / 2}h${size}M${LEFT + (row + 1) * CELL} ${TOP}v${size}"/>`,
			...dots,
		];
	});
	const [width, height] = [LEFT + size + 90, TOP + size + 10];
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Which room imports which">`,
		'<style>svg{background:#fff;font:13px sans-serif}path{stroke:#ddd}rect{fill:#ddd}circle{fill:#1f5fbf}</style>',
		...lines,
		'</svg>',
		'',
	].join('\n');
}
