/**
 * Which node a client talks to: the leader where it is known and can be reached, else any that answers. It dials,
 * follows and dials again until it is closed. One link is current at a time, one more at most is being dialed, and
 * a node is not left before another one has welcomed the client.
 *
 * Pauses are drawn between nothing and a bound that grows, so that the clients of a node that has gone do not arrive
 * together where they go next.
 */
import { addressFault } from './address.ts';
import { Link, type LinkHandlers, type Welcome } from './link.ts';
import { Patience } from './patience.ts';
import type { MemberAddress, NodeSection } from './protocol.ts';
import type { ClientRuntime } from './runtime.ts';
import type { Connect } from './socket.ts';

export interface RouteOptions {
	/** `http://host:port`, of one member at least; all of them good ones. */
	readonly nodes: readonly string[];
	readonly connect: Connect;
	readonly runtime: ClientRuntime;
	/** The name that the client has now. */
	clientId(): string;
	/** Whether calls wait for an answer. */
	hasCalls(): boolean;
	/** There is another link: what is unanswered is to be sent again, on this one. */
	up(): void;
	/** The current node tells of a leader, where it told of none or of another. */
	leaderKnown(): void;
	section(section: Exclude<NodeSection, Welcome>): void;
}

/** A node that was not heard for so long is asked whether it is there, while calls wait. */
const PING_AFTER_MS = 250;
/** The upper ends of the pauses before the dials in a row that find no node, while calls wait. */
const PAUSE = { firstMs: 50, growth: 4, maxMs: 2000 };
/** The same without calls: nobody is in a hurry then, and a swarm that starts anew is best not dialed while it is down. */
const IDLE_PAUSE = { firstMs: 2000, growth: 2, maxMs: 30_000 };
/** A link that stood for so long, or brought an answer, was a good one. */
const STEADY_MS = 1000;
/** The upper end of the pause before a client follows to another leader, while its present node forwards to it. */
const FOLLOW_MS = 500;
/** The same after it could not be reached or was left, once; it doubles each time. */
const FOLLOW_AGAIN_MS = 2000;
const FOLLOW_AGAIN_MAX_MS = 60_000;
/** A node that knows no leader is left after so long; after each round of looks in vain, after twice as long. */
const LEADERLESS_MS = 2000;
const LEADERLESS_MAX_MS = 32_000;
/** Addresses that nodes have told. */
const MEMBERS_MAX = 64;

/** Why a link is dialed: there is none, or a better one than the current one is looked for. */
type Why = 'lost' | 'follow' | 'silent' | 'leaderless';

export class Route {
	readonly #options: RouteOptions;
	readonly #handlers: LinkHandlers;
	readonly #patience: Patience;
	/** Known addresses: those given, and those that a node told. */
	#urls: readonly string[];
	#nextUrl: number;
	#members: readonly MemberAddress[] = [];

	#current: Link | undefined;
	#currentNode = '';
	#currentSinceMs = 0;
	/** Some node has welcomed it before. */
	#wasWelcome = false;
	/** The node that was current before, which is not the one to try next. */
	#leftUrl = '';
	/** Why there is no link, for people. */
	#failure = '';
	/** Links in a row that were no good. */
	#failures = 0;
	#cancelPause: (() => void) | undefined;
	#pauseIsIdle = false;

	/** It becomes current once it is welcomed, if the reason still holds then. */
	#dialing: Link | undefined;
	#dialingWhy: Why = 'lost';
	#dialingSinceMs = 0;
	/** When it last looked for a better node than the current one, and how many it may still try in this round. */
	#lookedMs = 0;
	#looksLeft = 0;

	/** The leader as the current node tells, '' for none. */
	#leader = '';
	#leaderlessSinceMs = 0;
	/** How long it waits for one to be told. */
	#leaderlessMs = LEADERLESS_MS;
	/** The last leader there was, and how often it was dialed in vain, or left. */
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

	/** Where everything goes; undefined while there is no node. */
	get current(): Link | undefined {
		return this.#current;
	}

