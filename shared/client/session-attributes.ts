/** What a caller may say of a session, and what is said of it otherwise. */
import type { Behavior, SessionAttributes } from '../store/sessions.ts';

export interface SessionOptions {
	/**
	 * The session ends when it was not renewed for so long. Milliseconds, a whole number up to 86,400,000; 15,000 by default.
	 * A swarm takes none below `timings.sessionTtlMinMs` of its `swarm.json`, which is 10,000 by default.
	 */
	readonly ttlMs?: number;
	/**
	 * For so long after the session has ended nobody acquires the keys that it held, so that a holder that does not know of
	 * the end yet has time to stop. Milliseconds, a whole number up to 60,000; 15,000 by default.
	 */
	readonly lockDelayMs?: number;
	/** What becomes of the keys that it holds when it ends; `release` by default. */
	readonly behavior?: Behavior;
	/** For people, who see it in `paxos-swarm session list`; at most 256 bytes of UTF-8. */
	readonly name?: string;
	/** When it is aborted, the call fails with its reason. The session is not left behind, or ends by itself. */
	readonly signal?: AbortSignal;
}

const TTL_MS = 15_000;
const LOCK_DELAY_MS = 15_000;

/** The attributes of a session with these options. */
export function attributesOf(options: SessionOptions): SessionAttributes {
	const { ttlMs = TTL_MS, lockDelayMs = LOCK_DELAY_MS, behavior = 'release', name = '' } = options;
	return { name, node: '', ttlMs, lockDelayMs, behavior };
}
