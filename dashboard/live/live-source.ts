/**
 * The running swarm as a source: the page's own node first, then every member that a snapshot names. Members come and go,
 * so the newest word on who they are is followed. An address may be answered by another member than before, with a new
 * disk: what comes from it is that member's.
 */
import { effect } from '@preact/signals';
import type {
	EntriesBelow,
	Member,
	MembersView,
	NodeSnapshot,
	ProposeAnswer,
	ProposeRequest,
	Recall,
} from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Source, SourceListener } from '../model/source.ts';
import { NodeConnection } from './node-connection.ts';
import { Opening } from './opening.ts';
import { isAsked, token } from './token.ts';

/** An address, and who is heard there. */
interface Place {
	readonly connection: NodeConnection;
	/** The member that is expected; then the one that has answered. '' before the page's own node has answered. */
	node: NodeId;
	/** It was told that `node` is not heard. */
	isLost: boolean;
}

/** The last minute is on the rail. */
const SPAN_MS = 60_000;

export class LiveSource implements Source {
	readonly isDirected = false;
	readonly #places = new Map<string, Place>();
	/** The way to the listener; null where nobody listens. */
	#opening: Opening | null = null;
	/** Everyone who was named as a member. A node that waits to be let in is none of them. */
	readonly #named = new Set<NodeId>();
	/** How new the word is that was followed last. */
	#newest: readonly [Slot, Slot] = [0, 0];

	start(listener: SourceListener): void {
		this.#opening = new Opening(listener);
		document.addEventListener('securitypolicyviolation', ({ blockedURI }) => this.#forbidden(blockedURI));
		effect(() => {
			if (token.value === null) return;
			for (const { connection } of this.#places.values()) connection.hasToken();
		});
		this.#open(location.origin, '');
	}

	/** Nothing is heard any more. */
	stop(): void {
		this.#opening?.end();
		this.#opening = null;
		for (const { connection } of this.#places.values()) connection.close();
	}

	resync(node: NodeId): void {
		this.#placeOf(node)?.connection.resync();
	}

	async list(node: NodeId, prefix: string): Promise<EntriesBelow | null> {
		return this.#placeOf(node)?.connection.list(prefix) ?? null;
	}

	async propose(node: NodeId, request: ProposeRequest): Promise<ProposeAnswer> {
		const place = this.#placeOf(node);
		if (!place) return { outcome: 'refused', why: `${node} is not known`, attempts: [] };
		return place.connection.propose(request);
	}

	nowMs(): number {
		return performance.now();
	}

	wallMs(): number {
		return Date.now();
	}

	spanMs(): number {
		return SPAN_MS;
	}

	flightsAt(): null {
		return null;
	}

	#open(url: string, node: NodeId): void {
		const opening = this.#opening;
		if (!opening) return;
		opening.awaits(url);
		let recall: Recall | null = null;
		const place: Place = {
			node,
			isLost: false,
			connection: new NodeConnection(url, {
				recall: (past) => {
					recall = past;
				},
				snapshot: (snapshot) => {
					if (recall) opening.recall(snapshot.node, recall, snapshot.time, this.nowMs());
					recall = null;
					this.#answered(url, place, snapshot.node);
					opening.tell((listener) => listener.snapshot(snapshot.node, snapshot));
					this.#follow(snapshot);
					opening.answered(url);
				},
				batch: (batch) => {
					const from = place.node;
					opening.tell((listener) => listener.batch(from, batch));
				},
				lost: (sinceMs) => {
					const lost = place.node;
					place.isLost = true;
					if (lost !== '') opening.tell((listener) => listener.lost(lost, sinceMs));
					opening.answered(url);
				},
				denied: () => {
					isAsked.value = true;
					opening.answered(url);
				},
				refused: (why) => {
					const refusing = place.node === '' ? null : place.node;
					opening.tell((listener) => listener.refused(refusing, why));
					opening.answered(url);
				},
			}),
		};
		this.#places.set(url, place);
	}

	/** Who is at this address? */
	#answered(url: string, place: Place, node: NodeId): void {
		const before = place.node;
		const nowMs = Date.now();
		if (before !== '' && before !== node && !place.isLost) this.#tell((listener) => listener.lost(before, nowMs));
		place.node = node;
		place.isLost = false;
		if (url !== location.origin) return;
		this.#tell((listener) => listener.entry(node));
		// The members name the page's own node by an address that may be another one.
		for (const [other, { node: there, connection }] of this.#places) {
			if (other === url || there !== node) continue;
			connection.close();
			this.#places.delete(other);
		}
	}

	#follow({ swarm }: NodeSnapshot): void {
		const age = ageOf(swarm.sets);
		if (age[0] < this.#newest[0] || (age[0] === this.#newest[0] && age[1] < this.#newest[1])) return;
		this.#newest = age;
		for (const { id } of swarm.members) this.#named.add(id);
		for (const [url, place] of this.#places) {
			const isMembers = swarm.members.some((member) => member.id === place.node || member.url === url);
			if (isMembers || !this.#named.has(place.node)) continue;
			place.connection.retire();
			this.#places.delete(url);
		}
		for (const member of swarm.members) this.#meet(member);
	}

	/** The page may only reach the addresses that its node knew when it served the page. */
	#forbidden(blocked: string): void {
		for (const [url, { node, connection }] of this.#places) {
			if (!URL.canParse(blocked) || new URL(blocked).host !== new URL(url).host) continue;
			connection.close();
			this.#tell((listener) => listener.newer(node));
		}
	}

	#tell(tell: (listener: SourceListener) => void): void {
		this.#opening?.tell(tell);
	}

	#meet({ id, url }: Member): void {
		if (!this.#placeOf(id) && !this.#places.has(url)) this.#open(url, id);
	}

	#placeOf(node: NodeId): Place | undefined {
		return [...this.#places.values()].find((place) => place.node === node);
	}
}

/** Later sets come into force in later slots. */
function ageOf(sets: readonly MembersView[]): readonly [Slot, Slot] {
	return [sets[0]?.chosenAt ?? 0, sets.at(-1)?.chosenAt ?? 0];
}