	/** The node that everything goes to; '' for none. */
	get node(): string {
		return this.#current ? this.#currentNode : '';
	}

	/** Why nothing can be sent, for people: what became of the newest link, while there is none. */
	get failure(): string {
		return this.#current || this.#failure === '' ? '' : ` (${this.#failure})`;
	}

	/** Whether the current node knows a leader. */
	get hasLeader(): boolean {
		return this.#leader !== '';
	}

	/** There are calls now: a long pause, for want of them, ends. */
	wake(): void {
		if (!this.#current && !this.#dialing && this.#pauseIsIdle) this.#pauseThenDial();
	}

	/** To be called every now and then while calls wait: a node that says nothing, or knows no leader, is left. */
	watch(): void {
		const link = this.#current;
		if (!link) return;
		const nowMs = this.#nowMs;
		if (nowMs - link.heardMs >= PING_AFTER_MS) link.ping();
		const silentMs = link.silence();
		const { ms } = this.#patience;
		if (this.#dialing || nowMs - this.#lookedMs < ms) return;
		const isLeaderless = this.#leader === '' && nowMs - this.#leaderlessSinceMs >= this.#leaderlessMs;
		if (silentMs < ms && !isLeaderless) return;
		this.#lookedMs = nowMs;
		this.#looksLeft = this.#urls.length - 1;
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
		const { connect, runtime, clientId } = this.#options;
		this.#dialingWhy = why;
		this.#dialingSinceMs = this.#nowMs;
		this.#dialing = new Link(url, connect, runtime, clientId(), this.#patience.ms, this.#handlers);
	}

	/** Any node but the one that is current; the one that was is passed over once. */
	#dialNext(why: Why): void {
		let url = this.#takeUrl();
		if (url === (this.#current?.url ?? this.#leftUrl)) url = this.#takeUrl();
		this.#leftUrl = '';
		this.#dial(url, why);
	}

	#takeUrl(): string {
		return this.#urls[this.#nextUrl++ % this.#urls.length] as string;
	}

	/** Tries the next node of this round. After the last one it is more patient. */
	#look(why: Why): void {
		if (this.#looksLeft-- > 0) return this.#dialNext(why);
		if (why === 'silent') return this.#patience.gaveUp();
		this.#leaderlessMs = Math.min(LEADERLESS_MAX_MS, 2 * this.#leaderlessMs);
		this.#leaderlessSinceMs = this.#nowMs;
	}

	/** With no link and none under way. */
	#pauseThenDial(): void {
		const isIdle = !this.#options.hasCalls();
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
		// The one that was silent has spoken.
		if (before && why === 'silent' && before.heardMs >= this.#dialingSinceMs) return link.close();
		if (why === 'leaderless' && leader === '') {
			link.close();
			return this.#look(why);
		}
		this.#members = members.slice(0, MEMBERS_MAX).filter(({ url }) => addressFault(url) === null);
		this.#urls = [...new Set([...this.#options.nodes, ...this.#members.map(({ url }) => url)])];
		if (before && why !== 'follow') this.#hasLeft(before);
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

	#section(link: Link, section: Exclude<NodeSection, Welcome>): void {
		if (link !== this.#current) return;
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

	/** A node was left though its connection stood: it is not followed soon, nor is the next one left so soon. */
	#hasLeft(link: Link): void {
		this.#leftUrl = link.url;
		this.#patience.gaveUp();
		if (link.url !== this.#leaderUrl) return;
		if (this.#nowMs - this.#currentSinceMs >= FOLLOW_AGAIN_MAX_MS) this.#followFailures = 0;
		this.#followFailures++;
	}

	// The leader

	get #leaderUrl(): string | undefined {
		return this.#members.find(({ id }) => id === this.#leader)?.url;
	}

	/**
	 * Goes to the leader, and stays where it is until it is welcome there. Its present node forwards to the leader
	 * meanwhile.
	 *
	 * @param pauseMaxMs where the leader was not dialed in vain before
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
