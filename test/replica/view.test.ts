/** The state of a node as it is told to a watcher that begins. */
import { describe, expect, it } from 'vitest';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import type { AgentView } from '../../shared/paxos/view.ts';
import { snapshotOf } from '../../shared/replica/view.ts';

/** An agent whose slots up to `chosenThrough` are chosen, and whose values have so many bytes. */
function agentOf(lastSlot: number, chosenThrough: number, bytes: number): AgentView {
	const value = new Uint8Array(bytes);
	return {
		role: 'follower',
		promised: NO_BALLOT,
		leader: NO_BALLOT,
		chosenThrough,
		appliedThrough: chosenThrough,
		trimmedThrough: 2,
		lastSlot,
		phase1: null,
		entry: () => ({ ballot: NO_BALLOT, value, accepted: true }),
	} as Partial<AgentView> as AgentView;
}

function slotsOf(agent: AgentView): readonly number[] {
	return snapshotOf(agent, 0, { entries: [], entriesCount: 0 }).slots.map(({ slot }) => slot);
}

describe('the slots of a snapshot', () => {
	it('are the most recent ones that are kept, in their order', () => {
		expect(slotsOf(agentOf(5, 4, 100))).toEqual([3, 4, 5]);
		const slots = slotsOf(agentOf(1_000, 995, 100));
		expect(slots).toHaveLength(64);
		expect([slots[0], slots.at(-1)]).toEqual([937, 1_000]);
	});

	it('are fewer where values are large, and the open ones and the newest are always among them', () => {
		expect(slotsOf(agentOf(1_000, 998, 32 * 1024))).toEqual([997, 998, 999, 1_000]);
		expect(slotsOf(agentOf(1_000, 994, 128 * 1024))).toEqual([995, 996, 997, 998, 999, 1_000]);
		expect(slotsOf(agentOf(1_000, 1_000, 512 * 1024))).toEqual([1_000]);
	});
});
