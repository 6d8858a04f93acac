/**
 * The rules that can be taken out in the game of the sandbox, each as the bugs that take it out. They are a part of the
 * list of `npm run mutants`, and the page is built with the same patches.
 */
import { type Mutant, one } from './mutant.ts';
import type { RuleId } from './rule-ids.ts';

const ACCEPTOR = 'shared/paxos/acceptor.ts';
const BALLOT = 'shared/paxos/ballot.ts';
const CAMPAIGN = 'shared/paxos/campaign.ts';
const QUORUM = 'shared/paxos/quorum.ts';
const READS = 'shared/paxos/reads.ts';
const ROLE = 'shared/paxos/role.ts';
const LOG_REPLAY = 'shared/paxos/log-replay.ts';

export const RULES_OUT: Readonly<Record<RuleId, readonly Mutant[]>> = {
	promises: [
		one(
			3,
			'a promise is forgotten over a restart',
			LOG_REPLAY,
			"case 'promised':\n				this.promised = higher(this.promised, record.ballot);\n",
			"case 'promised':\n",
		),
	],
	disk: [
		one(
			1,
			'a promise leaves before it is durable',
			ACCEPTOR,
			'this.#context.out.whenDurable(from, {',
			'this.#context.out.now(from, {',
		),
		one(
			1,
			'an accepted leaves before it is durable',
			ACCEPTOR,
			"out.whenDurable(from, { kind: 'accepted', ballot, slot });",
			"out.now(from, { kind: 'accepted', ballot, slot });",
		),
	],
	reported: [
		one(
			0,
			'what the promises report is not proposed',
			CAMPAIGN,
			'			bound.set(slot, higher(bound.get(slot) ?? null, acceptance));\n',
			'',
		),
	],
	half: [
		one(
			10,
			'half of the members are a quorum',
			QUORUM,
			'Math.floor(members.length / 2) + 1',
			'Math.floor(members.length / 2)',
		),
	],
	ballots: [
		one(
			5,
			'ballots of two nodes may be equal',
			BALLOT,
			'return a.node < b.node ? -1 : a.node > b.node ? 1 : 0;',
			'return 0;',
			[
				BALLOT,
				'return a === b || (a.ns === b.ns && a.ms === b.ms && a.node === b.node);',
				'return a === b || (a.ns === b.ns && a.ms === b.ms);',
			],
		),
	],
	votes: [
		one(
			8,
			'accepteds of different ballots are added up',
			ROLE,
			'if (!leadership || !sameBallot(ballot, leadership.phase1.ballot)) return;',
			'if (!leadership || !ballot) return;',
		),
	],
	reads: [
		one(
			18,
			'a deposed leader answers a read without a quorum',
			READS,
			'if (!members.isQuorum(current.confirmers)) return;',
			'if (current.confirmers.size === 0) return;',
		),
	],
};
