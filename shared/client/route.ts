/**
 * Chooses the node that a client talks to: the leader where it is known and can be reached, else any node that answers.
 * One link is current at a time, and at most one more is being dialed. A node whose connection stands is not left before
 * another one has welcomed the client.
 *
 * Pauses are drawn between 0 and a bound that grows, so that the clients of a node that is gone do not all come to the
 * next one together.
 */
import { addressFault } from './address.ts';
import { Link, type LinkHandlers, type Welcome } from './link.ts';
import type { NodeSection } from './node-frame.ts';
import { Patience } from './patience.ts';
import type { MemberAddress } from './protocol.ts';
import type { ClientRuntime } from './runtime.ts';
import type { Connect } from './socket.ts';

export interface RouteOptions {
	/** Addresses `http://host:port` of members, one at least, all without an `addressFault`. */
	readonly nodes: readonly string[];
	readonly connect: Connect;
	readonly runtime: ClientRuntime;
	/** By which the nodes let the client in; null for none. */
	readonly token: string | null;
	/** Whether the client tells traces to the nodes. */
	readonly traces: boolean;
	/** The present name of the client. */
	clientId(): string;
	/** Whether calls wait for an answer. */
	hasCalls(): boolean;
	/** Whether there are watches, which wait for changes. */
	hasWatches(): boolean;
	/** There is a new current link, on which unanswered calls are to be sent again. */
	up(): void;
	/** The current node has told of a new leader. */
	leaderKnown(): void;
	section(section: Exclude<NodeSection, Welcome>): void;
}

/** While calls wait, a node that was not heard for this long is pinged. */
const PING_AFTER_MS = 250;
/** The same while the client only has watches. */
const IDLE_PING_AFTER_MS = 5000;
/** The bounds of the pauses between dials that fail in a row, while calls wait. */
const PAUSE = { firstMs: 50, growth: 4, maxMs: 2000 };
/** The same without calls. They are longer, because nobody waits and a swarm that is down need not be dialed often. */
const IDLE_PAUSE = { firstMs: 2000, growth: 2, maxMs: 30_000 };
/** A link that stood for this long, or that brought an answer, ends a row of failures. */
const STEADY_MS = 1000;
/** The bound of the pause before a client goes to a new leader. Its present node forwards to the leader meanwhile. */
const FOLLOW_MS = 500;
/** The same after the leader could not be reached or was left once. It doubles each time. */
const FOLLOW_AGAIN_MS = 2000;
const FOLLOW_AGAIN_MAX_MS = 60_000;
/** A node that knows no leader is left after this long. It doubles after each round in which no node knew one. */
const LEADERLESS_MS = 2000;
const LEADERLESS_MAX_MS = 32_000;
/** The bound on addresses that a node tells. */
const MEMBERS_MAX = 64;

/** Why a link is dialed: there is none (`lost`), or the client looks for a better one than the current one. */
type Why = 'lost' | 'follow' | 'silent' | 'leaderless';

export class Route {
	readonly #options: RouteOptions;
	readonly #handlers: LinkHandlers;
	readonly #patience: Patience;
	/** The known addresses: those in the options, and those that the current node told. */
	#urls: readonly string[];
	#nextUrl: number;
	#members: readonly MemberAddress[] = [];

	#current: Link | undefined;
	#currentNode = '';
	#currentSinceMs = 0;
	/** Whether some node has welcomed the client before. */
	#wasWelcome = false;
	/** The address of the node that was current before. It is not dialed next. */
	#leftUrl = '';
	/** Why the last link ended, for people. */
	#failure = '';
	/** The number of failures in a row. */
	#failures = 0;
	#cancelPause: (() => void) | undefined;
	#pauseIsIdle = false;

	/** The link that is being dialed. It becomes current when it is welcomed, if the reason still holds then. */
	#dialing: Link | undefined;
	#dialingWhy: Why = 'lost';
	#dialingSinceMs = 0;
	/** The beginning of the present round of looking for a better node, and how many nodes it may still try. */
	#lookedMs = 0;
	#looksLeft = 0;
	/** Whether this round may end with a dial of the current node. */
	#mayDialAgain = false;

	/** The leader, as the current node told it; '' for none. */
	#leader = '';
	#leaderlessSinceMs = 0;
	/** How long the client waits for a leader to be told. */
	#leaderlessMs = LEADERLESS_MS;
	/** The last leader that was told, and how often it could not be reached or was left. */
	#followed = '';
	#followFailures = 0;
	#cancelFollow: (() => void) | undefined;
	#closed = false;

