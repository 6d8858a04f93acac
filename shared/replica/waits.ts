/**
 * Reads that wait until what they read has changed: a key, the keys below a prefix, one session, those of a node or all,
 * or the members. A change marks the subjects that it changes, and at the end of the turn each marked subject is looked at
 * once, however often it has changed in the turn. So a write finds those that wait for its key by one lookup, and pays
 * nothing at all while nobody waits.
 *
 * The waits have deadlines of their own: beside requests that end within seconds, waits of minutes would stand at the
 * end of the list, where each request would have to pass them.
 *
 * What it must never do: end a wait because something else has changed. The caller bounds the number of waits.
 */
import type { ChangeListener } from '../store/change-listener.ts';
import { type DeadlineClock, Deadlines, Limited } from './deadlines.ts';
import { Prefixes } from './prefixes.ts';

/** What a read may wait for. The name is the key, the prefix, the id of the session, or the node whose sessions it is. */
export type Subject =
	| { readonly kind: NamedKind; readonly name: string }
	| { readonly kind: 'members' | 'sessions'; readonly name: '' };

type NamedKind = 'key' | 'prefix' | 'session' | 'sessionsOf';

export interface WaitsOptions extends DeadlineClock {
	/** Drawn evenly from 0 up to, not including, 1. */
	random(): number;
	/** The index of the last change of the subject; 0 where none is known. */
	changeOf(subject: Subject): number;
	/** Begins to tell the changes of the store (true), or ends it. */
	listen(listens: boolean): void;
}

/** A wait is up to a sixteenth longer than it was asked for, so that many that began together do not end together. */
const RANDOM_SHARE = 1 / 16;

/** All reads that wait for one subject. */
class Group {
	readonly subject: Subject;
	readonly prefix: string;
	readonly waits = new Set<Wait>();
	isMarked = false;

	constructor(subject: Subject) {
		this.subject = subject;
		this.prefix = subject.name;
	}
}

class Wait extends Limited {
	readonly #waits: Waits;
	readonly group: Group;
	/** It waits while the last change has this index or a lower one. */
	readonly index: number;
	readonly done: () => void;

	constructor(waits: Waits, group: Group, index: number, done: () => void) {
		super();
		this.#waits = waits;
		this.group = group;
		this.index = index;
		this.done = done;
	}

	override overdue(): void {
		this.#waits.end(this);
	}
}

export class Waits implements ChangeListener {
	readonly #options: WaitsOptions;
	readonly #deadlines: Deadlines;
	readonly #named: Readonly<Record<NamedKind, Map<string, Group>>> = {
		key: new Map(),
		prefix: new Map(),
		session: new Map(),
		sessionsOf: new Map(),
	};
	readonly #prefixes = new Prefixes<Group>();
	readonly #members = new Group({ kind: 'members', name: '' });
	readonly #sessions = new Group({ kind: 'sessions', name: '' });
	/** Those of which something has changed in this turn. */
	readonly #marked: Group[] = [];
	#count = 0;
	#isStopped = false;

	constructor(options: WaitsOptions) {
		this.#options = options;
		this.#deadlines = new Deadlines(options);
	}

	/** The number of reads that wait. */
	get count(): number {
		return this.#count;
	}

	/**
	 * Waits while the last change of `subject` has this index or a lower one, for `waitMs` and up to a sixteenth more.
	 *
	 * @param done called once, never from inside this call
	 * @returns a function that gives the wait up; null where there is nothing to wait for, and `done` is not called
	 */
	wait(subject: Subject, index: number, waitMs: number, done: () => void): (() => void) | null {
		if (this.#isStopped || this.#options.changeOf(subject) > index) return null;
		const group = this.#groupOf(subject);
		const wait = new Wait(this, group, index, done);
		group.waits.add(wait);
		if (this.#count++ === 0) this.#options.listen(true);
		this.#deadlines.add(wait, waitMs * (1 + RANDOM_SHARE * this.#options.random()));
		return () => this.#remove(wait);
	}

	/** Ends every wait, and begins no other one: the node is going to stop. */
	stop(): void {
		this.#isStopped = true;
		for (const group of [...this.#groups()]) for (const wait of group.waits) this.end(wait);
	}

	/** Called by the runtime when the timer has fired. */
	fire(): void {
		this.#deadlines.fire();
	}

	/** Ends those waits whose subjects have changed. */
	endTurn(): void {
		for (const group of this.#marked.splice(0)) {
			group.isMarked = false;
			if (group.waits.size === 0) continue;
			const changed = this.#options.changeOf(group.subject);
			for (const wait of group.waits) if (changed > wait.index) this.end(wait);
		}
	}

	put({ key }: { readonly key: string }): void {
		this.deleted(key);
	}

	deleted(key: string): void {
		this.#markNamed('key', key);
		if (this.#prefixes.size === 0) return;
		for (const group of this.#prefixes.of(key)) this.#mark(group);
	}

	/** It looks at all keys that are waited for. The deletion of a prefix is seldom, and their number is bounded. */
	cut(prefix: string): void {
		for (const [key, group] of this.#named.key) if (key.startsWith(prefix)) this.#mark(group);
		for (const inner of this.#prefixes.startingWith(prefix)) this.#mark(inner);
		for (const outer of this.#prefixes.of(prefix)) this.#mark(outer);
	}

	together(): void {
		// Waits are looked at when the turn is over, and by then the whole transaction has been applied.
	}

	sessionChanged(id: string, node: string): void {
		this.#mark(this.#sessions);
		this.#markNamed('session', id);
		this.#markNamed('sessionsOf', node);
	}

	membersChanged(): void {
		this.#mark(this.#members);
	}

	/** The state was replaced by that of a snapshot, so anything may have changed. */
	allChanged(): void {
		for (const group of this.#groups()) this.#mark(group);
	}

	/** A wait is over, by a change or by its deadline. */
	end(wait: Wait): void {
		this.#remove(wait);
		wait.done();
	}

	#markNamed(kind: NamedKind, name: string): void {
		const group = this.#named[kind].get(name);
		if (group) this.#mark(group);
	}

	#mark(group: Group): void {
		if (group.isMarked) return;
		group.isMarked = true;
		this.#marked.push(group);
	}

	#remove(wait: Wait): void {
		const { group } = wait;
		if (!group.waits.delete(wait)) return;
		this.#deadlines.remove(wait);
		if (group.waits.size === 0) this.#drop(group);
		if (--this.#count === 0) this.#options.listen(false);
	}

	#groupOf(subject: Subject): Group {
		if (subject.kind === 'members') return this.#members;
		if (subject.kind === 'sessions') return this.#sessions;
		const groups = this.#named[subject.kind];
		let group = groups.get(subject.name);
		if (group) return group;
		group = new Group(subject);
		groups.set(subject.name, group);
		if (subject.kind === 'prefix') this.#prefixes.add(group);
		return group;
	}

	#drop(group: Group): void {
		const { kind, name } = group.subject;
		if (kind === 'members' || kind === 'sessions') return;
		this.#named[kind].delete(name);
		if (kind === 'prefix') this.#prefixes.delete(group);
	}

	*#groups(): Iterable<Group> {
		for (const groups of Object.values(this.#named)) yield* groups.values();
		yield this.#members;
		yield this.#sessions;
	}
}
