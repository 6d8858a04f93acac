/**
 * People who save the whole state of a node, part by part, while it goes on, and takes newer snapshots. What they get
 * holds all that the node had applied when they asked, and is one whole file.
 */
import { SnapshotChecker, SnapshotError, type SnapshotNote } from '../disk/snapshot-file.ts';
import type { HeldSnapshot } from '../disk/snapshots.ts';
import { type Fault, PLAN } from './faults.ts';
import { Violation } from './ledger.ts';
import type { SimulatedNode } from './node.ts';
import { type Process, SWARM } from './process.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

type Save = Extract<Fault, { kind: 'save' }>;

/** The share of seeds in which people save a state, and how often they do. */
const SAVES = 0.5;
const SAVES_MAX = 6;
/** The part of a file that is read at once, bytes. */
const PART_BYTES = 300;

export function drawSaves(random: Random, nodes: number): Save[] {
	if (!random.chance(SAVES)) return [];
	return Array.from({ length: random.integer(1, SAVES_MAX) }, () => ({
		atMs: random.integer(PLAN.calmMs, PLAN.healMs - 1),
		kind: 'save',
		node: random.integer(0, nodes - 1),
		partMs: Math.round(random.magnitude(1, 500)),
	}));
}

export function saveState({ node: index, partMs }: Save, world: World): void {
	const node = world.node(index);
	const { process } = node;
	if (!process || process.isEnded || node.paused || node.putBack) return;
	const applied = process.replica.appliedThrough;
	process.replica.wantSnapshot((lack) => {
		if (lack !== null) {
			world.counters.statesNotSaved++;
			return;
		}
		const held = process.log.holdSnapshot();
		if (held === null || held.note.through < applied) {
			throw new Violation('BackupHasAll', `${node.id} saves less than the slot ${applied} that it had applied`);
		}
		read(node, process, held, partMs, world);
	});
}

function read(node: SimulatedNode, process: Process, held: HeldSnapshot, partMs: number, world: World): void {
	const { note } = held;
	const checker = new SnapshotChecker({ swarm: SWARM, through: note.through });
	const next = (): void => {
		const part = { offset: checker.bytes, bytes: Math.min(PART_BYTES, note.bytes - checker.bytes) };
		process.log.readSnapshot(note.through, part, (error, bytes) => {
			if (process.isEnded) return;
			if (error || bytes === null) throw wrong(node, note, error?.message ?? 'nothing is there');
			add(checker, bytes, node, note);
			if (checker.bytes < note.bytes) return world.later(node, world.now + partMs * US_PER_MS, 'save', next);
			if (checker.note?.sum !== note.sum) throw wrong(node, note, 'it is another one');
			world.counters.statesSaved++;
			if (process.log.snapshot?.through !== note.through) world.counters.statesSavedBehindNewer++;
			held.release();
		});
	};
	next();
}

function add(checker: SnapshotChecker, bytes: Uint8Array, node: SimulatedNode, note: SnapshotNote): void {
	try {
		checker.add(bytes);
	} catch (error) {
		throw error instanceof SnapshotError ? wrong(node, note, error.message) : error;
	}
}

function wrong({ id }: SimulatedNode, { through }: SnapshotNote, why: string): Violation {
	return new Violation('BackupIsWhole', `the snapshot of ${id} through slot ${through} cannot be saved: ${why}`);
}
