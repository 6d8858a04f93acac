/**
 * Which facts brought a fact about, and which it brought about itself: a message arrives because it was sent, an acceptor
 * promises because of a prepare, and a value is chosen because of the votes that were counted. Only what the facts
 * themselves name is a cause; nothing is one because it was earlier.
 */
import type { Fact } from '../../shared/fact.ts';
import type { Entry } from './tape.ts';

export class Causes {
	readonly #causes = new Map<Entry, readonly Entry[]>();
	readonly #effects = new Map<Entry, Entry[]>();
	/** The newest fact with each of its names so far. */
	readonly #named = new Map<string, Entry>();
	/** The counted answers, by what they were counted for. */
	readonly #counted = new Map<string, Entry[]>();

	/** @param entries a stretch of the tape, in its order */
	constructor(entries: Iterable<Entry>) {
		for (const entry of entries) {
			const causes = [...new Set(this.#find(entry.fact))].filter((cause) => cause !== entry);
			this.#causes.set(entry, causes);
			for (const cause of causes) {
				const effects = this.#effects.get(cause);
				if (effects) effects.push(entry);
				else this.#effects.set(cause, [entry]);
			}
			this.#name(entry);
		}
	}

	causesOf(entry: Entry): readonly Entry[] {
		return this.#causes.get(entry) ?? [];
	}

	/** In order. */
	effectsOf(entry: Entry): readonly Entry[] {
		return this.#effects.get(entry) ?? [];
	}

	#find(fact: Fact): Entry[] {
		const { node } = fact;
		switch (fact.kind) {
			case 'received':
				return this.#get(`sent ${fact.messageId}`);
			case 'sent':
				return this.#beforeSent(fact);
			case 'promised':
				return this.#get(`got ${node} prepare ${fact.ballot}`, `campaign ${node} ${fact.ballot}`);
			case 'accepted':
				return this.#get(
					`got ${node} accept ${fact.slot} ${fact.ballot}`,
					`proposed ${node} ${fact.slot} ${fact.ballot}`,
				);
			case 'refused':
				return fact.refused === 'accept'
					? this.#get(`got ${node} accept ${fact.slot} ${fact.ballot}`)
					: this.#get(`got ${node} ${fact.refused} ${fact.ballot}`);
			case 'promiseCounted':
				return fact.from === node
					? this.#get(`promised ${node} ${fact.ballot}`)
					: this.#get(`got ${node} promise ${fact.ballot} of ${fact.from}`);
			case 'voteCounted':
				return fact.from === node
					? this.#get(`accepted ${node} ${fact.slot} ${fact.ballot}`)
					: this.#get(`got ${node} accepted ${fact.slot} ${fact.ballot} of ${fact.from}`);
			case 'proposed':
				return this.#counted.get(`promises ${fact.ballot}`) ?? [];
			case 'chosen':
				return this.#beforeChosen(fact);
			case 'halted':
				return this.#get(`got ${node} of ${fact.from}`);
			case 'campaign':
				return fact.why === 'handedOver' ? this.#get(`got ${node} handOver`) : [];
			case 'role':
				if (fact.why === 'promisedByQuorum') return this.#counted.get(`promises ${fact.ballot}`) ?? [];
				if (fact.why === 'campaign') return this.#get(`campaign ${node} ${fact.ballot}`);
				if (fact.why === 'leaderLinkDown') return this.#get(`linkDown ${node} ${fact.by[0]}`);
				return fact.why === 'heardLeader' || fact.why === 'higherBallot'
					? this.#get(`got ${node} of ${fact.by[0]}`)
					: [];
			case 'applied':
				return this.#get(`chosen ${node} ${fact.through}`);
			case 'members':
				return this.#get(`chosen ${node} ${fact.chosenAt}`);
			default:
				return [];
		}
	}

