/**
 * Every number in every message is true at the moment when it leaves its node: each against the ledger, against what
 * the sender believes, or against what the receiver has asked. It sees messages only, and changes nothing.
 */
import { type Ballot, ballotToText, compareBallots, NO_BALLOT, type NodeId, sameBallot } from '../paxos/ballot.ts';
import { SLOT_MAX } from '../paxos/bounds.ts';
import type { Envelope, Leading, Message, Slot } from '../paxos/message.ts';
import { type BallotId, BallotIds } from './ballots.ts';
import type { Counters } from './counters.ts';
import { type Ledger, Violation } from './ledger.ts';
import type { Life } from './life.ts';

/** A campaign whose prepare has left, and the life that it belongs to. */
interface Prepared {
	readonly ballot: Ballot;
	readonly life: Life | undefined;
}

export class MessageRules {
	readonly #ledger: Ledger;
	readonly #ids: readonly NodeId[];
	readonly #counters: Counters;
	/** By slot: the digest of the state after it, as it was told first. */
	readonly #digests = new Map<Slot, number>();
	/** By node, over all its lives: the campaign of the highest ballot that has left. */
	readonly #prepared: Prepared[];
	readonly #ballots = new BallotIds();
	/** Every ballot that a campaign was begun under. */
	readonly #campaigned = new Set<BallotId>();
	/** Every ballot that a node has led under. */
	readonly #led = new Set<BallotId>();
	/** By ballot: up to which slot earlier ballots may have chosen something, as its leader said first. */
	readonly #recovered = new Map<BallotId, Slot>();
	/** By ballot: the highest round that its leader has asked to confirm. */
	readonly #rounds = new Map<BallotId, number>();
	/** By node: every ballot that it has polled with. */
	readonly #polled: ReadonlyMap<NodeId, Set<BallotId>>;
	/** By asker, slot and byte: where a snapshot is to go on. */
	readonly #snapshotAsks = new Set<string>();
	/** By asker, epoch and round: what had been acknowledged to clients when the ask left. */
	readonly #asks = new Map<string, Slot>();

	constructor(ledger: Ledger, ids: readonly NodeId[], counters: Counters) {
		this.#ledger = ledger;
		this.#ids = ids;
		this.#counters = counters;
		this.#prepared = ids.map(() => ({ ballot: NO_BALLOT, life: undefined }));
		this.#polled = new Map(ids.map((id) => [id, new Set()]));
	}

	/** A campaign begins; its prepares leave once its ballot is durable. */
	campaigned(node: number, ballot: Ballot): void {
		this.#ballotIsOwn(node, ballot);
		this.#campaigned.add(this.#ballots.of(ballot));
	}

	/** Whether a leader has spoken under this ballot. */
	hasLed(ballot: Ballot): boolean {
		return this.#led.has(this.#ballots.of(ballot));
	}

