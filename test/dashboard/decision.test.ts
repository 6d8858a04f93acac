import { expect, test } from 'vitest';
import { nameBallots } from '../../dashboard/model/ballot-names.ts';
import { foldDecision, type Round } from '../../dashboard/model/decision.ts';
import { whyAccept, whyLearn, whyPrepare, whyPromise, whyVote } from '../../dashboard/model/why.ts';
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { summary } from './fake-swarm.ts';
import { toldSwarm } from './told.ts';

/** A line below the name of a row has room for so many letters on a screen of 390 pixels. */
const PHONE_LINE_CHARS = 55;
const MEMBERS = ['n1', 'n2', 'n3', 'n4', 'n5'];

function last<T>(items: readonly T[]): T {
	const item = items.at(-1);
	if (item === undefined) throw new Error('nothing there');
	return item;
}

test('both phases of a proposal are shown node by node, as the facts say', () => {
	const { swarm, story } = toldSwarm();
	const answer = swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	if (answer.outcome !== 'chosen') throw new Error(answer.outcome);
	const decision = story.decision(story.gather(answer.slot, []));
	expect(decision.rounds).toHaveLength(1);
	const round = last(decision.rounds);
	expect(round).toMatchObject({ ballot: answer.ballot, proposer: 'n4', why: 'proposal', onceAbove: undefined });
	for (const node of MEMBERS) {
		expect(round.prepare.get(node)).toBe('arrived');
		expect(round.promise.get(node)).toMatchObject({ state: 'promised', reported: null, counted: true });
		expect(round.vote.get(node)).toEqual({ state: 'accepted', counted: true });
	}
	expect(decision.chosen?.value.text).toBe('put color = red');
	expect(decision.learned.get('n4')?.how).toBe('counted');
	expect(decision.learned.get('n1')?.how).toBe('told');
});

test('the sentence of a no-op says why it is proposed, and takes two lines of a phone', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const decision = story.decision(story.gather(1, []));
	const round = last(decision.rounds);
	if (!round.proposal) throw new Error('nothing was proposed');
	const filled: Round = { ...round, proposal: { ...round.proposal, origin: 'noop' } };
	const why = whyAccept(filled, { ...decision, slot: 1234 }, nameBallots([]));
	expect(why).toMatch(/^No promise reported a value for slot 1,234, .* n4 fills it with a no-op\.$/);
	expect(why.length).toBeLessThan(PHONE_LINE_CHARS * 2);
});

test('at every step of the playback: nothing is proposed before a quorum promised, nothing chosen before a quorum voted', () => {
	const { swarm, story } = toldSwarm();
	swarm.duel('n2', 'n4', 'n4');
	const { slot } = swarm.duel('n5', 'n1', 'n1');
	const gathered = story.gather(slot, []);
	const counts = (rounds: readonly Round[]) => rounds.map((round) => [round.promiseVoters.length, round.votes.length]);
	let before: number[] = [];
	for (const moment of gathered.entries) {
		const decision = story.decision(gathered, moment);
		for (const round of decision.rounds) if (round.proposal) expect(round.isPromised).toBe(true);
		if (decision.chosen) expect(last(decision.rounds).isChosen).toBe(true);
		const now = counts(decision.rounds).flat();
		for (const [index, count] of now.entries()) expect(count).toBeGreaterThanOrEqual(before[index] ?? 0);
		before = now;
	}
});

test('under a stable leader the real promises of its phase 1 are shown, once, for all slots above', () => {
	const { swarm, story } = toldSwarm();
	swarm.campaign('n3', 'noLeader');
	swarm.propose('n1', { key: 'a', value: '1', route: 'leader', contest: 0 });
	swarm.propose('n1', { key: 'b', value: '2', route: 'leader', contest: 0 });
	const round = last(story.decision(story.gather(2, [])).rounds);
	expect(round.onceAbove).toBe(0);
	expect(round.promiseVoters).toEqual(MEMBERS);
	expect(story.gather(2, []).entries.some(({ fact }) => fact.kind === 'campaign')).toBe(false);
});

