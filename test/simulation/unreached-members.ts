/** Lines about changes of members that no seed reaches. */
import type { Unreached } from './named.ts';

export const MEMBERS: readonly Unreached[] = [
	{
		why: 'The replica asks the agent only where it leads, for members that a swarm can have, and that follow the last change. `test/paper/members.test.ts` asks otherwise.',
		files: {
			'shared/paxos/agent.ts': ["const why = leadership ? leadership.change(id, { members, follows }) : 'notLeader';"],
			'shared/paxos/change.ts': [
				"if (!members.some(({ isVoter }) => isVoter)) return 'noVoter';",
				"return new Set(members.map(({ id }) => id)).size < members.length ? 'sameId' : null;",
			],
			'shared/paxos/leadership.ts': ["if (change.follows !== last.chosenAt) return 'outdated';"],
			'shared/paxos/members.ts': [
				'if (follows !== chosenAt || slot < from || members.some(({ id }) => this.past.includes(id))) return null;',
			],
		},
	},
	{
		why: 'The world asks the node that leads, for nodes that are no members yet, and its answers come within the time limit or not at all. `test/replica/membership.test.ts` has the other cases.',
		files: {
			'shared/replica/membership.ts': [
				'override overdue(): void {',
				"if (this.#runtime.view().role !== 'leader') return done(refused('notLeader'));",
				'if (wanted?.id !== outcome.id) return;',
				'overdue(): void {',
				'return this.#wanted ? 1 : 0;',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				"if (members.some((member) => member.id === id)) return refusal('inUse', `${id} is a member already`);",
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				"return refusal('usedBefore', `${id} was a member before, and its name stands for what that one has promised`);",
				'if (replaces !== null && !members.some((member) => member.id === replaces)) return noMember(replaces);',
			],
			'shared/replica/replica.ts': ["if (this.#stopped) return done({ kind: 'unknown' });"],
		},
	},
	{
		why: 'A leader that is asked to remove itself has a link to one of the others. `test/replica/membership.test.ts` has one without.',
		files: {
			'shared/replica/membership.ts': [
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				"const reached = present.length > 0 ? `only ${present.join(' and ')}` : 'none';",
			],
		},
	},
	{
		why: 'The nodes of the world have the same state.',
		files: { 'shared/replica/replica.ts': ['isQuorum: (nodes) => isQuorumOf(nodes, agent.members.last.voters),'] },
	},
	{
		why: 'Only a node that starts tells its progress, and only the command that restores a file writes members apart. `test/storage/restore.test.ts` does.',
		files: {
			'shared/replica/restore.ts': [
				'get itemsCount(): number {',
				'export function membersPart(members: MembersState): Uint8Array {',
			],
		},
	},
	{
		why: 'Slots that come one by one overtake a snapshot that has come as a whole only within the moment in which it waits for its turn.',
		files: { 'shared/replica/loop.ts': ['if (through <= this.appliedThrough + this.#chosen.length) return false;'] },
	},
	{
		why: 'No two readers of the world hold the same snapshot. `test/storage/trim.test.ts` has two.',
		files: { 'shared/disk/snapshots.ts': ['if (left > 0) this.#holders.set(through, left);'] },
	},
];
