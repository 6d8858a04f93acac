/** Compares what every panel shows of a node with what the node tells of itself. It must not use the page's own code. */
import type { NodeSnapshot } from '../../../shared/feed.ts';
import type { Slot } from '../../../shared/paxos/message.ts';
import { cardOf } from '../../browser/swarm-page.ts';
import type { Panels } from './panels.ts';

/** What differs, each in a few words; none where the node is not shown. */
export function differences(told: NodeSnapshot, { nodes, slot, rungs, keys }: Panels): string[] {
	const shown = nodes[told.node];
	if (!shown) return [];
	const found: string[] = [];
	const must = (what: string, isShown: unknown, isTold: unknown): void => {
		const [a, b] = [JSON.stringify(isShown), JSON.stringify(isTold)];
		if (a !== b) found.push(`${told.node} ${what}: ${a} is shown, ${b} is told`);
	};
	const { role, promised, accepted, chosenThrough } = shown;
	must('card', { role, promised, accepted, chosenThrough }, cardOf(told));
	for (const [of, mark] of Object.entries(shown.marks)) must(`slot ${of}`, mark, markOf(told, Number(of)));
	must('ladder', shown.rung, rungs.includes(told.promised) ? told.promised : null);
	// The part that the node has in the shown decision may follow.
	must('mesh', shown.mesh.split(', ').slice(0, 2).join(', '), `${told.role}, linked with ${told.linked.length}`);
	if (shown.hasLearned !== null) must(`decision ${slot}`, shown.hasLearned, knows(told, slot));
	if (keys?.node === told.node && keys.revision === told.revision) {
		const rows = told.entries.map(({ key, value, modifyRevision }) => [key, value, String(modifyRevision)]);
		must('keys', keys.rows, rows);
	}
	return found;
}

function markOf(told: NodeSnapshot, slot: Slot): string {
	if (slot <= told.trimmedThrough) return 'trimmed';
	if (knows(told, slot)) return 'chosen';
	if (told.slots.some((each) => each.slot === slot && each.acceptedBallot !== '')) return 'accepted';
	return told.promised === '' ? 'none' : 'promised';
}

function knows({ chosenThrough, slots }: NodeSnapshot, slot: Slot): boolean {
	return slot <= chosenThrough || slots.some((each) => each.slot === slot && each.chosen);
}
