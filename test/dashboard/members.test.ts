/** The members change while the page looks on: who decides which slot, what is shown of each node, and in which words. */
import { expect, test } from 'vitest';
import { nameBallots } from '../../dashboard/model/ballot-names.ts';
import { changeText } from '../../dashboard/model/change-text.ts';
import { columnsOf } from '../../dashboard/model/columns.ts';
import { type Decision, foldDecision, type Round } from '../../dashboard/model/decision.ts';
import { happenedBy } from '../../dashboard/model/happened.ts';
import { ballotLadder } from '../../dashboard/model/ladder.ts';
import { type Deciders, hasVote, MemberHistory } from '../../dashboard/model/members.ts';
import { NodeModel } from '../../dashboard/model/node-model.ts';
import { progressOf } from '../../dashboard/model/progress.ts';
import { reasonOf } from '../../dashboard/model/reasons/reason.ts';
import { slotGrid } from '../../dashboard/model/slot-grid.ts';
import { standingText, standingWord } from '../../dashboard/model/standing.ts';
import { whyAccept, whyPromise, whyVote } from '../../dashboard/model/why.ts';
import type { Fact } from '../../shared/fact.ts';
import type { SwarmMember } from '../../shared/feed.ts';
import { ALPHA } from './fake-swarm.ts';
import { type Told, toldSwarm } from './told.ts';

const NEW = 'n3~k2xp7';
const names = nameBallots([]);

function member(id: string, isVoter = true, replaces: string | null = null): SwarmMember {
	return { id, url: `http://${id.replace('~', '-')}.test`, isVoter, replaces };
}

function put({ swarm }: Told, count = 1): void {
	for (let i = 0; i < count; i++) swarm.propose('n1', { key: 'color', value: `red ${i}`, route: 'leader', contest: 0 });
}

/** As the page does after a change: a node that told of one is asked for a snapshot, which names the addresses. */
function resync({ swarm, story }: Told): void {
	for (const { id, alive } of swarm.nodes) if (alive) story.snapshot(id, swarm.snapshot(id));
}

/** n3 has lost its disk. Its new one comes in as a learner, learns, votes in its place, and n3 is gone. */
function replaceN3(told: Told, through: 'learns' | 'chosen' | 'inForce'): Told {
	const { swarm, story } = told;
	swarm.campaign('n1', 'noLeader');
	put(told, 3);
	swarm.kill('n3');
	story.lost('n3', 1);
	swarm.change([...swarm.members, member(NEW, false, 'n3')]);
	swarm.fill();
	swarm.join(NEW);
	swarm.heartbeat();
	resync(told);
	if (through === 'learns') return told;
	swarm.change([...['n1', 'n2', 'n4', 'n5'].map((id) => member(id)), member(NEW)]);
	if (through === 'chosen') return told;
	swarm.fill();
	put(told);
	resync(told);
	return told;
}

function last(decision: Decision): Round {
	const round = decision.rounds.at(-1);
	if (!round) throw new Error('no round');
	return round;
}

function decisionOf({ story }: Told, slot: number): Decision {
	return story.decision(story.gather(slot, []));
}