	/** @param acknowledgedThrough the highest slot of which a client has the answer */
	sent(node: number, life: Life, { to, message }: Envelope, acknowledgedThrough: Slot): void {
		switch (message.kind) {
			case 'prepare':
				this.#campaignsAbove(node, life, message.ballot);
				return this.#ledger.mustHavePromised(node, message.ballot);
			case 'promise':
				this.#goesToItsProposer(node, to, message);
				if (message.part >= message.parts) this.#lies(node, message, 'a part that its promise does not have');
				this.#ledger.mustHavePromised(node, message.ballot);
				this.#ledger.mustKnowDurably(node, message.chosenThrough);
				return this.#ledger.mustBeChosenThrough(node, message.chosenThrough, 'a promise');
			case 'accept':
				this.#leads(node, life, message, message);
				return this.#ledger.proposed(message.ballot, message.slot, message.value);
			case 'accepted':
				this.#goesToItsProposer(node, to, message);
				return this.#ledger.mustHaveAccepted(node, message.ballot, message.slot);
			case 'heartbeat':
				this.#leads(node, life, message, message);
				return this.#asksToConfirm(node, life, message.ballot, message.round);
			case 'confirm': {
				this.#goesToItsProposer(node, to, message);
				this.#knows(node, life, message, message.chosenThrough);
				if (compareBallots(life.promised, message.ballot) > 0) {
					this.#lies(node, message, `though ${ballotToText(life.promised)} is promised`);
				}
				const asked = this.#rounds.get(this.#ballots.of(message.ballot)) ?? 0;
				if (message.round <= 0 || message.round > asked)
					this.#lies(node, message, `round ${message.round} of ${asked}`);
				return;
			}
			case 'handOver':
				this.#counters.leadershipsHandedOver++;
				this.#ballotIsOwn(node, message.ballot);
				if (!this.#led.has(this.#ballots.of(message.ballot))) this.#lies(node, message, 'it does not lead');
				return;
			case 'poll':
				if (!sameBallot(message.ballot, life.promised)) {
					this.#lies(node, message, 'another ballot than it has promised');
				}
				return void this.#polled.get(this.#ids[node] as NodeId)?.add(this.#ballots.of(message.ballot));
			case 'pollReply': {
				this.#knows(node, life, message, message.chosenThrough);
				if (!this.#polled.get(to)?.has(this.#ballots.of(message.ballot))) {
					this.#lies(node, message, `${to} has never polled with ${ballotToText(message.ballot)}`);
				}
				return this.#leaderIsKnown(node, message, message.leader);
			}
			case 'decisions':
				return this.#decisionsAreChosen(node, life, message);
			case 'trimmed':
				this.#knows(node, life, message, message.chosenThrough);
				return this.#knows(node, life, message, message.trimmedThrough);
			case 'snapshotAsk':
				return void this.#snapshotAsks.add(`${this.#ids[node]} ${message.through} ${message.offset}`);
			case 'snapshotPart': {
				const { through, offset } = message;
				if (offset > 0 && !this.#snapshotAsks.has(`${to} ${through} ${offset}`)) {
					this.#lies(node, message, `byte ${offset} of the one through ${through}, which ${to} has not asked for`);
				}
				return this.#knows(node, life, message, through);
			}
			case 'digest': {
				const told = this.#digests.get(message.slot) ?? message.digest;
				this.#digests.set(message.slot, told);
				if (told !== message.digest) this.#lies(node, message, `another digest of slot ${message.slot} than others`);
				return;
			}
			case 'fetch':
				this.#counters.fetches++;
				if (message.from > life.chosenThrough + 1) this.#lies(node, message, `from ${message.from}, with a gap`);
				return;
			case 'nack':
				return this.#nackIsTrue(node, life, message);
			case 'forward':
				if (message.value.length === 0) this.#lies(node, message, 'nothing');
				return;
			case 'noRoom':
				return;
			case 'hears':
				this.#knows(node, life, message, message.chosenThrough);
				return this.#leaderIsKnown(node, message, message.leader);
			case 'readAsk': {
				const ask = `${message.origin} ${message.epoch} ${message.round}`;
				if (!this.#asks.has(ask)) this.#asks.set(ask, acknowledgedThrough);
				return;
			}
			case 'readIndex': {
				const least = this.#asks.get(`${message.origin} ${message.epoch} ${message.round}`);
				if (least === undefined) return this.#lies(node, message, `what ${to} has never asked`);
				if (message.slot < least) this.#lies(node, message, `${message.slot}, though ${least} was acknowledged`);
				return;
			}
		}
	}

	#leaderIsKnown(node: number, message: Message, leader: Ballot): void {
		if (leader.node === '' || this.#campaigned.has(this.#ballots.of(leader))) return;
		this.#lies(node, message, `nobody campaigned under ${ballotToText(leader)}`);
	}

	/** Checks the fields of every message of a leader: its ballot, chosenThrough and recoveredThrough. */
	#leads(node: number, life: Life, message: Message, leading: Leading): void {
		const { ballot, chosenThrough, recoveredThrough } = leading;
		this.#ballotIsOwn(node, ballot);
		this.#knows(node, life, message, chosenThrough);
		const id = this.#ballots.of(ballot);
		if (!this.#led.has(id)) {
			this.#led.add(id);
			this.#ledger.mustLead(node, ballot, chosenThrough);
		}
		// A new leader does not know it yet.
		if (recoveredThrough === SLOT_MAX) return;
		const before = this.#recovered.get(id);
		if (before === undefined) {
			this.#ledger.mustBeRecovered(node, ballot, recoveredThrough);
			this.#recovered.set(id, recoveredThrough);
		} else if (before !== recoveredThrough) {
			this.#lies(node, message, `recovered through ${recoveredThrough}, then ${before}`);
		}
	}

	/** A node tells no more slots as chosen than it knows, and they are chosen. */
	#knows(node: number, life: Life, message: Message, chosenThrough: Slot): void {
		this.#ledger.mustBeChosenThrough(node, chosenThrough, message.kind);
		if (chosenThrough > life.chosenThrough) {
			this.#lies(node, message, `chosen through ${chosenThrough}, its own is less`);
		}
	}

