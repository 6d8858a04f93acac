/**
 * Measures a rolling restart under load: each node in turn is told to stop, and started again once it has ended. It tells
 * how long no write was acknowledged, how long the slowest write took, and how many writes were refused or unknown.
 */
import { UnknownOutcomeError } from '../../shared/client/errors.ts';
import { Swarm } from '../process/swarm.ts';
import { connected, putter } from './clients.ts';

export interface RollingOptions {
	/** How often each node is restarted. */
	readonly rounds: number;
	readonly clients: number;
	readonly connections: number;
	readonly nodes: number;
	readonly json?: true;
}

interface Figures {
	/** The longest time without an acknowledgement, while a node was restarted that led, and one that did not. */
	readonly stallsMs: Readonly<Record<'leader' | 'follower', number[]>>;
	readonly slowestMs: number;
	readonly acknowledged: number;
	readonly refused: number;
	readonly unknown: number;
}

const KEYS = 10_000;
const VALUE_BYTES = 128;

export async function rolling(options: RollingOptions): Promise<void> {
	const swarm = await Swarm.create({ size: options.nodes });
	try {
		await swarm.start();
		const load = new Load(
			swarm.nodes.map(({ url }) => url),
			options,
		);
		const stallsMs: Figures['stallsMs'] = { leader: [], follower: [] };
		for (let round = 0; round < options.rounds; round++) {
			for (const node of swarm.nodes) {
				const role = (await swarm.leader()) === node ? 'leader' : 'follower';
				load.takeStallMs();
				await node.stop();
				await node.start();
				stallsMs[role].push(load.takeStallMs());
			}
		}
		await load.stop();
		const { slowestMs, acknowledged, refused, unknown } = load;
		const figures: Figures = { stallsMs, slowestMs: Math.round(slowestMs), acknowledged, refused, unknown };
		process.stdout.write(options.json ? `${JSON.stringify({ bench: 'rolling', ...figures })}\n` : describe(figures));
	} finally {
		await swarm.dispose();
	}
}

/** Writes without pause. */
class Load {
	slowestMs = 0;
	acknowledged = 0;
	refused = 0;
	unknown = 0;
	#stallMs = 0;
	#acknowledgedMs = performance.now();
	#stopped = false;
	readonly #running: Promise<void>;

	constructor(nodes: readonly string[], { clients, connections }: RollingOptions) {
		const all = connected(nodes, connections);
		const put = putter(KEYS, VALUE_BYTES);
		let count = 0;
		const worker = async (index: number): Promise<void> => {
			while (!this.#stopped) {
				const startedMs = performance.now();
				try {
					await put(all[index % all.length] as (typeof all)[number], count++);
					this.#acknowledged(startedMs);
				} catch (error) {
					if (error instanceof UnknownOutcomeError) this.unknown++;
					else this.refused++;
				}
			}
		};
		this.#running = Promise.all(Array.from({ length: clients }, (_, index) => worker(index))).then(() => {
			for (const client of all) client.close();
		});
	}

	/** The longest time without an acknowledgement since the last call, milliseconds. */
	takeStallMs(): number {
		const stallMs = Math.max(this.#stallMs, performance.now() - this.#acknowledgedMs);
		this.#stallMs = 0;
		return Math.round(stallMs);
	}

	stop(): Promise<void> {
		this.#stopped = true;
		return this.#running;
	}

	#acknowledged(startedMs: number): void {
		const nowMs = performance.now();
		this.acknowledged++;
		this.slowestMs = Math.max(this.slowestMs, nowMs - startedMs);
		this.#stallMs = Math.max(this.#stallMs, nowMs - this.#acknowledgedMs);
		this.#acknowledgedMs = nowMs;
	}
}

function describe({ stallsMs, slowestMs, acknowledged, refused, unknown }: Figures): string {
	return [
		`restarts of the leader: no write was acknowledged for ${stallsMs.leader.join(', ')} ms at most`,
		`restarts of a follower: ${stallsMs.follower.join(', ')} ms`,
		`the slowest of ${acknowledged} acknowledged writes took ${slowestMs} ms; ${refused} were refused, ${unknown} unknown`,
		'',
	].join('\n');
}