test('a page that came after the election takes the promises from the leader’s snapshot', () => {
	const { swarm, facts } = toldSwarm();
	const late = toldSwarm();
	swarm.campaign('n3', 'noLeader');
	for (const { id } of swarm.nodes) late.story.snapshot(id, swarm.snapshot(id));
	const before = facts.length;
	swarm.propose('n1', { key: 'a', value: '1', route: 'leader', contest: 0 });
	for (const fact of facts.slice(before)) {
		late.story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	}
	const decision = late.story.decision(late.story.gather(1, []));
	expect(last(decision.rounds)).toMatchObject({ onceAbove: 0, promiseVoters: MEMBERS });
	expect(decision.chosen?.value.text).toBe('put a = 1');
});

test('a promise refused shows both ballots, and the halted attempt belongs to the decision that followed', () => {
	const { swarm, story } = toldSwarm();
	const { lost } = swarm.duel('n2', 'n4', 'n4');
	const answer = swarm.propose('n2', { key: 'duel', value: 'n2', route: 'self', contest: 0 });
	if (answer.outcome !== 'chosen') throw new Error(answer.outcome);
	const decision = story.decision(story.gather(answer.slot, []));
	expect(decision.rounds.map((round) => round.ballot)).toEqual([lost.ballot, answer.ballot]);
	const [halted] = decision.rounds;
	expect(halted?.halted?.by).toBe(lost.haltedBy);
	const refusal = [...(halted?.promise.values() ?? [])].find((cell) => cell.state === 'refused');
	expect(refusal).toEqual({ state: 'refused', promised: lost.haltedBy });
	const names = nameBallots([lost.ballot, lost.haltedBy]);
	if (!halted) throw new Error('no halted round');
	expect(whyPromise(halted, decision, names)).toContain(
		`${names.short(lost.ballot)} < promised ${names.short(lost.haltedBy)}`,
	);
	expect(whyAccept(halted, decision, names)).toContain('Never reached');
});

test('the end of a leadership belongs to no decision that it had made', () => {
	const { swarm, story } = toldSwarm();
	const answer = swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const later = swarm.propose('n4', { key: 'color', value: 'blue', route: 'leader', contest: 0 });
	if (answer.outcome !== 'chosen' || later.outcome !== 'chosen') throw new Error(later.outcome);
	expect(later.ballot).toBe(answer.ballot);
	const before = [answer.slot, later.slot].map((slot) => story.gather(slot, []).entries);
	swarm.halt('n4', 'n2');
	expect([answer.slot, later.slot].map((slot) => story.gather(slot, []).entries)).toEqual(before);
});

test('the end of a leadership belongs to the decisions that were open', () => {
	const { swarm, story } = toldSwarm();
	swarm.campaign('n4', 'noLeader');
	for (const id of ['n1', 'n3', 'n5']) swarm.kill(id);
	swarm.propose('n4', { key: 'color', value: 'red', route: 'leader', contest: 0 });
	swarm.halt('n4', 'n2');
	const [round] = story.decision(story.gather(1, [])).rounds;
	expect(round).toMatchObject({ proposer: 'n4', votes: ['n2', 'n4'], halted: { from: 'n2' } });
});

test('a second copy that is refused takes nothing back of the first', () => {
	const { swarm, model, story } = toldSwarm();
	const answer = swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	if (answer.outcome !== 'chosen') throw new Error(answer.outcome);
	const gathered = story.gather(answer.slot, []);
	const [entry] = gathered.entries;
	if (!entry) throw new Error('nothing there');
	const { node, epoch, seq, time } = entry.fact;
	const refusal = { kind: 'refused', from: 'n4', ballot: answer.ballot, promised: '9999999999999999999@n1' } as const;
	const late = (['prepare', 'accept'] as const).map((refused) => ({
		...entry,
		fact: { node, epoch, seq, time, ...refusal, refused, slot: answer.slot },
	}));
	const before = foldDecision(gathered, model.history);
	expect(foldDecision({ ...gathered, entries: [...gathered.entries, ...late] }, model.history)).toEqual(before);
});