	#asksToConfirm(node: number, life: Life, ballot: Ballot, round: number): void {
		if (round === 0) return;
		if (round < life.round)
			throw new Violation('RoundsGrow', `${this.#ids[node]} asks for ${round} after ${life.round}`);
		life.round = round;
		this.#rounds.set(this.#ballots.of(ballot), round);
	}

	#decisionsAreChosen(node: number, life: Life, message: Message & { kind: 'decisions' }): void {
		const { from, chosenThrough, decisions } = message;
		this.#knows(node, life, message, chosenThrough);
		const last = from + decisions.length - 1;
		// An empty answer tells of nothing, also where the receiver has asked for more than is known here.
		if (decisions.length > 0 && last > chosenThrough) this.#lies(node, message, 'more than it knows');
		for (const [index, { ballot, value }] of decisions.entries()) {
			this.#ledger.mustBeChosen(node, from + index, value, 'decisions');
			this.#ledger.mustBeProposed(node, ballot, from + index, value, 'decisions');
		}
	}

	#nackIsTrue(node: number, life: Life, message: Message & { kind: 'nack' }): void {
		const { ballot, promised, acceptance } = message;
		if (compareBallots(promised, ballot) <= 0) {
			throw new Violation('NackNamesHigher', `${this.#ids[node]} refuses ${ballotToText(ballot)} for nothing higher`);
		}
		if (!sameBallot(promised, life.promised)) {
			this.#lies(node, message, `${ballotToText(promised)}, which it did not promise`);
		}
		if (acceptance) this.#ledger.mustBeProposed(node, acceptance.ballot, acceptance.slot, acceptance.value, 'a nack');
	}

	/** Promises, accepteds and confirms go only to the proposer of their ballot. */
	#goesToItsProposer(node: number, to: NodeId, message: Message & { readonly ballot: Ballot }): void {
		if (to !== message.ballot.node) this.#lies(node, message, `to ${to}, of ${ballotToText(message.ballot)}`);
	}

	/** No two nodes can form the same ballot, and no node forms one twice. */
	#ballotIsOwn(node: number, ballot: Ballot): void {
		if (ballot.node === this.#ids[node]) return;
		throw new Violation('BallotsAreUnique', `${this.#ids[node]} proposes under ${ballotToText(ballot)}`);
	}

	/**
	 * A ballot that has left its node is never used again. One that was lost in a crash before may be, since no node saw
	 * it.
	 */
	#campaignsAbove(node: number, life: Life, ballot: Ballot): void {
		this.#ballotIsOwn(node, ballot);
		const last = this.#prepared[node];
		const above = last ? compareBallots(ballot, last.ballot) : 1;
		if (above < 0 || (above === 0 && last?.life !== life)) {
			throw new Violation('BallotsAreUnique', `${this.#ids[node]} campaigns again under ${ballotToText(ballot)}`);
		}
		if (above > 0) this.#prepared[node] = { ballot, life };
	}

	#lies(node: number, { kind }: Message, what: string): never {
		throw new Violation('MessagesAreTrue', `${this.#ids[node]} sends ${kind}: ${what}`);
	}
}
