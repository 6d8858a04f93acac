/**
 * Sessions: names under which clients hold keys. A session is there from its creation until its end, and its keys are let
 * go with it (`locks.ts`). Nothing here ends one because of its time: the leader proposes that as a command, under the
 * condition that the session was not renewed meanwhile.
 *
 * @source Burrows, The Chubby lock service for loosely-coupled distributed systems (OSDI 2006), 2.4 and 2.8
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { hasUtf8Form, utf8Length } from '../bytes/text.ts';

/** The leader looks at all sessions several times a second, so they are bounded. */
export const SESSIONS_MAX = 16_384;
/** The bound on the name of a session, and on that of its node, in bytes of UTF-8. */
export const SESSION_NAME_BYTES_MAX = 256;
/** The longest time-out of a session, milliseconds. */
export const SESSION_TTL_MS_MAX = 24 * 3_600_000;
/** The longest lock delay, milliseconds. */
export const LOCK_DELAY_MS_MAX = 60_000;
/** The last change is kept of the sessions of so many nodes: see `Sessions.changeOfNode`. */
export const CHANGED_NODES_MAX = 256;

/** What becomes of the keys that a session holds when it ends: they are let go, or they are deleted. */
export type Behavior = 'release' | 'delete';

/** What is said of a session when it is created, and never changes. */
export interface SessionAttributes {
	/** For people. */
	readonly name: string;
	/** The node that the session belongs to, for people. */
	readonly node: string;
	/** It ends unless it is renewed within this time; 0 for never. Milliseconds. */
	readonly ttlMs: number;
	/** Nobody acquires a key that it held for so long after its end. Milliseconds of the log's time. */
	readonly lockDelayMs: number;
	readonly behavior: Behavior;
}

/** A session that is there. The object never changes: a renewal makes another one. */
export interface Session extends SessionAttributes {
	/** A UUID in small letters. */
	readonly id: string;
	readonly createRevision: number;
	/** The revision of the last renewal, or of the creation. */
	readonly renewedRevision: number;
}

export class Sessions {
	/** In the order of their creation. */
	readonly #open = new Map<string, Session>();
	#changedRevision = 0;
	/** The last change of the sessions of a node, by the node's name, where it is above `#forgottenThrough`. */
	readonly #changeOfNode = new Map<string, number>();
	#forgottenThrough = 0;
	/** That of the last session that was added by `restore`. */
	#restoredRevision = 0;

	get size(): number {
		return this.#open.size;
	}

	/** The revision of the last creation or end of a session; 0 for none. A renewal is no change that anybody waits for. */
	get changedRevision(): number {
		return this.#changedRevision;
	}

	/**
	 * The revision of the last creation or end of a session of this node; 0 for none. Where it was forgotten it is that of a
	 * later change of any session, and so is never too low. No command depends on it, so it is not in a cut.
	 */
	changeOfNode(node: string): number {
		return this.#changeOfNode.get(node) ?? this.#forgottenThrough;
	}

	get(id: string): Session | undefined {
		return this.#open.get(id);
	}

