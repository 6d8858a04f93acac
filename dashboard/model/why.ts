/**
 * One sentence of why for each row of a decision, for each step of its playback, and for an answer. Plain
 * words, exact numbers; nothing is said that no fact shows.
 */
import { type BallotText, GIVEN_UP } from '../../shared/fact.ts';
import type { ProposeAnswer } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';
import type { BallotNames } from './ballot-names.ts';
import { beginning } from './beginning.ts';
import type { Decision, Round } from './decision.ts';
import { countVoters, electorateOf, isQuorum } from './members.ts';

/** A sentence of a row shows so much of a value, so that it takes two lines at most. The head of the decision has more. */
const IN_ROW_CHARS = 32;

export function whyPrepare(round: Round, decision: Decision, names: BallotNames): string {
	const { proposer } = round;
	const ballot = names.full(round.ballot);
	if (round.onceAbove !== undefined)
		return `Once, for all slots from ${countText(round.onceAbove + 1)}, under ${ballot}: ${proposer} need not ask again.`;
	switch (round.why) {
		case 'contest':
			return `${proposer} contests slot ${countText(round.contest)}: it asks every voter to promise ${ballot} and to report what it accepted.`;
		case 'proposal':
			return `${proposer} runs both phases itself: it asks every voter to promise ${ballot}.`;
		case 'noLeader':
			return `${proposer} heard no leader, so it asks every voter to promise ${ballot}.`;
		case 'handedOver':
			return `The leader asked ${proposer} to take its place, so it asks every voter to promise ${ballot}.`;
		case undefined:
			return decision.before
				? 'No fact is kept of how it came about; shown is what the nodes hold.'
				: `No fact is kept of phase 1 of ${ballot}.`;
	}
}

export function whyPromise(round: Round, decision: Decision, names: BallotNames): string {
	const counted = share(round, round.promiseVoters);
	if (round.onceAbove !== undefined && round.isPromised)
		return `${round.proposer} counted ${counted} promises then. They hold until a higher one is made.`;
	if (round.onceAbove !== undefined) return 'Those are the promises that this page knows of.';
	if (round.why === undefined) return 'The promises are no longer known.';
	const refusal = refusalOf(round.promise, round, names);
	const others = othersNeeded(round, decision);
	if (round.isPromised)
		return `${round.proposer} counted ${counted} promises, a quorum. No lower ballot can win any more.${others}`;
	if (round.givenUp) return `${round.proposer} gave this ballot up: ${GIVEN_UP[round.givenUp]}.`;
	if (round.halted && refusal) return `${refusal} ${round.proposer} gives this ballot up.`;
	if (round.halted) return `Halted: ${names.full(round.halted.by)} is higher and was promised elsewhere.`;
	if (refusal) return refusal;
	const promised = [...round.promise.values()].filter((cell) => cell.state === 'promised').length;
	if (promised > 0) return `${countedOf(promised, 'promised', round, round.promiseVoters)}${others}`;
	return 'A node promises only if it has promised nothing higher, and reports what it has accepted.';
}

export function whyAccept(round: Round, decision: Decision, names: BallotNames): string {
	const { proposal, proposer } = round;
	if (!proposal && round.givenUp) return 'Never reached: this ballot was given up.';
	if (!proposal && round.halted) return `Never reached: this ballot was halted by ${names.full(round.halted.by)}.`;
	if (!proposal && isThrough(round)) return `The quorum is there: ${proposer} proposes next.`;
	if (!proposal) return `Phase 2 begins once ${quorumText(round)} counted.${othersNeeded(round, decision)}`;
	if (round.why === undefined && round.onceAbove === undefined) return `The value was ${quoted(proposal.value)}.`;
	switch (proposal.origin) {
		case undefined:
			return `This page was not told why ${proposer} proposed ${quoted(proposal.value, IN_ROW_CHARS)}.`;
		case 'own':
			return round.onceAbove !== undefined
				? `Slot ${countText(decision.slot)} lies above all that was reported, so ${proposer} is free to propose ${quoted(proposal.value, IN_ROW_CHARS)}.`
				: `No promise reported a value for slot ${countText(decision.slot)}, so ${proposer} is free to propose its own.`;
		case 'reported':
			return `A promise reported ${quoted(proposal.value, IN_ROW_CHARS)} under ${names.full(proposal.reportedAt)}: ${proposer} must propose that again, not its own.`;
		case 'noop':
			return `No promise reported a value for slot ${countText(decision.slot)}, and what comes later waits for it: ${proposer} fills it with a no-op.`;
	}
}