test('a learner is a member without a vote: it counts in no quorum, is asked for no promise, and shows how far it is', () => {
	const told = replaceN3(toldSwarm(), 'learns');
	const { model, swarm, story } = told;
	expect(model.health).toEqual([expect.objectContaining({ up: 4, of: 5, needed: 3 })]);
	expect(model.voters.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3', 'n4', 'n5']);
	expect(model.nodes.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3', NEW, 'n4', 'n5']);
	const standing = model.standing(NEW);
	expect(standingWord(standing)).toBe('learns');
	expect(standingText(standing)).toBe('It has no vote yet: it only learns what is chosen. It takes the place of n3.');
	expect(ballotLadder(model, story.index.ballots(), 7).rails.map(({ node }) => node)).toEqual([
		'n1',
		'n2',
		'n3',
		'n4',
		'n5',
	]);

	put(told);
	const decision = decisionOf(told, swarm.nextSlot() - 1);
	const round = last(decision);
	expect(round.electorate).toEqual({ voters: ['n1', 'n2', 'n3', 'n4', 'n5'], needed: 3 });
	expect(round.votes).toEqual(['n1', 'n2', 'n4', 'n5']);
	expect(whyVote(round, decision, names)).toContain('n1 counted 4 of 5 votes, a quorum');
	expect(columnsOf(decision, round, model)).toEqual(['n1', 'n2', 'n3', NEW, 'n4', 'n5']);
	expect(slotGrid(model, 1)).toMatchObject([{ votes: 4, isReached: true }]);
});

test('a learner’s progress is that of its slots, or that of the snapshot it takes over', () => {
	const learner = new NodeModel(NEW);
	learner.chosenThrough = 1200;
	expect(progressOf(learner, 4800)).toEqual({ share: 0.25, text: '3,600 slots behind' });
	expect(progressOf(learner, 1201).text).toBe('1 slot behind');
	expect(progressOf(learner, 1200)).toEqual({ share: 1, text: 'knows every slot that is chosen' });
	learner.arriving = { through: 4000, bytes: 2_500_000, bytesOfAll: 10_000_000 };
	expect(progressOf(learner, 4800)).toEqual({
		share: 0.25,
		text: 'takes over the snapshot through slot 4,000, 2.5 MB of 10.0 MB',
	});
});

test('a change that is chosen and not yet in force is shown with the slot from which it is, and the old members decide until then', () => {
	const told = replaceN3(toldSwarm(), 'chosen');
	const { model, swarm } = told;
	const [inForce, next] = model.sets;
	const chosenAt = swarm.nextSlot() - 1;
	expect(next).toMatchObject({ chosenAt, from: chosenAt + ALPHA });
	expect(model.health).toEqual([
		{ up: 4, of: 5, needed: 3, from: inForce?.from },
		{ up: 5, of: 5, needed: 3, from: chosenAt + ALPHA },
	]);
	expect(standingWord(model.standing(NEW))).toBe('will vote');
	expect(standingWord(model.standing('n3'))).toBe('leaves');
	expect(standingText(model.standing('n3'))).toBe(`It is no member from slot ${chosenAt + ALPHA} on.`);
	expect(standingText(model.standing(NEW))).toContain(`It votes from slot ${chosenAt + ALPHA} on.`);

	const decision = decisionOf(told, chosenAt);
	expect(decision.brings).toBe(next);
	expect(last(decision).electorate?.voters).toContain('n3');
	expect(decision.brings && changeText(decision.set, decision.brings)).toBe(
		`Members n1, n2, n4, n5, ${NEW} from slot ${chosenAt + ALPHA} on; ${NEW} votes in the place of n3`,
	);
	expect(slotGrid(model, 1)).toMatchObject([{ brings: { from: chosenAt + ALPHA } }]);
});

test('each slot is decided by the members that govern it, also after they have changed', () => {
	const told = replaceN3(toldSwarm(), 'inForce');
	const { model, swarm } = told;
	const from = swarm.sets.at(-1)?.from ?? 0;
	const { electorate: before } = last(decisionOf(told, from - 1));
	expect(before?.voters).toEqual(['n1', 'n2', 'n3', 'n4', 'n5']);
	expect([hasVote(before, 'n3'), hasVote(before, NEW), hasVote(null, NEW)]).toEqual([true, false, true]);
	const after = decisionOf(told, from);
	expect(last(after).electorate?.voters).toEqual(['n1', 'n2', 'n4', 'n5', NEW]);
	expect(last(after).vote.get(NEW)).toEqual({ state: 'accepted', counted: true });
	expect(columnsOf(after, last(after), model)).toEqual(['n1', 'n2', NEW, 'n4', 'n5']);
	expect(columnsOf(decisionOf(told, 1), last(decisionOf(told, 1)), model)).toEqual(['n1', 'n2', 'n3', NEW, 'n4', 'n5']);
	expect(slotGrid(model, 2).map(({ slot, isFirst }) => [slot, isFirst])).toEqual([
		[from - 1, false],
		[from, true],
	]);
});

test('a member that was removed is gone, and then drawn no more; the decisions that it took part in still show it', () => {
	const told = replaceN3(toldSwarm(), 'inForce');
	const { model, swarm, story } = told;
	const from = swarm.sets.at(-1)?.from ?? 0;
	expect(model.gone.map(({ id }) => id)).toEqual(['n3']);
	const happened = happenedBy(story.landmarks, Number.POSITIVE_INFINITY, model).map(({ item }) => item.node);
	expect(happened).toEqual(['n1']);
	expect(standingText(model.standing('n3'))).toBe(`Removed: no member from slot ${from} on.`);
	expect(model.voters.map(({ id }) => id)).toEqual(['n1', 'n2', NEW, 'n4', 'n5']);
	story.forget('n1');
	story.forget('n3');
	expect(model.nodes.map(({ id }) => id)).toEqual(['n1', 'n2', NEW, 'n4', 'n5']);
	const first = decisionOf(told, 1);
	expect(columnsOf(first, last(first), model)).toContain('n3');
	// A node that lags behind may still tell the old members.
	story.snapshot('n2', {
		...swarm.snapshot('n2'),
		chosenThrough: 2,
		swarm: { ...swarm.snapshot('n2').swarm, sets: swarm.sets.slice(0, 1) },
	});
	expect(model.sets).toHaveLength(1);
	expect(model.standing('n3').place).toBe('gone');
});

test('a node that is no member yet is shown as none, and in no slot', () => {
	const told = toldSwarm(3);
	const { model, swarm, story } = told;
	swarm.campaign('n1', 'noLeader');
	swarm.join(NEW);
	story.snapshot(NEW, swarm.snapshot(NEW));
	put(told);
	expect(standingText(model.standing(NEW))).toBe('It is no member.');
	expect(model.health).toEqual([{ up: 3, of: 3, needed: 2, from: 1 }]);
	expect(ballotLadder(model, story.index.ballots(), 7).rails.map(({ node }) => node)).toEqual(['n1', 'n2', 'n3']);
	expect(model.gone).toEqual([]);
	story.lost(NEW, 1);
	expect(model.gone.map(({ id }) => id)).toEqual([NEW]);
	story.forget(NEW);
	expect(model.nodes.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3']);
});

test('a silent node is waited for until it is removed, and no longer', () => {
	const { model, story } = replaceN3(toldSwarm(), 'chosen');
	const waitedFor = happenedBy(story.landmarks, Number.POSITIVE_INFINITY, model).map(({ text }) => text);
	expect(waitedFor).toContain('n3 is not heard any more');
});

test('a campaign while a change is under way needs a quorum of both sets, and says so', () => {
	const told = toldSwarm(3);
	const { swarm, story } = told;
	swarm.campaign('n1', 'noLeader');
	for (const id of ['n4', 'n5', 'n6']) swarm.join(id);
	const from = swarm.change(['n1', 'n4', 'n5', 'n6'].map((id) => member(id)));
	resync(told);
	for (const id of ['n4', 'n5', 'n6']) swarm.kill(id);
	const halted = swarm.campaign('n2', 'proposal');
	expect(halted.givenUp).toBe(true);
	const open = story.decision(story.gather(from - 1, [halted.ballot]));
	const [round] = open.rounds;
	if (!round) throw new Error('no round');
	expect(round.isPromised).toBe(true);
	const needed = `Needed too are 3 of those who decide from slot ${from} on, n1, n4, n5 and n6: 1 promised.`;
	expect(whyPromise(round, open, names)).toContain(needed);
	expect(whyAccept({ ...round, givenUp: null }, open, names)).toContain(needed);
	// Seen from a slot of the new members it is the other way round.
	const later = story.decision(story.gather(from, [halted.ballot]));
	expect(later.rounds[0]).toMatchObject({ isPromised: false, electorate: { needed: 3 } });

	for (const id of ['n4', 'n5', 'n6']) swarm.node(id).alive = true;
	swarm.propose('n2', { key: 'color', value: 'blue', route: 'self', contest: 0 });
	const decision = decisionOf(told, from - ALPHA + 1);
	const whole = last(decision);
	expect(whole).toMatchObject({ isPromised: true, isChosen: true, electorate: { voters: ['n1', 'n2', 'n3'] } });
	expect(whole.promiseVoters).toEqual(['n1', 'n2', 'n3', 'n4', 'n5', 'n6']);
	expect(whyPromise(whole, decision, names)).toContain('n2 counted 3 of 3 promises, a quorum');
	const gathered = story.gather(decision.slot, []);
	for (const moment of gathered.entries) {
		for (const { proposal, isPromised } of story.decision(gathered, moment).rounds)
			if (proposal) expect(isPromised).toBe(true);
	}
});

test('an old slot that is contested is voted on by the members of now', () => {
	const told = replaceN3(toldSwarm(), 'inForce');
	told.swarm.propose('n2', { key: 'color', value: 'blue', route: 'self', contest: 1 });
	const decision = decisionOf(told, 1);
	expect(decision.rounds.map(({ electorate }) => electorate?.voters.includes('n3'))).toEqual([true, false]);
});

test('of slots between two sets that were told nothing is said, if a third one may have been between', () => {
	const view = (chosenAt: number, ids: readonly string[]): Deciders => ({
		chosenAt,
		from: chosenAt === 0 ? 1 : chosenAt + ALPHA,
		members: ids.map((id) => member(id)),
		needed: Math.floor(ids.length / 2) + 1,
	});
	const [a, b, c] = [view(0, ['n1']), view(100, ['n1', 'n2']), view(200, ['n2', 'n3'])];
	const history = new MemberHistory();
	expect(history.governing(1)).toBeNull();
	expect(history.at(0)).toEqual([]);
	history.told([a], 50);
	history.told([c], 230);
	expect([1, 51, 52, 203, 204, 999].map((slot) => history.governing(slot))).toEqual([a, a, null, null, c, c]);
	expect(history.at(60)).toEqual([]);
	history.told([a, b], 101);
	expect([52, 103, 104, 105, 203].map((slot) => history.governing(slot))).toEqual([a, a, b, null, null]);
	expect(history.at(99)).toEqual([a]);
	expect(history.at(100)).toEqual([a, b]);
	history.told([b, c], 200);
	expect([105, 203, 204].map((slot) => history.governing(slot))).toEqual([b, b, c]);
	expect([a, b, c].map(({ chosenAt }) => history.broughtBy(chosenAt))).toEqual([null, b, c]);
	expect(['n1', 'n2', 'n3', 'n9'].map((id) => history.leftFrom(id))).toEqual([204, 0, 0, 0]);
});

test('a node that may have learned of two changes at once is not said to know the one before', () => {
	const { swarm } = toldSwarm(3);
	const node = new NodeModel('n2');
	node.snapshot(swarm.snapshot('n2'));
	const told = (chosenAt: number) => ({
		node: 'n2',
		epoch: node.epoch,
		seq: node.seq + 1,
		time: 0,
		kind: 'members' as const,
		chosenAt,
		from: chosenAt + ALPHA,
		members: [member('n2')],
	});
	node.fold(told(ALPHA));
	expect(node.sets.map(({ chosenAt }) => chosenAt)).toEqual([0, ALPHA]);
	node.fold(told(3 * ALPHA));
	expect(node.sets).toEqual([]);
});

test('where no node has told the members, nothing is said of them', () => {
	const { swarm, story } = toldSwarm();
	const late = toldSwarm();
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const decision = foldDecision(story.gather(1, []), new MemberHistory());
	const round = last(decision);
	expect(round).toMatchObject({ electorate: null, isPromised: true, isChosen: true });
	expect(whyPromise(round, decision, names)).toContain('n3 counted 5 promises, a quorum');
	expect(whyVote(round, decision, names)).toContain('n3 counted 5 votes, a quorum');
	const { entries, ...whole } = story.gather(1, []);
	const open = foldDecision({ ...whole, entries: entries.slice(0, 1) }, new MemberHistory());
	expect(whyAccept(last(open), open, names)).toBe('Phase 2 begins once a quorum of promises is counted.');
	expect(late.model.standing('n9')).toMatchObject({ place: 'outside', from: 0 });
});

test('on the rail a learner decides nothing, and promises are counted among those who vote in the slots of the campaign', () => {
	const told = toldSwarm(3);
	const { swarm, story } = told;
	swarm.campaign('n1', 'noLeader');
	swarm.join('n4');
	const learns = swarm.change([...swarm.members, member('n4', false)]);
	swarm.fill();
	resync(told);
	const texts = () => story.landmarks.map(({ text }) => text);
	expect(texts()).toContain(`other members learn from slot ${learns} on`);
	const from = swarm.change(['n1', 'n2', 'n3', 'n4'].map((id) => member(id)));
	expect(texts()).toContain(`other members decide from slot ${from} on`);
	// The second set is not in force yet.
	swarm.campaign('n2', 'noLeader');
	expect(texts().at(-1)).toBe('n2 became leader, because n1, n2, n3 and n4 promised its ballot (3 of 3 and 4 of 4)');
});

test('a ballot that lacks promises of the members to come is said to lack those', () => {
	const told = toldSwarm(3);
	const { swarm, story } = told;
	swarm.campaign('n1', 'noLeader');
	for (const id of ['n4', 'n5', 'n6']) swarm.join(id);
	swarm.change(['n1', 'n4', 'n5', 'n6'].map((id) => member(id)));
	resync(told);
	for (const id of ['n4', 'n5', 'n6']) swarm.kill(id);
	swarm.campaign('n2', 'proposal');
	const [givenUp] = story.tape.newest(1, ({ fact }) => fact.kind === 'givenUp');
	if (!givenUp) throw new Error('it was not given up');
	expect(reasonOf({ kind: 'item', item: givenUp }, story, null).sentence).toMatch(
		/because only n1 had promised it \(1 of 4, 3 are needed\), and n4, n5 and n6 had not in time\.$/,
	);
	expect(story.landmarks.at(-1)?.text).toBe('n2 gives up: too few nodes answered');
	const { time: _, epoch, seq } = swarm.snapshot('n2');
	const ballot = swarm.snapshot('n2').promised;
	const noVote: Fact = { node: 'n2', epoch, seq: seq + 1, time: 0, kind: 'givenUp', ballot, why: 'noVote' };
	story.batch('n2', { epoch, from: noVote.seq, facts: [noVote], skipped: {} });
	expect(story.landmarks.at(-1)?.text).toBe('n2 gives up: it has no vote any more');
	const [round] = story.decision(story.gather(1, [ballot])).rounds.filter((each) => each.ballot === ballot);
	expect(round?.givenUp).toBe('noVote');
});

test('of a change the node tells on the rail that knew it first, however late its facts come', () => {
	const told = toldSwarm(3);
	told.swarm.campaign('n1', 'noLeader');
	told.swarm.change(told.swarm.members.filter(({ id }) => id !== 'n3'));
	told.swarm.heartbeat();
	const { story } = toldSwarm(3);
	const isLate = ({ node }: Fact) => node === 'n1';
	for (const fact of [...told.facts.filter((fact) => !isLate(fact)), ...told.facts.filter(isLate)]) {
		story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	}
	const changes = story.landmarks.filter(({ text }) => text.startsWith('other members decide'));
	expect(changes.map(({ item }) => item.node)).toEqual(['n1']);
});
