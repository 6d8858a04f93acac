/** A watcher of one real node: follows the feed's contract, keeps what it is told, and proposes. */
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
	/** Facts that were counted and not told. */
	skipped = 0;
	/** Breaks in the numbering: none, ever, while connected. */
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

	/** Connected, with a first snapshot. */
	static async open(node: TestNode): Promise<Watch> {
		const watch = new Watch(node);
		await watch.#until(`a snapshot of ${node.id}`, () => watch.snapshots[0]);
		return watch;
	}

	/** Waits for the answer, whatever it is. */
	propose(request: Partial<ProposeRequest> & { readonly key: string }): Promise<ProposeAnswer> {
		return this.#socket.emitWithAck('propose', { value: '', route: 'leader', contest: 0, ...request });
	}

	/** The first fact that was or will be told for which `fits` holds. */
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