export function whyVote(round: Round, decision: Decision, names: BallotNames): string {
	const refusal = refusalOf(round.vote, round, names);
	const accepted = [...round.vote].flatMap(([node, { state }]) => (state === 'accepted' ? [node] : []));
	// Where it is chosen and the count was missed, a quorum was counted all the same.
	if (round.isHeld || (!round.isChosen && decision.chosen?.ballot === round.ballot))
		return `${share(round, accepted)} hold it, accepted under this ballot.`;
	if (round.isChosen)
		return `${round.proposer} counted ${share(round, round.votes)} votes, a quorum: ${quoted(round.proposal?.value, IN_ROW_CHARS)} is chosen.`;
	if (refusal) return `${refusal} It accepts nothing below its promise.`;
	if (!round.proposal)
		return round.halted ? 'Nothing was proposed, so nothing could be accepted.' : 'Not yet: nothing is proposed.';
	return countedOf(accepted.length, 'accepted', round, round.votes);
}

/** @param silent nodes that do not answer: what they know is unknown */
export function whyLearn(decision: Decision, members: readonly NodeId[], silent: readonly NodeId[]): string {
	const knowing = members.filter((node) => decision.learned.has(node));
	if (knowing.length === 0) return decision.chosen ? 'Chosen.' : 'Nobody knows of a chosen value yet.';
	const counted = knowing.find((node) => decision.learned.get(node)?.how === 'counted');
	if (!counted && decision.chosenEarlier) return 'It was chosen before this began.';
	const others = knowing.filter((node) => node !== counted);
	const missing = members.filter((node) => !decision.learned.has(node) && !silent.includes(node));
	const unknown = silent.filter((node) => !decision.learned.has(node));
	const rest = [
		...(missing.length > 0 ? [`${list(missing)} not yet`] : []),
		...(unknown.length > 0 ? [`of ${list(unknown)} it is unknown`] : []),
	];
	if (!counted) return `${[`${list(knowing)} know${knowing.length === 1 ? 's' : ''} it`, ...rest].join('; ')}.`;
	if (others.length === 0)
		return `${counted} counted the quorum and knows it first; the others are told with its next message.`;
	const told = others.every((node) => decision.learned.get(node)?.how === 'told');
	const verb = told ? (others.length === 1 ? 'was told' : 'were told') : others.length === 1 ? 'knows it' : 'know it';
	return `${[`${counted} counted the quorum`, `${list(others)} ${verb}`, ...rest].join('; ')}.`;
}

/** What became of a proposal, in words. */
export function outcomeSentence(answer: ProposeAnswer, names: BallotNames): string {
	const attempts = attemptsSentence(answer, names);
	switch (answer.outcome) {
		case 'chosen': {
			const under = names.full(answer.chosenAt || answer.ballot);
			const effect = answer.ok ? `revision ${answer.revision}` : 'and changed nothing: another write came first';
			return `chosen in slot ${countText(answer.slot)} under ${under}, ${effect}${attempts}`;
		}
		case 'kept':
			return `slot ${countText(answer.slot)} keeps ${quoted(answer.value)}; yours was not chosen${attempts}`;
		case 'refused':
			return `refused: ${answer.why}. It surely did not happen${attempts}`;
		case 'unknown':
			return `unknown: ${answer.why}. It may have happened or may yet${attempts}`;
	}
}

/** Every ballot that an answer names. */
export function ballotsOfAnswer(answer: ProposeAnswer): BallotText[] {
	const ballots = answer.attempts.flatMap((attempt) => [attempt.ballot, attempt.haltedBy]);
	if (answer.outcome === 'chosen') ballots.push(answer.ballot, answer.chosenAt);
	if (answer.outcome === 'kept') ballots.push(answer.ballot);
	return ballots.filter((ballot) => ballot !== '');
}

