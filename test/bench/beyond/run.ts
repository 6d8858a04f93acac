/**
 * What a swarm could give beyond one leader's computer: several groups of keys, each with its own log and leader; reads
 * at all nodes; witnesses. No such thing is built. The agents and loops are the real ones, in simulated time, and what
 * their work costs is measured on this machine first.
 */
import type { Costs } from './costs.ts';
import { costsOf, here, MANY, type Measured, measureHere } from './measured.ts';
import type { Part } from './replica.ts';
import { play, type Scene, type Seen } from './scene.ts';

export interface BeyondOptions {
	readonly json?: true;
}

interface Row {
	readonly scene: string;
	readonly seen: Seen;
}

const CLIENTS = 1024;
/** Computers in one room: a message takes so long, and the disks keep what they are given through a power loss. */
const LINK_US = 50;
const CORES = 4;

export async function beyond(options: BeyondOptions): Promise<void> {
	const measured = await measureHere();
	const costs = costsOf(measured);
	const tables = {
		check: check(measured, costs),
		groups: groups(measured, costs),
		reads: reads(measured, costs),
		witnesses: witnesses(measured, costs),
	};
	if (options.json) process.stdout.write(`${JSON.stringify({ measured, costs, ...tables })}\n`);
	else process.stdout.write(text(measured, costs, tables));
}

/** What was measured beside what the simulation makes of it. The loads that set the costs come first; the others test it. */
function check({ hardware, one, many, reads }: Measured, costs: Costs): (Row & { readonly measured: number })[] {
	const rows = [
		['1 client', here(hardware, 1, 0, one.clientUs), one.perSecond],
		[`${MANY} clients`, here(hardware, MANY, 0, many.clientUs), many.perSecond],
		[`${MANY} clients that read`, here(hardware, MANY, 1, reads.clientUs), reads.perSecond],
	] as const;
	return rows.map(([scene, played, perSecond]) => ({ scene, seen: play(played, costs), measured: perSecond }));
}

function groups(measured: Measured, costs: Costs): Row[] {
	const of = (computers: number, cores: number, count: number): Row => ({
		scene: `${computers} computers of ${cores} ${cores === 1 ? 'core' : 'cores'}, ${count} ${count === 1 ? 'group' : 'groups'}`,
		seen: play(apart(measured, { computers, cores, groups: count }), costs),
	});
	return [
		...[1, 2, CORES].flatMap((cores) => [1, 3, 6, 12].map((count) => of(3, cores, count))),
		...[6, 9].flatMap((computers) => [1, 3].map((factor) => of(computers, CORES, factor * computers))),
	];
}

function reads(measured: Measured, costs: Costs): Row[] {
	return [3, 5].flatMap((nodes) =>
		[1, 0.9].flatMap((share) =>
			(['leader', 'all'] as const).map((readsAt) => ({
				scene: `${nodes} nodes, ${share * 100} % reads, ${readsAt === 'all' ? 'at all nodes' : 'at the leader'}`,
				seen: play(apart(measured, { computers: nodes, parts: nodesOf(nodes), reads: share, readsAt }), costs),
			})),
		),
	);
}

function witnesses(measured: Measured, costs: Costs): Row[] {
	const five = nodesOf(5);
	const twoWitnesses: Part[] = [...five.slice(0, 3), 'witness', 'witness'];
	return [
		{ scene: '3 nodes', seen: play(apart(measured, { computers: 3 }), costs) },
		{ scene: '5 nodes', seen: play(apart(measured, { computers: 5, parts: five }), costs) },
		{ scene: '3 nodes and 2 witnesses', seen: play(apart(measured, { computers: 5, parts: twoWitnesses }), costs) },
	];
}

function nodesOf(count: number): Part[] {
	return ['first leader', ...Array.from({ length: count - 1 }, () => 'follower' as const)];
}

/** Each node on a computer of its own, and the clients elsewhere. */
function apart(
	{ hardware }: Measured,
	{ cores = CORES, ...scene }: Partial<Scene> & { readonly cores?: number },
): Scene {
	return {
		hardware: { cores, flushUs: hardware.flushUs, linkUs: LINK_US },
		computers: 3,
		groups: 1,
		parts: nodesOf(3),
		clients: CLIENTS,
		reads: 0,
		readsAt: 'leader',
		...scene,
	};
}

function text({ hardware, applyUs }: Measured, costs: Costs, tables: Record<string, readonly Row[]>): string {
	const { leader, follower, readUs } = costs;
	const us = (value: number) => `${value.toFixed(1)} µs`;
	const head = [
		`Measured here: a flush takes ${us(hardware.flushUs)}. A turn costs the leader ${us(leader.turnUs)} and a put ${us(leader.commandUs)};`,
		`a follower ${us(follower.turnUs)} and ${us(follower.commandUs)}, of which its store takes ${us(applyUs)}. A read costs ${us(readUs)}.`,
		`Simulated: messages take ${LINK_US} µs between computers, and ${CLIENTS} clients ask without pause.`,
	].join('\n');
	const rows = Object.entries(tables).map(([name, table]) => `${name}\n${table.map(line).join('')}`);
	return `${head}\n\n${rows.join('\n')}`;
}

function line(row: Row & { readonly measured?: number }): string {
	const { scene, seen } = row;
	const percent = (share: number) => `${Math.round(100 * share)} %`.padStart(6);
	const measured = row.measured === undefined ? '' : `   measured ${row.measured}/s`;
	return `  ${scene.padEnd(38)}${String(seen.perSecond).padStart(9)}/s   p50 ${seen.p50Ms.toFixed(2).padStart(6)} ms   cores${percent(seen.cores)}   disk${percent(seen.disk)}${measured}\n`;
}
