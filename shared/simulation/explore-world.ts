/**
 * The tiny world that `explore.ts` walks: who is in it, and the numbers that its local states and messages go by. Equal
 * ones have equal numbers.
 */
import { Reader, Writer } from '../bytes/bytes.ts';
import type { Ballot, NodeId } from '../paxos/ballot.ts';
import type { AgentConfig } from '../paxos/config.ts';
import type { Envelope, Message } from '../paxos/message.ts';
import type { AgentState } from '../paxos/view.ts';
import { readMessage, writeMessage } from '../paxos/wire.ts';
import { votersNamed } from './node.ts';
import { canonical } from './snapshot.ts';

export const IDS: readonly NodeId[] = ['n1', 'n2', 'n3'];
export const PROPOSERS = 2;
export const SLOT = 1;
export const QUORUM = 2;
export const PROPOSAL = 1;
/** All clocks stand still. */
export const NOW = { wallMs: 1, steadyMs: 0, stillMs: 0 };

const SHARED: Omit<AgentConfig, 'id'> = {
	members: votersNamed(IDS),
	openSlotsMax: 1,
	slotsAheadMax: 4,
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

export function configOf(node: number): AgentConfig {
	return { ...SHARED, id: IDS[node] as NodeId };
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
	/** Which values this node has durably accepted at which ballots: bit 4 · ballot + value. */
	readonly votes: number;
	/** The value it takes for chosen, by number; 0 for none. */
	readonly chosen: number;
	/** It has not crashed, and may: so a flush takes its time. */
	readonly mayCrash: boolean;
	readonly promised: Ballot;
	/** Its campaign is still to come. */
	readonly mayCampaign: boolean;
	/** It campaigns or leads, or will. */
	readonly proposes: boolean;
}

interface Numbered {
	readonly from: number;
	readonly to: number;
	readonly message: Message;
}

export class Numbers {
	readonly #locals: Local[] = [];
	readonly #localNumbers = new Map<string, number>();
	readonly #messages: Numbered[] = [];
	readonly #messageNumbers = new Map<string, number>();

	get localsCount(): number {
		return this.#locals.length;
	}

	get messagesCount(): number {
		return this.#messages.length;
	}

	messageNumber(from: number, { to, message }: Envelope): number {
		const out = new Writer(64);
		out.int(from);
		out.id(to);
		writeMessage(out, message);
		const bytes = out.take();
		const key = keyOf(bytes);
		const known = this.#messageNumbers.get(key);
		if (known !== undefined) return known;
		const number = this.#messages.length;
		const reader = new Reader(bytes);
		reader.int();
		reader.id();
		this.#messages.push({ from, to: IDS.indexOf(to), message: readMessage(reader) });
		this.#messageNumbers.set(key, number);
		return number;
	}

	envelope(number: number): Envelope {
		const { to, message } = this.message(number);
		return { to: IDS[to] as NodeId, message };
	}

	localNumber(local: Local): number {
		const flags = [
			local.node,
			local.votes,
			local.chosen,
			local.mayCampaign ? 1 : 0,
			local.mayCrash ? 1 : 0,
			local.held.join(),
		];
		const key = `${flags.join('/')}|${keyOf(local.durable)}|${keyOf(local.unflushed)}|${keyOf(canonical(local.agent))}`;
		const known = this.#localNumbers.get(key);
		if (known !== undefined) return known;
		const number = this.#locals.length;
		this.#locals.push(local);
		this.#localNumbers.set(key, number);
		return number;
	}

	local(number: number): Local {
		return this.#locals[number] as Local;
	}

	message(number: number): Numbered {
		const message = this.#messages[number];
		if (!message) throw new RangeError('no such message');
		return message;
	}
}

function keyOf(bytes: Uint8Array): string {
	let key = '';
	for (const byte of bytes) key += String.fromCharCode(byte);
	return key;
}
