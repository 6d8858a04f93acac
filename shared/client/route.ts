/**
 * Which node a client talks to: the leader where it is known and can be reached, else any. It dials, follows
 * and dials again, with a growing pause when nobody answers, until it is closed. One link is current at a time.
 */
import { Link, type LinkHandlers, type Welcome } from './link.ts';
import type { MemberAddress, NodeSection } from './protocol.ts';
import type { ClientRuntime } from './runtime.ts';
import type { Connect } from './socket.ts';

export interface RouteOptions {
	/** `http://host:port`, of one member at least. */
	readonly nodes: readonly string[];
	readonly connect: Connect;
	readonly runtime: ClientRuntime;
	/** The present client's name. */
	clientId(): string;
	/** What is unanswered is to be sent again, on this link. */
	up(link: Link): void;
	section(section: Exclude<NodeSection, Welcome>): void;
}

/** From dialing to a node's welcome. */
const WELCOME_MAX_MS = 2000;
const PAUSE_MIN_MS = 10;
const PAUSE_MAX_MS = 1000;
/** A leader that could not be reached is not tried again for so long; its followers forward to it. */
const UNREACHABLE_MS = 1000;

export class Route {
	readonly #options: RouteOptions;
	readonly #handlers: LinkHandlers;
	/** Known addresses: those given, and those that a node told. */
	#urls: readonly string[];
	#members: readonly MemberAddress[] = [];
	#current: Link | undefined;
	#currentNode = '';
	/** The one that shall be current once it is welcomed. */
	#dialing: Link | undefined;
	#failure = '';
	/** Nodes without an answer, in a row. */
	#failures = 0;
	#next = 0;
	#cancelPause: (() => void) | undefined;
	#leader = '';
	#closed = false;

	constructor(options: RouteOptions) {
		this.#options = options;
		this.#urls = options.nodes;
		this.#handlers = {
			welcome: (link, welcome) => this.#welcome(link, welcome),
			section: (link, section) => {
				if (link !== this.#current) return;
				if (section.kind === 'leader') this.#follow(section.leader);
				else options.section(section);
			},
			ended: (link, why) => {
				this.#failure = `${link.url}: ${why}`;
				this.#ended(link);
			},
		};
		this.#dial(this.#takeUrl());
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

	close(): void {
		this.#closed = true;
		this.#cancelPause?.();
		this.#dialing?.close();
		this.#current?.close();
		this.#current = undefined;
	}

	#dial(url: string): void {
		this.#dialing?.close();
		const { connect, runtime, clientId } = this.#options;
		this.#dialing = new Link(url, connect, runtime, clientId(), WELCOME_MAX_MS, this.#handlers);
	}

	#welcome(link: Link, { node, leader, members }: Welcome): void {
		this.#failures = 0;
		this.#dialing = undefined;
		this.#members = members;
		this.#urls = [...new Set([...this.#options.nodes, ...members.map(({ url }) => url)])];
		const before = this.#current;
		this.#current = link;
		this.#currentNode = node;
		before?.close();
		this.#options.up(link);
		this.#follow(leader);
	}

	/** Goes to the leader, and stays where it is until it is welcome there. */
	#follow(leader: string): void {
		this.#leader = leader;
		this.#cancelPause?.();
		if (leader === '' || leader === this.#currentNode) {
			this.#dialing?.close();
			this.#dialing = undefined;
			return;
		}
		const url = this.#members.find(({ id }) => id === leader)?.url;
		if (url !== undefined) this.#dial(url);
	}

	#ended(link: Link): void {
		if (link === this.#dialing) this.#dialing = undefined;
		else if (link === this.#current) this.#current = undefined;
		else return;
		if (this.#closed || this.#dialing) return;
		if (this.#current) {
			this.#cancelPause = this.#options.runtime.after(UNREACHABLE_MS, () => this.#follow(this.#leader));
			return;
		}
		this.#failures++;
		const rounds = Math.floor(this.#failures / this.#urls.length);
		if (rounds === 0) return this.#dial(this.#takeUrl());
		const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** rounds);
		this.#cancelPause?.();
		this.#cancelPause = this.#options.runtime.after(pauseMs, () => this.#dial(this.#takeUrl()));
	}

	#takeUrl(): string {
		return this.#urls[this.#next++ % this.#urls.length] as string;
	}
}
