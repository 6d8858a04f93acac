/** What a person looks for on the rail: what was chosen and refused, elections, deaths and returns, other members. */
import { GIVEN_UP } from '../../shared/fact.ts';
import { ACTED, faultText } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Member } from '../../shared/paxos/change.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Told } from '../../shared/trace-file.ts';
import { shareText } from './reasons/clause.ts';
import { type EntryOf, type FactOf, isOf } from './reasons/past.ts';
import type { SwarmModel } from './swarm-model.ts';
import type { Item } from './tape.ts';
import { countText, list, quoted } from './why.ts';

export type LandmarkGlyph = 'promise' | 'nack' | 'learn' | 'beat';

export interface Landmark {
	readonly item: Item;
	readonly glyph: LandmarkGlyph;
	readonly text: string;
}

/** The number of landmarks of each sort that are kept. Many choices or refusals push out no election this way. */
const KEPT_MAX = 200;
type Sort = 'choice' | 'refusal' | 'other';

export class Landmarks {
	readonly #kept: Readonly<Record<Sort, Landmark[]>> = { choice: [], refusal: [], other: [] };

	/** @param before the swarm just before the item was told */
	add(item: Item, before: SwarmModel): void {
		const said = landmarkOf(item.node, item.told, before);
		if (!said || (isOf(item, 'members') && !this.#isNews(item, before))) return;
		const [glyph, text] = said;
		const kept = this.#kept[sortOf(item.told)];
		kept.push({ item, glyph, text });
		if (kept.length > KEPT_MAX) kept.shift();
	}

	/** A change that no node has told before, or another node tells now that may have known it earlier. */
	#isNews({ fact: { chosenAt } }: EntryOf<'members'>, { history }: SwarmModel): boolean {
		if (chosenAt > (history.last?.chosenAt ?? 0)) return true;
		return this.#kept.other.some(({ item }) => isOf(item, 'members') && item.fact.chosenAt === chosenAt);
	}

	/** The landmarks behind place `after` of the tape, in its order. A change of members is there once, as told by the node that knew it first. */
	since(after: number): Landmark[] {
		const changes = new Set<Slot>();
		return Object.values(this.#kept)
			.flat()
			.filter(({ item }) => item.at >= after)
			.sort((a, b) => a.item.at - b.item.at)
			.filter(({ item }) => {
				if (!isOf(item, 'members')) return true;
				const isFirst = !changes.has(item.fact.chosenAt);
				changes.add(item.fact.chosenAt);
				return isFirst;
			});
	}
}

function sortOf(told: Told): Sort {
	if (told.kind !== 'fact') return 'other';
	return told.fact.kind === 'chosen' ? 'choice' : told.fact.kind === 'refused' ? 'refusal' : 'other';
}

/** The promises are a quorum of those who vote in the slots that the campaign is for. */
function leadsText({ node, ballot, by }: FactOf<'role'>, before: SwarmModel): string {
	if (by.length === 0) return `${node} became leader`;
	const campaign = before.node(node)?.campaign;
	const share = campaign?.ballot === ballot ? shareText(before.history.at(campaign.chosenThrough), by) : '';
	return `${node} became leader, because ${list(by)} promised its ballot${share}`;
}

/** Whom a change makes learners decides nothing. */
function changeOf({ chosenAt, from, members }: FactOf<'members'>, { history }: SwarmModel): string {
	const was = history.governing(chosenAt)?.members ?? [];
	const isVoterOf = (of: readonly Member[], id: NodeId) => of.some((one) => one.id === id && one.isVoter);
	const isOther = [...was, ...members].some(({ id }) => isVoterOf(was, id) !== isVoterOf(members, id));
	return `${isOther ? 'other members decide' : 'other members learn'} from slot ${countText(from)} on`;
}

function landmarkOf(node: NodeId, told: Told, before: SwarmModel): readonly [LandmarkGlyph, string] | undefined {
	const isUnknown = before.node(node)?.status === 'unknown';
	switch (told.kind) {
		case 'lost':
			return isUnknown ? undefined : ['beat', `${node} is not heard any more`];
		case 'heard':
		case 'snapshot':
			return isUnknown ? ['beat', `${node} is heard again`] : undefined;
		case 'fact':
			break;
		default:
			return undefined;
	}
	const { fact } = told;
	switch (fact.kind) {
		case 'chosen':
			return fact.how === 'counted'
				? ['learn', `slot ${countText(fact.slot)}: ${quoted(fact.value)} is chosen`]
				: undefined;
		case 'role':
			return fact.role === 'leader' ? ['promise', leadsText(fact, before)] : undefined;
		case 'refused':
			return fact.refused === 'heartbeat' ? undefined : ['nack', `${node} refuses ${fact.refused}`];
		case 'givenUp':
			return ['nack', `${node} gives up: ${GIVEN_UP[fact.why]}`];
		case 'linkFault':
			return ['nack', `lab: the messages of ${fact.from} to ${node} ${faultText(fact)}`];
		case 'nodeFault':
			return ['nack', `lab: ${fact.target} is ${ACTED[fact.act]}`];
		case 'members':
			return ['promise', changeOf(fact, before)];
		default:
			return undefined;
	}
}
