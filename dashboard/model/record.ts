/**
 * What the page was told, as a trace file: the tape with its order and times, behind what each node knew before. It opens
 * at the moment that the page shows. What was dropped from the tape is not in it.
 */
import type { NodeSnapshot, SwarmView } from '../../shared/feed.ts';
import { type Told, TRACE_FORMAT, type TraceFile, type TraceItem } from '../../shared/trace-file.ts';
import type { NodeModel } from './node-model.ts';
import type { Story } from './story.ts';
import type { SwarmModel } from './swarm-model.ts';
import type { Item } from './tape.ts';

/** A story has room for these, and for what begins the file. */
const ITEMS_MAX = 19_900;

/**
 * @param moment the moment that the page shows; null for now
 * @param title for people, in one sentence
 */
export function recordOf(story: Story, moment: Item | null, title: string): TraceFile {
	const all = [...story.tape.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)];
	const items = all.slice(-ITEMS_MAX);
	const before = all.at(-ITEMS_MAX - 1);
	const beginMs = items[0]?.whenMs ?? 0;
	const begin = beginning(before ? story.at(before) : story.beginning);
	const told = [...begin, ...items].map(({ node, told, whenMs = beginMs }: Begun): TraceItem => {
		return { ms: whenMs - beginMs, kind: 'told', node, told: withoutIdentity(told) };
	});
	if (moment === null) return { format: TRACE_FORMAT, title, told };
	const shown = begin.length + items.filter(({ at }) => at <= moment.at).length;
	return { format: TRACE_FORMAT, title, told, shown };
}

type Begun = Pick<Item, 'node' | 'told'> & Partial<Pick<Item, 'whenMs'>>;

/** What has to be told for a page to know the swarm so. */
function beginning(swarm: SwarmModel): Begun[] {
	const begun = swarm.nodes.flatMap((node): Begun[] => {
		const { id } = node;
		const told = knownAs(node);
		const snapshot = node.epoch === '' ? [] : [{ node: id, told: snapshotOf(node, swarm) }];
		return told ? [...snapshot, { node: id, told }] : snapshot;
	});
	return swarm.entry === '' ? begun : [...begun, { node: swarm.entry, told: { kind: 'entry' } }];
}

function knownAs({ status, unknownSinceMs, refusal }: NodeModel): Told | null {
	switch (status) {
		case 'connecting':
		case 'up':
			return null;
		case 'catchingUp':
			return { kind: 'missing', skipped: {} };
		case 'unknown':
			return { kind: 'lost', sinceMs: unknownSinceMs };
		case 'refused':
			return { kind: 'refused', why: refusal };
		case 'newer':
			return { kind: 'newer' };
	}
}

/** The keys are left out where they are those of an earlier revision. */
function snapshotOf(node: NodeModel, swarm: SwarmModel): Told {
	const { id, epoch, seq, role, promised, leader, chosenThrough, appliedThrough, trimmedThrough, revision } = node;
	const snapshot: NodeSnapshot = {
		...{ node: id, epoch, seq, time: 0, role, promised, leader },
		...{ chosenThrough, appliedThrough, trimmedThrough, revision },
		swarm: viewOf(node, swarm),
		slots: [...node.slots.values()].sort((a, b) => a.slot - b.slot),
		entries: node.entriesRevision === revision ? node.entries : [],
		entriesCount: node.entriesCount,
		linked: [...node.linked],
		phase1: node.phase1,
		faults: node.faults && [...node.faults.values()],
		troubles: node.troubles,
	};
	return { kind: 'snapshot', snapshot };
}

function viewOf({ sets }: NodeModel, swarm: SwarmModel): SwarmView {
	const ids =
		sets.length > 0 ? sets.flatMap(({ members }) => members.map(({ id }) => id)) : swarm.nodes.map(({ id }) => id);
	const members = [...new Set(ids)].map((id) => ({ id, url: swarm.addressOf(id) }));
	return { name: swarm.name, id: '', members, sets };
}

/** Who knows the identity of a swarm may be let in among its nodes. */
function withoutIdentity(told: Told): Told {
	if (told.kind !== 'snapshot') return told;
	const { snapshot } = told;
	return { kind: 'snapshot', snapshot: { ...snapshot, swarm: { ...snapshot.swarm, id: '' } } };
}
