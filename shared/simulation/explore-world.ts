/**
 * The tiny worlds that `explore.ts` walks: who is in them, and the numbers that their local states, messages, values and
 * votes go by. Equal ones have equal numbers.
 */
import { Reader, Writer } from '../bytes/bytes.ts';
import type { Ballot, NodeId } from '../paxos/ballot.ts';
import type { AgentConfig } from '../paxos/config.ts';
import type { Moment } from '../paxos/event.ts';
import type { Envelope, Message, Slot } from '../paxos/message.ts';
import { batchValue, commandsOf, type Value } from '../paxos/value.ts';
import type { AgentState } from '../paxos/view.ts';
import { readMessage, writeMessage } from '../paxos/wire.ts';
import { votersNamed } from './node.ts';
import { canonical } from './snapshot.ts';

/** Plain data, so that a worker can be given it. */
export interface World {
	readonly ids: readonly NodeId[];
	/** The first so many nodes run one campaign each, under ballots of their own. The last of them has the highest. */
	readonly proposers: number;
	/**
	 * The members that the swarm begins with, and those that each leader asks for one after the other, as soon as it may.
	 * The first set is the head of `ids`.
	 */
	readonly sets: readonly (readonly NodeId[])[];
	/** A change of members is in force so many slots after the one in which it is chosen. */
	readonly alpha: number;
	/** The slot that all proposers contest, and the only one; null for as many slots as they need. */
	readonly contest: Slot | null;
}

/** Three acceptors, two of which propose, one slot. */
export const ONE_SLOT: World = {
	ids: ['n1', 'n2', 'n3'],
	proposers: 2,
	sets: [['n1', 'n2', 'n3']],
	alpha: 1,
	contest: 1,
};

/** One member comes in, and then the first leader goes; the other proposer is a member all the time. */
export const MEMBERS_CHANGE: World = {
	ids: ['n1', 'n2', 'n3', 'n4'],
	proposers: 2,
	sets: [
		['n1', 'n2', 'n3'],
		['n1', 'n2', 'n3', 'n4'],
		['n2', 'n3', 'n4'],
	],
	alpha: 2,
	contest: null,
};

/** All clocks stand still. */
export const NOW: Moment = { wallMs: 1, steadyMs: 0, stillMs: 0, room: 'everything' };

const SHARED: Omit<AgentConfig, 'id' | 'members' | 'openSlotsMax'> = {
	// No accept is too far ahead for anybody.
	slotsAheadMax: 16,
	valueBytesMax: 1,
	messageBytesMax: 1_000,
	timings: {
		electionMinMs: 1,
		electionMaxMs: 1,
		heartbeatMs: 1,
		pollMaxMs: 1,
		retryMs: 1,
		backoffMinMs: 1,
		backoffMaxMs: 1,
	},
};

export function configOf({ ids, sets, alpha }: World, node: number): AgentConfig {
	const members = votersNamed(sets[0] as readonly NodeId[]);
	return { ...SHARED, id: ids[node] as NodeId, members, openSlotsMax: alpha };
}

/** A value that only this node proposes. It says by which proposal. */
export function proposalOf(node: number, proposal: number): Value {
	return batchValue(Uint8Array.of(node, proposal));
}

/** The node that has proposed the value; undefined for one that is not of `proposalOf`. */
export function proposerOf(value: Value): number | undefined {
	return commandsOf(value)[0];
}

/** What is the matter with one node. */
export interface Local {
	readonly node: number;
	readonly agent: AgentState;
	/** Everything that is durable, as bytes; only kept where a crash is still possible. */
	readonly durable: Uint8Array;
	/** Written and not flushed, and what waits for that. */
	readonly unflushed: Uint8Array;
	readonly held: readonly number[];
	/** What this node has durably accepted, by the number of the list of its votes. */
	readonly votes: number;
	/** The values it takes for chosen, by number, from the first slot on. */
	readonly chosen: readonly number[];
	/** It has not crashed, and may: so a flush takes its time. */
	readonly mayCrash: boolean;
	readonly promised: Ballot;
	/** Its campaign is still to come. */
	readonly mayCampaign: boolean;
	/** It campaigns or leads, or will. */
	readonly proposes: boolean;
}

/** A proposer has one ballot, so its node identifies the ballot. */
export interface Vote {
	readonly slot: Slot;
	readonly ballot: number;
	readonly value: number;
}

interface Numbered {
	readonly from: number;
	readonly to: number;
	readonly message: Message;
}

export class Numbers {
	readonly world: World;
	readonly locals = new Interned<Local>();
	readonly messages = new Interned<Numbered>();
	readonly values = new Interned<Value>();
	readonly #votes = new Interned<readonly Vote[]>();

	constructor(world: World) {
		this.world = world;
		this.#votes.number('', () => []);
	}

	messageNumber(from: number, { to, message }: Envelope): number {
		const out = new Writer(64);
		out.int(from);
		out.id(to);
		writeMessage(out, message);
		const bytes = out.take();
		return this.messages.number(keyOf(bytes), () => {
			const reader = new Reader(bytes);
			reader.int();
			reader.id();
			return { from, to: this.world.ids.indexOf(to), message: readMessage(reader) };
		});
	}

	envelope(number: number): Envelope {
		const { to, message } = this.messages.at(number);
		return { to: this.world.ids[to] as NodeId, message };
	}

	localNumber(local: Local): number {
		const flags = [
			local.node,
			local.votes,
			local.chosen.join(),
			local.mayCampaign ? 1 : 0,
			local.mayCrash ? 1 : 0,
			local.held.join(),
		];
		const key = `${flags.join('/')}|${keyOf(local.durable)}|${keyOf(local.unflushed)}|${keyOf(canonical(local.agent))}`;
		return this.locals.number(key, () => local);
	}

	valueNumber(value: Value): number {
		return this.values.number(keyOf(value), () => value);
	}

	votes(number: number): readonly Vote[] {
		return this.#votes.at(number);
	}

	/** @returns the number of these votes and one more; 0 is the number of no votes */
	withVote(before: number, vote: Vote): number {
		const isSame = ({ slot, ballot, value }: Vote) =>
			slot === vote.slot && ballot === vote.ballot && value === vote.value;
		const votes = this.votes(before);
		if (votes.some(isSame)) return before;
		const texts = [...votes, vote].map(({ slot, ballot, value }) => `${slot}/${ballot}/${value}`);
		return this.#votes.number(texts.sort().join(), () => [...votes, vote]);
	}
}

/** Things that are known again by a text, and go by numbers from 0. */
class Interned<T> {
	readonly #all: T[] = [];
	readonly #numbers = new Map<string, number>();

	get count(): number {
		return this.#all.length;
	}

	number(key: string, make: () => T): number {
		const known = this.#numbers.get(key);
		if (known !== undefined) return known;
		const number = this.#all.length;
		this.#all.push(make());
		this.#numbers.set(key, number);
		return number;
	}

	/** @throws RangeError for a number that nothing has */
	at(number: number): T {
		if (number < 0 || number >= this.#all.length) throw new RangeError('nothing has this number');
		return this.#all[number] as T;
	}
}

function keyOf(bytes: Uint8Array): string {
	return String.fromCharCode(...bytes);
}