test('a contest of a slot that was chosen before the page came begins with what was chosen', () => {
	const { swarm, facts, story } = toldSwarm();
	const late = toldSwarm();
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	for (const { id } of swarm.nodes) late.story.snapshot(id, swarm.snapshot(id));
	const before = facts.length;
	swarm.propose('n1', { key: 'color', value: 'blue', route: 'self', contest: 1 });
	for (const fact of facts.slice(before)) {
		late.story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	}
	const gathered = late.story.gather(1, []);
	const items = [...late.story.tape.between(Number.NEGATIVE_INFINITY, (gathered.entries[0]?.at ?? 0) - 1)];
	const first = late.story.decision(gathered, last(items));
	expect(first.chosen?.value.text).toBe('put color = red');
	expect([...first.learned.values()].every(({ how }) => how === 'known')).toBe(true);
	expect(first.rounds).toMatchObject([{ isHeld: true, votes: [...first.learned.keys()] }]);
	// A page that has seen all facts begins without any mark.
	expect(story.decision(story.gather(1, []), story.tape.first).chosen).toBeNull();
});

test('a contested slot: its promises report the accepted value with its ballot, and that value is proposed again', () => {
	const { swarm, story } = toldSwarm();
	const first = swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const answer = swarm.propose('n1', { key: 'color', value: 'blue', route: 'self', contest: 1 });
	if (first.outcome !== 'chosen' || answer.outcome !== 'kept') throw new Error(answer.outcome);
	const decision = story.decision(story.gather(1, []));
	const round = last(decision.rounds);
	expect(round).toMatchObject({ why: 'contest', contest: 1, ballot: answer.ballot });
	for (const node of MEMBERS) {
		expect(round.promise.get(node)).toMatchObject({ reported: { slot: 1, ballot: first.ballot } });
	}
	expect(round.proposal).toMatchObject({ origin: 'reported', reportedAt: first.ballot });
	expect(decision.chosen?.value.text).toBe('put color = red');
	const names = nameBallots([first.ballot, answer.ballot]);
	expect(whyAccept(round, decision, names)).toContain('must propose that again, not its own');
});

test('a slot of which no fact is known is shown from what the nodes hold, and says so', () => {
	const { swarm } = toldSwarm();
	const late = toldSwarm();
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	for (const { id } of swarm.nodes) late.story.snapshot(id, { ...swarm.snapshot(id), phase1: null });
	const decision = late.story.decision(late.story.gather(1, []));
	expect(decision.before).toBe(true);
	expect(decision.chosen?.value.text).toBe('put color = red');
	const round = last(decision.rounds);
	expect([...round.vote.keys()]).toEqual(MEMBERS);
	expect(whyPrepare(round, decision, nameBallots([]))).toBe(
		'No fact is kept of how it came about; shown is what the nodes hold.',
	);
});

test('a slot of which no fact is known still shows the promises that its leader holds', () => {
	const { swarm } = toldSwarm();
	const late = toldSwarm();
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	for (const { id } of swarm.nodes) late.story.snapshot(id, swarm.snapshot(id));
	const decision = late.story.decision(late.story.gather(1, []));
	const round = last(decision.rounds);
	expect(decision.before).toBe(true);
	expect(round.isPromised).toBe(true);
	expect(whyPrepare(round, decision, nameBallots([]))).toContain('Once, for all slots from 1');
});

