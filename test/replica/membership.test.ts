/** Changes of members as they are asked for at the leader, and learners that become voters. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { MembersChange } from '../../shared/paxos/change.ts';
import type { Role } from '../../shared/paxos/fact.ts';
import { firstMembers, Members } from '../../shared/paxos/members.ts';
import { membersValue, NOOP } from '../../shared/paxos/value.ts';
import { Deadlines } from '../../shared/replica/deadlines.ts';
import { type MembersAnswer, Membership } from '../../shared/replica/membership.ts';
import { votersNamed } from '../../shared/simulation/node.ts';

const ALPHA = 2;
const TIMEOUT_MS = 1000;

let members: Members;
let membership: Membership;
let deadlines: Deadlines;
let nowMs: number;
let role: Role;
let chosenThrough: number;
let confirmedThrough: Map<string, number>;
let linked: string[];
let asked: { readonly id: number; readonly change: MembersChange }[];
let answers: MembersAnswer[];

beforeEach(() => {
	members = new Members(ALPHA, firstMembers(votersNamed(['n1', 'n2', 'n3'])));
	nowMs = 0;
	role = 'leader';
	chosenThrough = 0;
	confirmedThrough = new Map();
	linked = ['n2', 'n3', 'n4'];
	asked = [];
	answers = [];
	deadlines = new Deadlines({ nowMs: () => nowMs, setTimer: () => undefined });
	membership = new Membership('n1', members, deadlines, {
		setTimer: () => undefined,
		view: () => ({ role, chosenThrough, confirmedThrough }),
		linked: () => linked,
		change: (id, change) => asked.push({ id, change }),
	});
});

function add(id: string, replaces: string | null = null): void {
	membership.request({ kind: 'add', id, url: `http://${id}`, replaces }, TIMEOUT_MS, (answer) => answers.push(answer));
}

function remove(id: string): void {
	membership.request({ kind: 'remove', id }, TIMEOUT_MS, (answer) => answers.push(answer));
}

/** The agent proposes the change that it was asked for last, and it is chosen and in force. */
function choose(): void {
	const { id, change } = asked.at(-1) as (typeof asked)[number];
	const slot = chosenThrough + 1;
	membership.outcome({ kind: 'changePlaced', id, slot });
	for (chosenThrough = slot; chosenThrough < slot + ALPHA; chosenThrough++) {
		members.chosen(chosenThrough, chosenThrough === slot ? membersValue(change) : NOOP);
		membership.applied(chosenThrough);
	}
	chosenThrough--;
}

/** Two looks at the learners, between which this was chosen, and these have confirmed so much. */
function look(...confirmed: readonly (readonly [id: string, through: number])[]): void {
	membership.fire();
	for (const [id, through] of confirmed) confirmedThrough.set(id, through);
	membership.fire();
}

function names(): string {
	return members.last.members.map(({ id, isVoter }) => (isVoter ? id : `(${id})`)).join(' ');
}

function whys(): string[] {
	return answers.map((answer) => (answer.kind === 'refused' ? answer.why : answer.kind));
}

describe('a removal', () => {
	it('is refused where the voters that are left and can be reached are no majority of those that are left', () => {
		linked = ['n3'];
		remove('n3');
		expect(asked).toEqual([]);
		expect(answers).toEqual([
			{
				kind: 'refused',
				why: 'noQuorumLeft',
				detail: 'Of the voters that would be left, n1 and n2, only n1 can be reached now, which is no majority',
			},
		]);
		// The node that cannot be reached may leave.
		remove('n2');
		choose();
		expect(names()).toBe('n1 n3');
	});

	it('of the leader counts the others only', () => {
		linked = [];
		remove('n1');
		expect(answers.pop()).toMatchObject({
			detail: 'Of the voters that would be left, n2 and n3, none can be reached now, which is no majority',
		});
		linked = ['n2'];
		remove('n1');
		linked = ['n2', 'n3'];
		remove('n1');
		choose();
		expect(whys()).toEqual(['noQuorumLeft', 'chosen']);
		expect(names()).toBe('n2 n3');
	});
});

