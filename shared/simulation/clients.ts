/** All clients of a simulated swarm, and their calls. */
import type { CallLimits } from '../client/limits.ts';
import { Calls } from './calls.ts';
import { Violation } from './ledger.ts';
import type { HistoryEntry } from './linearizability.ts';
import type { SimulatedNode } from './node.ts';
import type { PlannedOperation } from './operations.ts';
import { Random } from './random.ts';
import { Requests } from './requests.ts';
import { US_PER_MS } from './schedule.ts';
import { TIMEOUT_MAX_MS, User } from './users.ts';
import type { World } from './world.ts';

export interface ClientsOptions {
	readonly seed: number;
	readonly clients: number;
	readonly keys: number;
	readonly limits: Partial<CallLimits>;
}

/** Every call that is made while nothing goes wrong is answered within this time, milliseconds. */
export const CALL_MS_MAX = TIMEOUT_MAX_MS + 500;

export class Clients {
	readonly #world: World;
	readonly #calls: Calls;
	readonly #requests: Requests;
	readonly #users: readonly User[];
	readonly #unserved = new Set<string>();
	/** Whether all nodes together have room for all connections. */
	#hasRoom = false;

	constructor(world: World, { seed, clients, keys, limits }: ClientsOptions) {
		this.#world = world;
		this.#calls = new Calls(world, keys);
		this.#requests = new Requests(world, new Random(seed, 0x636c69), this.#calls);
		this.#users = Array.from({ length: clients }, (_, index) => new User(world, this.#calls, index, seed, limits));
	}

	get history(): readonly HistoryEntry[] {
		return this.#calls.history;
	}

	/** As `Calls.historyAsApplied`. */
	historyAsApplied(): readonly HistoryEntry[] {
		return this.#calls.historyAsApplied();
	}

	schedule(operations: readonly PlannedOperation[]): void {
		for (const planned of operations) {
			this.#world.at(planned.atMs * US_PER_MS, () => this.#begin(planned));
		}
	}

	/** The number of calls that were neither answered nor given up. */
	get waitingCount(): number {
		this.#requests.giveUpLost();
		return this.#calls.openCount;
	}

	/** Makes no more calls, and gives up those without an answer. */
	finish(): void {
		for (const user of this.#users) user.close();
		this.#calls.finish();
	}

	/**
	 * Each client that keeps a connection, and each node for a request, makes calls until it is answered. One that gets no
	 * answers any more would not be found otherwise, since its calls end as unknown or refused.
	 *
	 * @param nodes those that run. All together must have room for all connections.
	 */
	askUntilServed(nodes: readonly SimulatedNode[]): void {
		this.#hasRoom = true;
		for (const user of this.#users) {
			this.#unserved.add(user.name);
			user.askUntilServed(() => this.#unserved.delete(user.name));
		}
		for (const node of nodes) {
			this.#unserved.add(node.id);
			this.#requests.askUntilServed(node, () => this.#unserved.delete(node.id));
		}
	}

	/** The names of the clients, and of the nodes for requests, that are not served yet. A node that was removed serves none. */
	get unserved(): readonly string[] {
		const away = this.#world.nodes.filter(({ isAway }) => isAway).map(({ id }) => id);
		return [...this.#unserved].filter((name) => !away.includes(name));
	}

	/** The names of the clients whose watches still have to be told something. */
	get watchesBehind(): readonly string[] {
		if (!this.#hasRoom) return [];
		return this.#users.filter(({ isWatchBehind }) => isWatchBehind).map(({ name }) => name);
	}

	/** Whether calls wait inside a client. */
	get haveCallsLeft(): boolean {
		return this.#users.some(({ callsCount }) => callsCount > 0);
	}

	/** @throws Violation where calls wait inside a client, though the time of each is over */
	mustHaveNothingLeft(): void {
		for (const { name, callsCount } of this.#users) {
			if (callsCount > 0) throw new Violation('NothingIsLeft', `${name} still has ${callsCount} calls`);
		}
	}

	#begin(planned: PlannedOperation): void {
		const by = planned.by ?? (planned.route === 'leader' ? 'connection' : 'request');
		if (by === 'connection') return (this.#users[planned.client % this.#users.length] as User).ask(planned);
		this.#requests.ask(planned, this.#world.node(planned.node % this.#world.nodes.length));
	}
}
