/** A watcher of one real node. It checks the numbering of the feed, keeps all facts, and can propose. */
import { io, type Socket } from 'socket.io-client';
import type { Fact } from '../../shared/fact.ts';
import type {
	NodeSnapshot,
	ProposeAnswer,
	ProposeRequest,
	ServerToWatcher,
	WatcherToServer,
} from '../../shared/feed.ts';
import type { TestNode } from './swarm.ts';

const FACT_MAX_MS = 20_000;

export class Watch {
	readonly facts: Fact[] = [];
	readonly snapshots: NodeSnapshot[] = [];
	/** The number of facts that were counted and not sent. */
	skipped = 0;
	/** The number of gaps in the numbering, which has to be 0 while connected. */
	gaps = 0;
	readonly #socket: Socket<ServerToWatcher, WatcherToServer>;
	readonly #waiting = new Set<() => void>();

	private constructor(node: TestNode) {
		this.#socket = io(node.url, { transports: ['websocket'], forceNew: true, reconnection: false });
		let seq = 0;
		this.#socket.on('snapshot', (snapshot) => {
			this.snapshots.push(snapshot);
			seq = snapshot.seq;
			this.#news();
		});
		this.#socket.on('batch', ({ from, facts, skipped }) => {
			const counted = Object.values(skipped).reduce((sum, count) => sum + count, 0);
			if (from !== seq + 1) this.gaps++;
			seq = from + facts.length + counted - 1;
			this.skipped += counted;
			for (const fact of facts) this.facts.push(fact);
			this.#news();
		});
	}

	/** Connects, and waits for the first snapshot. */
	static async open(node: TestNode): Promise<Watch> {
		const watch = new Watch(node);
		await watch.#until(`a snapshot of ${node.id}`, () => watch.snapshots[0]);
		return watch;
	}

	/** Proposes, and waits for any answer. */
	propose(request: Partial<ProposeRequest> & { readonly key: string }): Promise<ProposeAnswer> {
		return this.#socket.emitWithAck('propose', { value: '', route: 'leader', contest: 0, ...request });
	}

	/** Resolves with the first fact, past or future, for which `fits` returns true. */
	async fact(what: string, fits: (fact: Fact) => boolean): Promise<Fact> {
		return this.#until(what, () => this.facts.find(fits));
	}

	close(): void {
		this.#socket.disconnect();
	}

	#news(): void {
		for (const look of [...this.#waiting]) look();
	}

	#until<T>(what: string, find: () => T | undefined): Promise<T> {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.#waiting.delete(look);
				reject(new Error(`not within ${FACT_MAX_MS} ms: ${what}`));
			}, FACT_MAX_MS);
			const look = (): void => {
				const found = find();
				if (found === undefined) return;
				clearTimeout(timer);
				this.#waiting.delete(look);
				resolve(found);
			};
			this.#waiting.add(look);
			look();
		});
	}
}