test('what nodes hold is part of the decision, also where only some of its facts were missed', () => {
	const { swarm, facts } = toldSwarm();
	const late = toldSwarm();
	swarm.campaign('n3', 'noLeader');
	for (const id of ['n4', 'n5']) swarm.kill(id);
	const before = facts.length;
	swarm.propose('n3', { key: 'color', value: 'red', route: 'leader', contest: 0 });
	// The page hears n1 and n2 of the facts, and gets the snapshot of n3, which has counted.
	for (const fact of facts.filter(({ node }, at) => at < before || node === 'n1' || node === 'n2')) {
		late.story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	}
	late.story.snapshot('n3', swarm.snapshot('n3'));
	const decision = late.story.decision(late.story.gather(1, []));
	const round = last(decision.rounds);
	expect(
		[...round.vote]
			.filter(([, { state }]) => state === 'accepted')
			.map(([node]) => node)
			.sort(),
	).toEqual(['n1', 'n2', 'n3']);
	expect(decision.chosen?.value.text).toBe('put color = red');
	expect(whyVote(round, decision, nameBallots([]))).toBe('3 of 5 hold it, accepted under this ballot.');
});

test('a slot is chosen once its votes are counted, also while its proposer waits for one before it', () => {
	const { swarm, story } = toldSwarm();
	const { ballot } = swarm.campaign('n3', 'noLeader');
	const value = summary('put color = red');
	swarm.tell('n3', { kind: 'proposed', ballot, slot: 2, value, origin: 'own', reportedAt: '' });
	const count = (from: string, voters: string[]) => {
		swarm.tell(from, { kind: 'accepted', ballot, slot: 2, value });
		swarm.tell('n3', { kind: 'voteCounted', ballot, slot: 2, from, voters, needed: 3 });
		return story.decision(story.gather(2, []));
	};
	count('n3', ['n3']);
	expect(count('n1', ['n1', 'n3']).chosen).toBeNull();
	const decision = count('n2', ['n1', 'n2', 'n3']);
	expect(decision.chosen).toEqual({ ballot, value });
	expect(whyVote(last(decision.rounds), decision, nameBallots([]))).toContain(
		'3 of 5 votes, a quorum: “put color = red”',
	);
	expect(whyLearn(decision, MEMBERS, [])).toBe('Chosen.');
});

test('a node that was started again and has forgotten that a slot is chosen does not know it', () => {
	const { swarm, story } = toldSwarm();
	const before = swarm.snapshot('n5');
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const knows = () => story.decision(story.gather(1, [])).learned.has('n5');
	expect(knows()).toBe(true);
	story.snapshot('n5', { ...before, epoch: 'another life', seq: 0 });
	expect(knows()).toBe(false);
});

test('a contest of one slot is not said to be one of another, which it recovers', () => {
	const { swarm, story } = toldSwarm();
	const ballot = '2000000000000000000@n3';
	swarm.tell('n3', { kind: 'campaign', ballot, why: 'contest', contest: 1, chosenThrough: 0 });
	const value = summary('put color = red');
	swarm.tell('n3', { kind: 'proposed', ballot, slot: 2, value, origin: 'reported', reportedAt: '1@n1' });
	const decision = story.decision(story.gather(2, []));
	expect(whyPrepare(last(decision.rounds), decision, nameBallots([]))).toMatch(/^n3 contests slot 1: /);
});

test('a ballot is known from its first fact on the tape on, though another one has reached the page first', () => {
	const { swarm, facts } = toldSwarm();
	const { ballot } = swarm.campaign('n3', 'noLeader');
	const { story } = toldSwarm();
	const isLate = ({ node }: Fact) => node === 'n3';
	for (const fact of [...facts.filter((fact) => !isLate(fact)), ...facts.filter(isLate)]) {
		story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	}
	const [campaign] = story.tape.newest(1, ({ fact }) => fact.kind === 'campaign');
	expect(story.index.ballots(campaign?.at)).toEqual([ballot]);
	expect(story.index.ballots((campaign?.at ?? 0) - 1)).toEqual([]);
});