export function quoted(value: ValueSummary | undefined, charsMax = Number.POSITIVE_INFINITY): string {
	if (!value) return 'the value';
	return value.bytes === 0 ? 'a no-op' : `“${beginning(value.text, charsMax)}”`;
}

/** Where there is little room: `color = red`. */
export function shortValue(value: ValueSummary): string {
	return value.bytes === 0 ? 'a no-op' : value.text.replace(/^put /, '');
}

/** Three digits, as far as hundredths. */
export function msText(ms: number): string {
	if (ms > 0 && ms < 0.005) return '< 0.01 ms';
	return `${ms.toFixed(ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0)} ms`;
}

/** `toLocaleString` would make such a format for each number. */
const COUNTS = new Intl.NumberFormat('en');

/** A number of things, or the number of one: `1,234`. */
export function countText(count: number): string {
	return COUNTS.format(count);
}

export function list(names: readonly string[]): string {
	if (names.length < 2) return names[0] ?? 'nobody';
	return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

export function ordinal(n: number): string {
	return ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth'][n - 1] ?? `${n}th`;
}

/** Such as `3 of 5`; without the number of all where that is not known. */
function share(round: Round, nodes: readonly NodeId[]): string {
	const { electorate } = round;
	return electorate ? `${countVoters(electorate, nodes)} of ${electorate.voters.length}` : `${nodes.length}`;
}

/** An answer counts only once it has reached the proposer. @param answered how many have answered as the verb says */
function countedOf(answered: number, verb: string, round: Round, nodes: readonly NodeId[]): string {
	const { electorate, proposer } = round;
	const counted = electorate ? countVoters(electorate, nodes) : nodes.length;
	const needed = electorate ? `; ${electorate.needed} ${electorate.needed === 1 ? 'is' : 'are'} needed` : '';
	return `${answered} ${verb}, and ${proposer} has counted ${counted}${needed}.`;
}

function quorumText({ electorate }: Round): string {
	if (!electorate) return 'a quorum of promises is';
	return electorate.needed === 1 ? '1 promise is' : `${electorate.needed} promises are`;
}

/** Whether the proposer may propose: a quorum of every set that the campaign needs has promised. */
function isThrough({ isPromised, alsoNeeded, promiseVoters }: Round): boolean {
	return isPromised && alsoNeeded.every((set) => isQuorum(electorateOf(set), promiseVoters));
}

/** The sets of which the campaign needs a quorum too, because they govern other slots that it may propose in. */
function othersNeeded({ electorate, alsoNeeded, promiseVoters }: Round, { slot, set }: Decision): string {
	if (!electorate || !set) return '';
	return alsoNeeded
		.map((other) => {
			const { voters, needed } = electorateOf(other);
			const where = other.from > slot ? `from slot ${countText(other.from)} on` : `before slot ${countText(set.from)}`;
			const promised = countVoters({ voters, needed }, promiseVoters);
			return ` Needed too are ${needed} of those who decide ${where}, ${list(voters)}: ${promised} promised.`;
		})
		.join('');
}

function attemptsSentence(answer: ProposeAnswer, names: BallotNames): string {
	const ends = answer.attempts.flatMap(({ haltedBy, givenUp }, index) => {
		if (haltedBy !== '') return [`the ${ordinal(index + 1)} was halted by ${names.full(haltedBy)}`];
		return givenUp ? [`the ${ordinal(index + 1)} was given up`] : [];
	});
	if (ends.length === 0) return '.';
	const done = answer.outcome === 'chosen' || answer.outcome === 'kept';
	const count = done ? `, ${ordinal(answer.attempts.length)} attempt` : `, after ${answer.attempts.length} attempts`;
	return `${answer.attempts.length > 1 ? count : ''}: ${ends.join(', ')}.`;
}

function refusalOf(
	cells: ReadonlyMap<NodeId, { readonly state: string; readonly promised?: BallotText }>,
	round: Round,
	names: BallotNames,
): string | undefined {
	const refusals = [...cells].filter(([, cell]) => cell.state === 'refused');
	const first = refusals[0];
	if (!first) return undefined;
	return `${list(refusals.map(([node]) => node))} refused: ${names.short(round.ballot)} < promised ${names.short(first[1].promised ?? '')}.`;
}
