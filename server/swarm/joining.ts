/**
 * The wait of a node with a new disk: it runs as any other, and is no member until the members let it in. Where it may,
 * it asks them by itself to take the place of the member that has its name. It says what it does in the node's log.
 */
import type { MembersView, SwarmMember } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { NodeLogger } from '../log/logger.ts';
import { type Fetch, fetchWith, whyFailed } from '../tls/fetch.ts';

export interface JoiningOptions {
	/** The node's id, which was never a member's. */
	readonly id: NodeId;
	/** Where pages and clients reach this node. */
	readonly url: string;
	/** The members as this node knows them. They change as its log grows. */
	readonly swarm: { readonly members: readonly SwarmMember[]; readonly sets: readonly MembersView[] };
	/** Whether it asks the members by itself, which is for swarms on one machine. */
	readonly asks: boolean;
	/** By which nodes ask each other; none by default. */
	readonly token?: string | null;
	readonly log: NodeLogger;
	/** By which nodes ask each other; that of Node.js by default. */
	readonly fetch?: Fetch;
}

const ASK_EVERY_MS = 500;
/** It learns within this time that it was let in. */
const LEARN_MAX_MS = 10_000;
const ANSWER_MAX_MS = 10_000;
/** A reason that stands for so many requests is told as a warning. */
const REFUSALS_BEFORE_WARNING = 10;

type Asked = { readonly isMissing: boolean; readonly why: string } | null;

export class Joining {
	readonly #options: JoiningOptions;
	readonly #name: string;
	readonly #fetch: Fetch;
	#state: 'outside' | 'learns' | 'votes' = 'outside';
	#timer: NodeJS.Timeout | undefined;
	#stopped = false;
	/** How often each reason was given. */
	readonly #refusals = new Map<string, number>();

	constructor(options: JoiningOptions) {
		this.#options = options;
		this.#name = nameOf(options.id);
		this.#fetch = options.fetch ?? fetchWith(() => null);
	}

	start(): void {
		this.membersChanged();
		if (this.#state !== 'outside') return;
		const { id, asks, log } = this.#options;
		if (!asks) log.warn(`has a new disk, and waits as ${id} to be let in: ${this.#commands}`);
		else {
			log.warn(`has a new disk, and asks to take the place of ${this.#name} as ${id}`);
			void this.#ask();
		}
	}

	stop(): void {
		this.#stopped = true;
		this.#clearTimer();
	}

	/** The log says other members. */
	membersChanged(): void {
		const { id, swarm, log } = this.#options;
		const self = swarm.members.find((member) => member.id === id);
		if (!self || this.#state === 'votes') return;
		this.#clearTimer();
		// Until the change is in force the members before it decide, and the node that it replaces is still needed.
		if (swarm.sets[0]?.members.find((member) => member.id === id)?.isVoter) {
			if (this.#state !== 'outside') log.warn(`votes from now on, as ${id}`);
			this.#state = 'votes';
		} else if (this.#state === 'outside') {
			this.#state = 'learns';
			log.warn(`is let in as ${id}, and votes as soon as it has learned what was chosen`);
		}
	}

	/** The commands by which a person lets it in. */
	get #commands(): string {
		const { url } = this.#options;
		return `paxos-swarm member replace ${this.#name}, or where it is a new node, paxos-swarm member add ${this.#name} ${url}`;
	}

	async #ask(): Promise<void> {
		const { swarm, id } = this.#options;
		const others = swarm.members.filter((member) => member.id !== id);
		for (const { url } of others) {
			const refusal = await this.#askAt(url);
			if (this.#stopped || this.#state !== 'outside') return;
			if (refusal === null) return this.#askAfter(LEARN_MAX_MS);
			this.#refused(refusal);
			if (refusal.isMissing) break;
		}
		this.#askAfter(ASK_EVERY_MS);
	}

	#askAfter(ms: number): void {
		this.#timer = setTimeout(() => void this.#ask(), ms);
	}

	/** @returns null where it is let in, which this node learns from its log */
	async #askAt(member: string): Promise<Asked> {
		const { id, url, token = null } = this.#options;
		try {
			const answer = await this.#fetch(`${member}/v1/members/${this.#name}/replace`, {
				method: 'POST',
				headers: { 'Content-Type': 'application/json', ...(token && { 'X-Consul-Token': token }) },
				body: JSON.stringify({ asks: id, url }),
				signal: AbortSignal.timeout(ANSWER_MAX_MS),
			});
			const text = await answer.text();
			const isLetIn = answer.ok || answer.headers.get('X-Swarm-Refused') === 'inUse';
			return isLetIn ? null : { isMissing: answer.status === 404, why: text.trim().replace(/\.$/, '') };
		} catch (error) {
			return { isMissing: false, why: `no answer from ${member}: ${whyFailed(error as Error)}` };
		}
	}

	#refused({ isMissing, why }: NonNullable<Asked>): void {
		const count = (this.#refusals.get(why) ?? 0) + 1;
		this.#refusals.set(why, count);
		const { log, url } = this.#options;
		if (count === (isMissing ? 1 : REFUSALS_BEFORE_WARNING)) {
			const advice = isMissing ? `: let it in by paxos-swarm member add ${this.#name} ${url}` : '';
			log.warn(`is not let in yet (${why})${advice}`);
		} else if (count === 1) log.info(`is not let in yet (${why})`);
	}

	#clearTimer(): void {
		clearTimeout(this.#timer);
	}
}