	constructor(options: RouteOptions) {
		this.#options = options;
		this.#urls = options.nodes;
		this.#nextUrl = Math.floor(options.runtime.random() * this.#urls.length);
		this.#patience = new Patience(options.runtime);
		this.#handlers = {
			welcome: (link, welcome) => this.#welcome(link, welcome),
			section: (link, section) => this.#section(link, section),
			heard: (afterMs) => this.#patience.answered(afterMs),
			ended: (link, why) => {
				this.#failure = `${link.url}: ${why}`;
				this.#ended(link);
			},
		};
		this.#dialNext('lost');
	}

	/** The current link; undefined while there is none. */
	get current(): Link | undefined {
		return this.#current;
	}

	/** The id of the current node; '' for none. */
	get node(): string {
		return this.#current ? this.#currentNode : '';
	}

	/** Why there is no current link, in brackets for people; '' where there is one. */
	get failure(): string {
		return this.#current || this.#failure === '' ? '' : ` (${this.#failure})`;
	}

	/** Whether the current node knows a leader. */
	get hasLeader(): boolean {
		return this.#leader !== '';
	}

	/** There are calls now, so a pause that was long because there were none is replaced by a short one. */
	wake(): void {
		if (!this.#current && !this.#dialing && this.#pauseIsIdle) this.#pauseThenDial();
	}

	/**
	 * Leaves a node that is silent or knows no leader for too long. It has to be called often while calls wait, and now and
	 * then while there are watches.
	 */
	watch(): void {
		const link = this.#current;
		if (!link) return;
		const nowMs = this.#nowMs;
		if (nowMs - link.heardMs >= (this.#options.hasCalls() ? PING_AFTER_MS : IDLE_PING_AFTER_MS)) link.ping();
		const silentMs = link.silence();
		const { ms } = this.#patience;
		if (this.#dialing || nowMs - this.#lookedMs < ms) return;
		const isLeaderless = this.#leader === '' && nowMs - this.#leaderlessSinceMs >= this.#leaderlessMs;
		if (silentMs < ms && !isLeaderless) return;
		this.#lookedMs = nowMs;
		this.#looksLeft = this.#urls.length - 1;
		this.#mayDialAgain = !isLeaderless;
		this.#look(isLeaderless ? 'leaderless' : 'silent');
	}

	close(): void {
		this.#closed = true;
		this.#cancelPause?.();
		this.#cancelFollow?.();
		this.#dialing?.close();
		this.#current?.close();
		this.#dialing = undefined;
		this.#current = undefined;
	}

	get #nowMs(): number {
		return this.#options.runtime.nowMs();
	}

	// Dialing

	#dial(url: string, why: Why): void {
		this.#dialing?.close();
		const { connect, runtime, clientId, token, traces } = this.#options;
		this.#dialingWhy = why;
		this.#dialingSinceMs = this.#nowMs;
		const { ms } = this.#patience;
		this.#dialing = new Link(url, connect, runtime, clientId(), token, traces, ms, this.#handlers);
	}

	/** Dials the next known address, but not that of the current node, nor that of the last one. */
	#dialNext(why: Why): void {
		let url = this.#takeUrl();
		if (url === (this.#current?.url ?? this.#leftUrl)) url = this.#takeUrl();
		this.#leftUrl = '';
		this.#dial(url, why);
	}

	#takeUrl(): string {
		return this.#urls[this.#nextUrl++ % this.#urls.length] as string;
	}

	/**
	 * Dials the next node of this round, and last of all a silent current one itself: its connection may be gone without
	 * a word, as when its machine has lost power, and it may be the only node with room. After the last dial of a round the
	 * client becomes more patient.
	 */
	#look(why: Why): void {
		if (this.#looksLeft-- > 0) return this.#dialNext(why);
		if (this.#mayDialAgain && this.#current) {
			this.#mayDialAgain = false;
			return this.#dial(this.#current.url, why);
		}
		if (why === 'silent') return this.#patience.gaveUp();
		this.#leaderlessMs = Math.min(LEADERLESS_MAX_MS, 2 * this.#leaderlessMs);
		this.#leaderlessSinceMs = this.#nowMs;
	}

	/** Called while there is no link and none is being dialed. */
	#pauseThenDial(): void {
		const isIdle = !this.#options.hasCalls() && !this.#options.hasWatches();
		const { firstMs, growth, maxMs } = isIdle ? IDLE_PAUSE : PAUSE;
		const { runtime } = this.#options;
		const pauseMs = runtime.random() * Math.min(maxMs, firstMs * growth ** (this.#failures - 1));
		this.#pauseIsIdle = isIdle;
		this.#cancelPause?.();
		this.#cancelPause = runtime.after(pauseMs, () => {
			this.#pauseIsIdle = false;
			this.#dialNext('lost');
		});
	}

	// From the links

	#welcome(link: Link, { node, leader, members }: Welcome): void {
		this.#dialing = undefined;
		const before = this.#current;
		const why = before ? this.#dialingWhy : 'lost';
		// The current node was silent, and has been heard since.
		if (before && why === 'silent' && before.heardMs >= this.#dialingSinceMs) return link.close();
		if (why === 'leaderless' && leader === '') {
			link.close();
			return this.#look(why);
		}
		this.#membersAre(members);
		if (before && why !== 'follow') this.#hasLeft(before, link);
		this.#current = link;
		this.#currentNode = node;
		const pauseMaxMs = this.#wasWelcome ? FOLLOW_MS : 0;
		this.#wasWelcome = true;
		this.#currentSinceMs = this.#nowMs;
		this.#leaderlessSinceMs = this.#nowMs;
		before?.close();
		this.#follow(leader, pauseMaxMs);
		this.#options.up();
	}

	#membersAre(members: readonly MemberAddress[]): void {
		this.#members = members.slice(0, MEMBERS_MAX).filter(({ url }) => addressFault(url) === null);
		this.#urls = [...new Set([...this.#options.nodes, ...this.#members.map(({ url }) => url)])];
	}

	#section(link: Link, section: Exclude<NodeSection, Welcome>): void {
		if (link !== this.#current) return;
		if (section.kind === 'members') {
			this.#membersAre(section.members);
			return this.#follow(this.#leader, FOLLOW_MS);
		}
		if (section.kind === 'leader') {
			this.#follow(section.leader, FOLLOW_MS);
			if (section.leader !== '') this.#options.leaderKnown();
			return;
		}
		this.#failures = 0;
		this.#options.section(section);
	}

	#ended(link: Link): void {
		if (link === this.#dialing) {
			this.#dialing = undefined;
			if (this.#current) {
				if (this.#dialingWhy !== 'follow') return this.#look(this.#dialingWhy);
				this.#followFailures++;
				return this.#follow(this.#leader, FOLLOW_MS);
			}
		} else if (link === this.#current) {
			this.#current = undefined;
			this.#leftUrl = link.url;
			if (this.#nowMs - this.#currentSinceMs >= STEADY_MS) this.#failures = 0;
			this.#cancelFollow?.();
		} else {
			return;
		}
		if (this.#closed || this.#dialing) return;
		this.#failures++;
		this.#pauseThenDial();
	}

	/**
	 * A link was left though its connection stood. The client does not go back to its node soon, unless the next link is to
	 * the same node, and is more patient with the next link.
	 */
	#hasLeft(link: Link, next: Link): void {
		this.#patience.gaveUp();
		if (link.url === next.url) return;
		this.#leftUrl = link.url;
		if (link.url !== this.#leaderUrl) return;
		if (this.#nowMs - this.#currentSinceMs >= FOLLOW_AGAIN_MAX_MS) this.#followFailures = 0;
		this.#followFailures++;
	}

	// The leader

	get #leaderUrl(): string | undefined {
		return this.#members.find(({ id }) => id === this.#leader)?.url;
	}

	/**
	 * Dials the leader after a pause, unless it is the current node. The current link stays until the leader has welcomed the
	 * client; its node forwards to the leader meanwhile.
	 *
	 * @param pauseMaxMs the bound of the pause where no dial of this leader has failed
	 */
	#follow(leader: string, pauseMaxMs: number): void {
		if (leader !== this.#leader) {
			if (leader === '') this.#leaderlessSinceMs = this.#nowMs;
			this.#leader = leader;
		}
		if (leader !== '' && leader !== this.#followed) {
			this.#followed = leader;
			this.#followFailures = 0;
		}
		if (leader !== '') this.#leaderlessMs = LEADERLESS_MS;
		this.#cancelFollow?.();
		if (this.#dialingWhy === 'follow') {
			this.#dialing?.close();
			this.#dialing = undefined;
		}
		const url = this.#leaderUrl;
		if (url === undefined || leader === this.#currentNode) return;
		const failures = this.#followFailures;
		const maxMs = failures === 0 ? pauseMaxMs : Math.min(FOLLOW_AGAIN_MAX_MS, FOLLOW_AGAIN_MS * 2 ** (failures - 1));
		if (maxMs === 0) return this.#dial(url, 'follow');
		const { runtime } = this.#options;
		this.#cancelFollow = runtime.after(maxMs * runtime.random(), () => {
			if (!this.#dialing) this.#dial(url, 'follow');
		});
	}
}