test('a node whose snapshot stands for the slot knows it to be chosen', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	swarm.propose('n3', { key: 'color', value: 'blue', route: 'leader', contest: 0 });
	swarm.kill('n5');
	swarm.propose('n3', { key: 'color', value: 'teal', route: 'leader', contest: 0 });
	swarm.node('n5').alive = true;
	swarm.install('n5', 3);
	const decision = story.decision(story.gather(3, []));
	expect(decision.learned.get('n5')?.how).toBe('known');
	expect(whyLearn(decision, MEMBERS, [])).not.toContain('not yet');
});

test('a silent node is not said to lack what nobody can know it lacks', () => {
	const { swarm, story } = toldSwarm();
	swarm.kill('n5');
	swarm.propose('n1', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const decision = story.decision(story.gather(1, []));
	const sentence = whyLearn(decision, MEMBERS, ['n5']);
	expect(sentence).toContain('of n5 it is unknown');
	expect(whyVote(last(decision.rounds), decision, nameBallots([]))).toContain('4 of 5 votes, a quorum');
});

test('the index forgets the oldest slots and ballots, and never grows without bound', () => {
	const { swarm, story } = toldSwarm(3);
	for (let i = 0; i < 400; i++) swarm.propose('n1', { key: 'k', value: `${i}`, route: 'self', contest: 0 });
	expect(story.index.ballots().length).toBeLessThanOrEqual(256);
	expect(story.gather(1, []).entries).toEqual([]);
	expect(story.gather(400, []).entries.length).toBeGreaterThan(0);
});

test('a node that fetches very many old slots pushes no recent decision out of the index', () => {
	const { swarm, story } = toldSwarm(3);
	swarm.campaign('n1', 'noLeader');
	for (let i = 0; i < 300; i++) swarm.propose('n1', { key: 'k', value: `${i}`, route: 'leader', contest: 0 });
	const before = story.gather(300, []).entries.length;
	expect(before).toBeGreaterThan(10);
	const { promised: ballot } = swarm.snapshot('n3');
	for (let slot = 1; slot <= 290; slot++)
		swarm.tell('n3', { kind: 'chosen', ballot, slot, value: summary('red'), how: 'fetched' });
	expect(story.gather(300, []).entries.length).toBe(before);
	expect(story.gather(1, []).entries).toEqual([]);
});

test('a proposal that the page missed is said to be free only where the promises tell it', () => {
	const { swarm, facts } = toldSwarm();
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const before = facts.length;
	swarm.propose('n1', { key: 'color', value: 'blue', route: 'self', contest: 1 });
	swarm.propose('n4', { key: 'shape', value: 'round', route: 'self', contest: 0 });
	/** Shows the slot's last ballot as a page knows it that hears nothing of the proposer after that fact. */
	const seen = (slot: Slot, proposer: NodeId, isLast: (fact: Fact) => boolean) => {
		const late = toldSwarm();
		let isSilent = false;
		for (const [at, fact] of facts.entries()) {
			if (isSilent && fact.node === proposer) continue;
			isSilent ||= at >= before && fact.node === proposer && isLast(fact);
			late.story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
		}
		const gathered = late.story.gather(slot, []);
		const decision = late.story.decision(gathered);
		const round = last(decision.rounds);
		return { proposal: round.proposal, why: whyAccept(round, decision, nameBallots(gathered.ballots)) };
	};
	const leads = (fact: Fact) => fact.kind === 'role' && fact.role === 'leader';
	expect(seen(1, 'n1', leads).proposal).toMatchObject({
		origin: 'reported',
		reportedAt: expect.stringMatching(/@n3$/),
	});
	expect(seen(2, 'n4', leads).proposal).toMatchObject({ origin: 'own', reportedAt: '' });
	for (const [slot, proposer] of [
		[1, 'n1'],
		[2, 'n4'],
	] as const) {
		const { proposal, why } = seen(slot, proposer, ({ kind }) => kind === 'campaign');
		expect(proposal?.origin).toBeUndefined();
		expect(why).toMatch(new RegExp(`^This page was not told why ${proposer} proposed “put`));
	}
});
