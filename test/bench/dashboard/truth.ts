/**
 * What every panel shows of a node is what the node says itself at the same sequence number, now and at moments of the past.
 * While a swarm rests between writes, each node tells its own state; the page is then asked for moments all over the rail.
 * At a moment that shows fact P of a node, a state that the node told after fact S says what is right where no fact between
 * S and P changes a state.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Fact, FactKind } from '../../../shared/fact.ts';
import type { NodeSnapshot } from '../../../shared/feed.ts';
import { settled, snapshotOf } from '../../browser/swarm-page.ts';
import { put } from '../../process/client.ts';
import type { TestNode } from '../../process/swarm.ts';
import { Watch } from '../../process/watch.ts';
import type { Bar } from './bar.ts';
import { readPanels } from './panels.ts';
import { staged } from './stage.ts';
import { differences } from './told.ts';

/** Facts of all other kinds leave a node's state as it is. */
const CHANGING: ReadonlySet<FactKind> = new Set([
	'promised',
	'accepted',
	'chosen',
	'applied',
	'installed',
	'members',
	'snapshot',
	'campaign',
	'promiseCounted',
	'role',
	'linkUp',
	'linkDown',
	'linkFault',
]);
const REST_MS = 700;
const PLACES = 600;
const PLACES_APART = 3;
const WRITES_OF_ROUND = 4;
/** What is longer ago is not on the rail. */
const ROUNDS_MAX = 20;

export const truth: Bar = {
	name: 'truth',
	measure: ({ rounds }) =>
		staged({}, async (stage) => {
			const { nodes } = stage.swarm;
			const watches = await Promise.all(nodes.map(Watch.open));
			const page = await stage.open();
			const states: NodeSnapshot[] = [];
			const found: string[] = [];
			let compared = 0;
			const compare = async (): Promise<void> => {
				await settled(page);
				const shown = await readPanels(page);
				for (const [index, { id }] of nodes.entries()) {
					const facts = watches[index]?.facts ?? [];
					const state = states.findLast((each) => each.node === id && isSame(facts, each.seq, shown.nodes[id]?.seq));
					if (!state) continue;
					compared++;
					found.push(...differences(state, shown));
				}
			};
			try {
				for (let round = 0; round < Math.min(ROUNDS_MAX, 2 * rounds); round++) {
					await write(nodes, watches, round);
					await delay(REST_MS);
					states.push(...(await Promise.all(nodes.map(snapshotOf))));
					await delay(REST_MS);
					await page.getByTestId(`keys-${nodes[round % nodes.length]?.id}`).press('Enter');
					await compare();
				}
				const now = compared;
				for (let place = PLACES - 1; place > 0; place -= PLACES_APART) {
					await page.getByTestId('rail-range').fill(String(place));
					await compare();
				}
				return [
					{
						bar: 'what the page shows equals the node’s own state at the same number',
						target: 'always, in every panel, at every moment',
						measured: `${found.length} differences in ${compared} comparisons of a node’s card, slots, ladder, mesh, decision and keys (${now} now, ${compared - now} in the past)`,
						isMet: found.length === 0 && compared > now,
						...(found.length > 0 && { note: [...new Set(found)].slice(0, 8).join('; ') }),
					},
				];
			} finally {
				for (const watch of watches) watch.close();
			}
		}),
};

/** Every third time another node makes itself the leader. */
async function write(nodes: readonly TestNode[], watches: readonly Watch[], round: number): Promise<void> {
	for (let i = 0; i < WRITES_OF_ROUND; i++) {
		await put(nodes[(round + i) % nodes.length] as TestNode, `key ${i}`, `round ${round}`);
	}
	if (round % 3 === 2)
		await watches[round % nodes.length]?.propose({ key: 'taken', value: String(round), route: 'self' });
}

/** Whether the node's state is the same after the facts of these numbers. */
function isSame(facts: readonly Fact[], a: number, b: number | undefined): boolean {
	if (b === undefined) return false;
	const [from, through] = [Math.min(a, b), Math.max(a, b)];
	return facts.every(({ seq, kind }) => seq <= from || seq > through || !CHANGING.has(kind));
}