describe('a node that comes in', () => {
	it('is a learner first, and a voter once it has what was chosen at the look before', () => {
		add('n4');
		choose();
		expect(whys()).toEqual(['chosen']);
		expect(names()).toBe('n1 n2 n3 (n4)');
		look(['n4', chosenThrough - 1]);
		expect(asked).toHaveLength(1);
		look(['n4', chosenThrough]);
		choose();
		expect(names()).toBe('n1 n2 n3 n4');
	});

	it('stays a learner while it is not linked, however much it has confirmed', () => {
		add('n4');
		choose();
		linked = ['n2'];
		look(['n4', chosenThrough]);
		expect(asked).toHaveLength(1);
	});

	it('takes the place of another one in one change', () => {
		add('n4', 'n2');
		choose();
		expect(names()).toBe('n1 n2 n3 (n4)');
		look(['n4', chosenThrough]);
		choose();
		expect(names()).toBe('n1 n3 n4');
	});

	it('takes the place of the learner that was to replace the same member, and of no other one', () => {
		add('n4', 'n2');
		choose();
		add('n5', 'n3');
		choose();
		add('n6');
		choose();
		add('n7', 'n2');
		choose();
		expect(names()).toBe('n1 n2 n3 (n5) (n6) (n7)');
		add('n8');
		choose();
		expect(names()).toBe('n1 n2 n3 (n5) (n6) (n7) (n8)');
		add('n4');
		expect(whys().at(-1)).toBe('usedBefore');
		linked = ['n7'];
		look(['n7', chosenThrough]);
		choose();
		expect(names()).toBe('n1 n3 (n5) (n6) (n8) n7');
	});

	it('comes in all the same where the one that it was to replace has left before', () => {
		add('n4', 'n2');
		choose();
		remove('n2');
		choose();
		look(['n4', chosenThrough]);
		choose();
		expect(names()).toBe('n1 n3 n4');
	});

	it.each([
		['is a member', 'n2', null, 'inUse'],
		['is to replace no member', 'n4', 'n9', 'noSuchMember'],
	])('is refused where it %s', (_, id, replaces, why) => {
		add(id, replaces);
		expect(whys()).toEqual([why]);
		expect(asked).toEqual([]);
	});

	it('is refused where it was a member before', () => {
		remove('n3');
		choose();
		add('n3');
		expect(whys()).toEqual(['chosen', 'usedBefore']);
	});
});

describe('a change', () => {
	it('has one answer: who governs from where on', () => {
		remove('n3');
		choose();
		expect(answers).toEqual([{ kind: 'chosen', set: members.last }]);
		deadlines.fire();
		membership.stop();
		expect(answers).toHaveLength(1);
	});

	it('is refused at a node that does not lead, and while another one is under way', () => {
		role = 'follower';
		remove('n3');
		role = 'leader';
		remove('n3');
		remove('n2');
		expect(whys()).toEqual(['notLeader', 'underWay']);
	});

	it('is refused with the agent’s reason', () => {
		remove('n3');
		membership.outcome({ kind: 'changeRefused', id: asked[0]?.id as number, why: 'notSettled' });
		expect(answers).toMatchObject([{ why: 'notSettled', detail: expect.stringContaining('Ask again') }]);
		expect(membership.count).toBe(0);
	});

	it('is refused where its slot has got another value', () => {
		remove('n3');
		membership.outcome({ kind: 'changePlaced', id: asked[0]?.id as number, slot: 1 });
		members.chosen(1, NOOP);
		membership.applied(1);
		expect(whys()).toEqual(['notLeader']);
	});

	it('is unknown where the node learns at once of a later one that is in force, for this one may have been chosen', () => {
		remove('n3');
		const [first] = asked;
		membership.outcome({ kind: 'changePlaced', id: first?.id as number, slot: 1 });
		members.chosen(1, membersValue(first?.change as MembersChange));
		members.chosen(2, NOOP);
		members.chosen(3, membersValue({ members: votersNamed(['n1', 'n2', 'n4']), follows: 1 }));
		members.chosen(4, NOOP);
		membership.applied(4);
		expect(whys()).toEqual(['unknown']);
	});

	it('is unknown when its time is over, and its late outcome answers no other one', () => {
		remove('n3');
		nowMs = TIMEOUT_MS;
		deadlines.fire();
		expect(whys()).toEqual(['unknown']);
		remove('n2');
		membership.outcome({ kind: 'changeRefused', id: asked[0]?.id as number, why: 'notLeader' });
		expect(whys()).toEqual(['unknown']);
		membership.stop();
		expect(whys()).toEqual(['unknown', 'unknown']);
	});

	it('of a node that is no member is refused', () => {
		remove('n9');
		expect(whys()).toEqual(['noSuchMember']);
	});
});