	/** All sessions in the order of their creation, as they are now. */
	all(): Session[] {
		return [...this.#open.values()];
	}

	/** @returns false where the session is there already, or there are too many */
	create(id: string, attributes: SessionAttributes, revision: number): boolean {
		if (this.#open.size >= SESSIONS_MAX || this.#open.has(id)) return false;
		this.#open.set(id, { ...attributes, id, createRevision: revision, renewedRevision: revision });
		this.#changed(attributes.node, revision);
		return true;
	}

	renew(session: Session, revision: number): void {
		this.#open.set(session.id, { ...session, renewedRevision: revision });
	}

	end({ id, node }: Session, revision: number): void {
		this.#open.delete(id);
		this.#changed(node, revision);
	}

	#changed(node: string, revision: number): void {
		if (this.#changeOfNode.size >= CHANGED_NODES_MAX && !this.#changeOfNode.has(node)) {
			this.#forgottenThrough = this.#changedRevision;
			this.#changeOfNode.clear();
		}
		this.#changeOfNode.set(node, revision);
		this.#changedRevision = revision;
	}

	/** Begins to fill an empty table with the sessions of a cut. */
	restoreChange(changedRevision: number): void {
		this.#changedRevision = changedRevision;
		this.#forgottenThrough = changedRevision;
	}

	/** Adds the next session of a cut. @throws MalformedError for one that does not follow the one before it in any cut */
	restore(session: Session): void {
		const { id, createRevision, renewedRevision } = session;
		if (createRevision <= this.#restoredRevision || this.#open.has(id)) {
			throw new MalformedError('sessions out of order');
		}
		this.#restoredRevision = createRevision;
		if (createRevision > Math.min(renewedRevision, this.#changedRevision)) {
			throw new MalformedError('a session that was renewed before it was created');
		}
		this.#open.set(id, session);
	}
}

export const SESSION_ID_CHARS = 36;

/** Whether the text may name a session. */
export function isSessionId(text: string): boolean {
	return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}

/** Why a session cannot have these attributes, as the end of a sentence; null where it can. */
export function attributesFault({ name, node, ttlMs, lockDelayMs }: SessionAttributes): string | null {
	if (!hasUtf8Form(name) || !hasUtf8Form(node)) return 'has half a surrogate pair in a name';
	if (utf8Length(name) > SESSION_NAME_BYTES_MAX) return `has a name above ${SESSION_NAME_BYTES_MAX} bytes`;
	if (utf8Length(node) > SESSION_NAME_BYTES_MAX)
		return `has a node whose name is above ${SESSION_NAME_BYTES_MAX} bytes`;
	if (!isWithin(ttlMs, SESSION_TTL_MS_MAX)) return `has a time-out that is no integer up to ${SESSION_TTL_MS_MAX} ms`;
	if (!isWithin(lockDelayMs, LOCK_DELAY_MS_MAX))
		return `has a lock delay that is no integer up to ${LOCK_DELAY_MS_MAX} ms`;
	return null;
}

function isWithin(ms: number, msMax: number): boolean {
	return Number.isInteger(ms) && ms >= 0 && ms <= msMax;
}

/** The attributes as bytes: name | node | TTL in ms | lock delay in ms | 1 where the keys are deleted, else 0. */
export function encodeAttributes(attributes: SessionAttributes): Uint8Array {
	const out = new Writer(64);
	writeAttributes(out, attributes);
	return out.take();
}

export function writeAttributes(out: Writer, { name, node, ttlMs, lockDelayMs, behavior }: SessionAttributes): void {
	out.text(name);
	out.text(node);
	out.int(ttlMs);
	out.int(lockDelayMs);
	out.bool(behavior === 'delete');
}

/** @throws MalformedError */
export function readAttributes(from: Reader): SessionAttributes {
	const [name, node, ttlMs, lockDelayMs, behavior] = [from.text(), from.text(), from.int(), from.int(), from.u8()];
	if (behavior > 1) throw new MalformedError('a session of an unknown behavior');
	const attributes: SessionAttributes = {
		name,
		node,
		ttlMs,
		lockDelayMs,
		behavior: behavior === 1 ? 'delete' : 'release',
	};
	const fault = attributesFault(attributes);
	if (fault !== null) throw new MalformedError(`a session that ${fault}`);
	return attributes;
}

/** The attributes that lie from `start` to before `end`; undefined where these bytes are none. */
export function attributesAt(bytes: Uint8Array, start: number, end: number): SessionAttributes | undefined {
	try {
		const from = new Reader(bytes, start, end);
		const attributes = readAttributes(from);
		from.finish();
		return attributes;
	} catch (error) {
		if (error instanceof MalformedError) return undefined;
		throw error;
	}
}
