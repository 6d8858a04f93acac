/** Lines about sessions and locks that no seed reaches. */
import type { Unreached } from './named.ts';

export const LOCKS: readonly Unreached[] = [
	{
		why: 'Users of the world acquire and release single keys, never in a transaction, and check no session. `test/store/locks.test.ts` does both.',
		files: {
			'shared/store/batch-writer.ts': [
				"if (session !== '') sessionId(session);",
				'this.#begin(KIND_CHECK_SESSION, key, null);',
				{ 'add(operation: Operation): void {': ['break;'] },
			],
			'shared/store/batch-reader.ts': ['const mayBeNone = this.kind === KIND_CHECK_SESSION && chars === 0;'],
			'shared/store/carry-out.ts': ['return find(command, state)?.lock.session === command.session;'],
			'shared/store/store.ts': [
				'roomOf: (session) => this.roomOf(session),',
				'holdsBack: (key) => this.holdsBack(key),',
				'roomOf(session: string): number {',
				'holdsBack(key: string): boolean {',
			],
			'shared/store/transaction.ts': [
				'case KIND_ACQUIRE:',
				'return this.#acquire(command, revision);',
				'case KIND_RELEASE: {',
				'case KIND_CHECK_SESSION:',
				'return this.#get(key, keyHash)?.lock.session === command.session;',
				'#acquire(command: BatchReader, revision: number): boolean {',
			],
		},
	},
	{
		why: 'Commands are made objects for people, and for doors where a key is not plain. `test/store/locks.test.ts` makes each an object.',
		files: {
			'shared/store/batch-reader.ts': [
				"return { kind: 'acquire', key, value, flags, session };",
				"return { kind: 'release', key, value, flags, session };",
				"return { kind: 'checkSession', key, session };",
				"return { kind: 'createSession', session: key, attributes: this.attributes as SessionAttributes };",
				"return { kind: 'renewSession', session: key };",
				"return { kind: 'endSession', session: key, renewed: cas };",
				"return { kind: 'tick' };",
			],
		},
	},
	{
		why: 'Nobody deletes a key of the world that is held, and a deleted prefix has none below it. `test/store/locks.test.ts` deletes both.',
		files: {
			'shared/store/locks.ts': [
				'if (held) this.#remove(held);',
				'for (const held of this.#held.startingWith(prefix)) this.#leave(held);',
				'if (this.#held.isUntidy) this.#held.tidy(TIDIED_PER_COMMAND);',
			],
		},
	},
	{
		why: 'No run has so many sessions and locks, or sessions that are created without bounds. `test/store/locks.test.ts` and `test/replica/time-outs.test.ts` do.',
		files: {
			'shared/store/lock-delays.ts': ['if (this.#delays.get(first.key) !== first) continue;'],
			'shared/replica/time-outs.ts': [
				'if (ended >= ENDED_AT_ONCE_MAX) continue;',
				'if (session.ttlMs === 0) continue;',
			],
			'shared/store/sessions.ts': [
				'if (this.#open.size >= SESSIONS_MAX || this.#open.has(id)) return false;',
				"if (!hasUtf8Form(name) || !hasUtf8Form(node)) return 'has half a surrogate pair in a name';",
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'if (utf8Length(name) > SESSION_NAME_BYTES_MAX) return `has a name above ${SESSION_NAME_BYTES_MAX} bytes`;',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'return `has a node whose name is above ${SESSION_NAME_BYTES_MAX} bytes`;',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'if (!isWithin(ttlMs, SESSION_TTL_MS_MAX)) return `has a time-out that is no integer up to ${SESSION_TTL_MS_MAX} ms`;',
				// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a line.
				'return `has a lock delay that is no integer up to ${LOCK_DELAY_MS_MAX} ms`;',
				'} catch (error) {',
			],
		},
	},
	{
		why: 'Sessions are read over HTTP, which `test/api/sessions.test.ts` does.',
		files: {
			'shared/store/store.ts': ['session(id: string): Session | undefined {', 'get changeOfSessions(): number {'],
		},
	},
];