	#beforeSent({ node, message }: Fact & { readonly kind: 'sent' }): Entry[] {
		switch (message.kind) {
			case 'prepare':
				return this.#get(`campaign ${node} ${message.ballot}`);
			case 'promise':
				return this.#get(`promised ${node} ${message.ballot}`, `got ${node} prepare ${message.ballot}`);
			case 'accept':
				return this.#get(`proposed ${node} ${message.slot} ${message.ballot}`);
			case 'accepted':
				return this.#get(
					`accepted ${node} ${message.slot} ${message.ballot}`,
					`got ${node} accept ${message.slot} ${message.ballot}`,
				);
			case 'nack':
				return this.#get(`refused ${node} ${message.ballot}`);
			case 'confirm':
				return this.#get(`got ${node} heartbeat`);
			case 'handOver':
				return this.#get(`handsOver ${node}`);
			case 'pollReply':
				return this.#get(`got ${node} poll`);
			case 'readIndex':
				return this.#get(`got ${node} readAsk`);
			case 'fetch':
				return this.#get(`fetching ${node}`);
			case 'decisions':
			case 'trimmed':
				return this.#get(`got ${node} fetch`);
			case 'snapshotPart':
				return this.#get(`got ${node} snapshotAsk`);
			default:
				return [];
		}
	}

	/** The votes that were counted; else the message by which the node was told. */
	#beforeChosen({ node, slot, ballot, how }: Fact & { readonly kind: 'chosen' }): Entry[] {
		if (how === 'counted') return this.#counted.get(`votes ${slot} ${ballot}`) ?? [];
		if (how === 'fetched') return this.#get(`got ${node} decisions`);
		return this.#get(`told ${node}`).filter(({ fact }) => tells(fact, slot));
	}

	/** The newest fact with the first of these names that any has. */
	#get(...names: readonly string[]): Entry[] {
		for (const name of names) {
			const found = this.#named.get(name);
			if (found) return [found];
		}
		return [];
	}

	#name(entry: Entry): void {
		for (const name of namesOf(entry.fact)) this.#named.set(name, entry);
		const { fact } = entry;
		if (fact.kind === 'promiseCounted') this.#counts(`promises ${fact.ballot}`, entry, fact.needed);
		if (fact.kind === 'voteCounted') this.#counts(`votes ${fact.slot} ${fact.ballot}`, entry, fact.needed);
	}

	/** Answers behind a quorum bring nothing about any more. */
	#counts(what: string, entry: Entry, needed: number): void {
		const before = this.#counted.get(what) ?? [];
		if (before.length < needed) this.#counted.set(what, [...before, entry]);
	}
}

function namesOf(fact: Fact): string[] {
	const { node } = fact;
	switch (fact.kind) {
		case 'sent':
			return [`sent ${fact.messageId}`];
		case 'received':
			return [`got ${node} of ${fact.from}`, ...namesOfReceived(fact)];
		case 'campaign':
		case 'promised':
		case 'refused':
			return [`${fact.kind} ${node} ${fact.ballot}`];
		case 'proposed':
		case 'accepted':
			return [`${fact.kind} ${node} ${fact.slot} ${fact.ballot}`];
		case 'chosen':
			return [`chosen ${node} ${fact.slot}`];
		case 'linkDown':
			return [`linkDown ${node} ${fact.peer}`];
		case 'fetching':
		case 'handsOver':
			return [`${fact.kind} ${node}`];
		default:
			return [];
	}
}

/** Whether the message says that the slot is chosen. */
function tells(fact: Fact, slot: number): boolean {
	return fact.kind === 'received' && 'chosenThrough' in fact.message && fact.message.chosenThrough >= slot;
}

function namesOfReceived({ node, from, message }: Fact & { readonly kind: 'received' }): string[] {
	switch (message.kind) {
		case 'prepare':
			return [`got ${node} prepare ${message.ballot}`];
		case 'promise':
			return [`got ${node} promise ${message.ballot} of ${from}`];
		case 'accept':
			return [`got ${node} accept ${message.slot} ${message.ballot}`, `told ${node}`];
		case 'accepted':
			return [`got ${node} accepted ${message.slot} ${message.ballot} of ${from}`];
		case 'heartbeat':
			return [`got ${node} heartbeat`, `got ${node} heartbeat ${message.ballot}`, `told ${node}`];
		case 'decisions':
			return [`got ${node} decisions`, `told ${node}`];
		default:
			return [`got ${node} ${message.kind}`];
	}
}
