/**
 * The key-value store's own rooms beside a replica: the clients' door, reads that wait for a change, watches, and the
 * time-outs of sessions. They use the replica as the rooms of any other machine do.
 */
import type { KeyChanges } from '../key-change.ts';
import { NO_BALLOT } from '../paxos/ballot.ts';
import type { Store } from '../store/store.ts';
import { ClientDoor } from './client-door.ts';
import type { DoorParts, DoorTimer, MachineDoors } from './doors.ts';
import { History } from './history.ts';
import { TimeOuts } from './time-outs.ts';
import { toldChanges } from './told-changes.ts';
import { type ShownEntries, shownEntries } from './view.ts';
import { type Subject, Waits } from './waits.ts';
import { type Watch, type Watcher, Watches } from './watches.ts';

export class KeyValueDoors implements MachineDoors {
	readonly clients: ClientDoor;
	readonly #store: Store;
	readonly #history: History;
	readonly #parts: DoorParts;
	readonly #waits: Waits;
	readonly #watches: Watches;
	readonly #timeOuts: TimeOuts;

	constructor(store: Store, parts: DoorParts) {
		this.#store = store;
		this.#parts = parts;
		const { runtime, limits, requestMs } = parts;
		const nowMs = () => runtime.nowMs();
		const history = new History(store.revision, limits);
		store.listener = history;
		this.#history = history;
		this.#waits = new Waits({
			nowMs,
			setTimer: (afterMs) => runtime.setTimer('wait', afterMs),
			random: () => runtime.random(),
			changeOf: (subject) => this.#changeOf(subject),
			listen: (listens) => {
				history.also = listens ? this.#waits : null;
			},
		});
		this.#watches = new Watches({
			history,
			limits,
			revision: () => store.revision,
			changeOfPrefix: (prefix) => store.changeOfPrefix(prefix),
			soon: parts.soon,
		});
		this.#timeOuts = new TimeOuts(store, {
			nowMs,
			setTimer: (afterMs) => runtime.setTimer('timeOuts', afterMs),
			leads: () => (parts.agent.view().role === 'leader' ? parts.agent.view().ballot : NO_BALLOT),
			propose: (operation, done) =>
				parts.submit(operation, { route: 'leader', contest: 0, timeoutMs: requestMs }, done),
		});
		this.clients = new ClientDoor({
			store,
			submissions: parts.submissions,
			barriers: parts.barriers,
			node: parts.id,
			members: () => parts.agent.members.last.members.map((member) => ({ id: member.id, url: parts.urlOf(member) })),
			openWatch: (prefix, after, watcher) => this.#watches.open(prefix, after, watcher),
			requestMs,
			limits,
			leader: () => parts.agent.view().leader.node,
			soon: parts.soon,
			malformed: (from, why) => runtime.malformed(from, why),
			follower: runtime.follower,
		});
	}

	get unfinished(): Readonly<Record<string, number>> {
		return { 'reads that wait for a change': this.#waits.count };
	}

	get shown(): ShownEntries {
		return shownEntries(this.#store);
	}

	changesAfter(revision: number): KeyChanges {
		return toldChanges(this.#history, revision);
	}

	/**
	 * As `Waits.wait`. The index of a change of a key or prefix is its revision, that of a change of the members is
	 * `membersIndex`.
	 */
	whenChanged(subject: Subject, index: number, waitMs: number, done: () => void): (() => void) | null {
		return this.#waits.wait(subject, index, waitMs, done);
	}

	/** As `Watches.open`. */
	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null {
		return this.#watches.open(prefix, after, watcher);
	}

	/** Ends every wait of `whenChanged` and every watch, and begins no other one. Everything else goes on until `stop`. */
	endWaits(): void {
		this.#waits.stop();
		this.#watches.stop();
	}

	// For the replica

	start(): void {
		this.#timeOuts.start();
	}

	stop(): void {
		this.endWaits();
	}

	fire(timer: DoorTimer): void {
		if (timer === 'wait') this.#waits.fire();
		else this.#timeOuts.fire();
	}

	collect(): void {
		this.clients.collect();
	}

	answer(): void {
		this.clients.answer();
	}

	endTurn(): void {
		this.#waits.endTurn();
		// Those who wait for an answer come before those who watch.
		this.#watches.endTurn();
		this.clients.sendAnswers();
	}

	membersChanged(): void {
		this.clients.membersChanged();
		this.#waits.membersChanged();
	}

	stateReplaced(): void {
		this.#waits.allChanged();
		this.#watches.stateReplaced();
	}

	#changeOf({ kind, name }: Subject): number {
		switch (kind) {
			case 'key':
				return this.#store.changeOfKey(name);
			case 'prefix':
				return this.#store.changeOfPrefix(name);
			case 'session':
				return this.#store.changeOfSession(name);
			case 'sessionsOf':
				return this.#store.changeOfSessionsOf(name);
			case 'sessions':
				return this.#store.changeOfSessions;
			case 'members':
				return this.#parts.membersIndex();
		}
	}
}
