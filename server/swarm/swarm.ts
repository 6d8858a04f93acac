/**
 * The swarm as this node knows it, for its doors: its name, its members as the log says, and where they are reached.
 * `swarm.json` says where the nodes are that it names, because a port may be another one at each start; the log says it
 * of all others.
 */
import type { MembersView, SwarmMember, SwarmView } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Member } from '../../shared/paxos/change.ts';
import type { MemberSet, MembersState } from '../../shared/paxos/members.ts';
import { dialAt, dialOf, urlOf } from '../config/addresses.ts';
import type { NodeConfig } from '../config/swarm-file.ts';
import type { Address } from '../front/doors.ts';
import type { PeerAddress } from '../mesh/peer.ts';

/** The part of the swarm that the HTTP API uses. */
export interface KnownSwarm extends SwarmView {
	readonly members: readonly SwarmMember[];
	/** The members that the swarm began with: by id, the URL at which each is reached. */
	readonly first: Readonly<Record<NodeId, string>>;
	/** The address at which pages and clients reach the member. */
	urlOf(member: Pick<Member, 'id' | 'url'>): string;
}

export class Swarm implements KnownSwarm {
	readonly name: string;
	readonly id: string;
	readonly first: Readonly<Record<NodeId, string>>;
	readonly #nodes: ReadonlyMap<string, NodeConfig>;
	#state: MembersState;
	#sets: readonly MembersView[] = [];
	#members: readonly SwarmMember[] = [];

	/** @param id the id of the swarm @param state the members that it began with */
	constructor(name: string, id: string, nodes: readonly NodeConfig[], state: MembersState) {
		this.name = name;
		this.id = id;
		this.#nodes = new Map(nodes.map((node) => [node.id, node]));
		this.#state = state;
		this.become(state);
		this.first = Object.fromEntries(this.#members.map((member) => [member.id, member.url]));
	}

	/** The log says other members. */
	become(state: MembersState): void {
		this.#state = state;
		this.#sets = state.sets.map((set) => viewOf(set, this));
		// A member of both sets is shown as the later one has it.
		this.#members = [...new Map(this.#sets.flatMap(({ members }) => members.map((one) => [one.id, one]))).values()];
	}

	/** All members of the sets that govern slots which this node does not know to be chosen. */
	get members(): readonly SwarmMember[] {
		return this.#members;
	}

	get sets(): readonly MembersView[] {
		return this.#sets;
	}

	/** Whether `id` was a member once, and is none any more. */
	wasMember(id: NodeId): boolean {
		return this.#state.past.includes(id);
	}

	urlOf({ id, url }: Pick<Member, 'id' | 'url'>): string {
		const node = this.#nodes.get(nameOf(id));
		return node ? urlOf(node) : url;
	}

	/** The address at which this node dials the member. */
	dialOf({ id, url }: Pick<Member, 'id' | 'url'>): PeerAddress {
		const node = this.#nodes.get(nameOf(id));
		return node ? { ...dialOf(node), id } : dialAt(id, url);
	}

	/**
	 * The addresses at which the node `id` dials the other members, voters first, because a quorum of them is to be told
	 * first. A member is left out where another one, or this node, comes in its place at the same address.
	 *
	 * @param url where pages and clients reach the node
	 */
	dialedBy(id: NodeId, url: string): PeerAddress[] {
		const others = this.#members.filter((member) => {
			const heirs = this.#members.filter(({ replaces }) => replaces === member.id);
			return member.id !== id && member.url !== url && heirs.every((heir) => heir.url !== member.url);
		});
		return others.toSorted((a, b) => Number(b.isVoter) - Number(a.isVoter)).map((member) => this.dialOf(member));
	}

	/** The addresses that requests may ask for, and whose pages may use this swarm. */
	get addresses(): readonly Address[] {
		const others = this.#members.filter(({ id }) => !this.#nodes.has(nameOf(id)));
		const ofOthers = others.map((member) => ({ ...this.dialOf(member), advertise: member.url }));
		return [...this.#nodes.values(), ...ofOthers];
	}
}

/** The set with the addresses at which pages and clients reach its members. */
export function viewOf({ chosenAt, from, members }: MemberSet, swarm: Pick<KnownSwarm, 'urlOf'>): MembersView {
	return { chosenAt, from, members: members.map((member) => ({ ...member, url: swarm.urlOf(member) })) };
}
