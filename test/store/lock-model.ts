/** Sessions and locks as simple code without regard to speed, with which the store is compared. */
import type { Operation } from '../../shared/store/command.ts';
import type { SessionAttributes } from '../../shared/store/sessions.ts';
import { textOf } from './commands.ts';

export interface LockedEntry {
	readonly value: string;
	readonly session: string;
	readonly lockIndex: number;
	readonly createRevision: number;
	readonly modifyRevision: number;
}

export class LockModel {
	revision = 1;
	timeMs = 0;
	changeOfSessions = 0;
	readonly entries = new Map<string, LockedEntry>();
	readonly sessions = new Map<string, SessionAttributes & { readonly renewed: number }>();
	/** By key: the time until which nobody may acquire it. */
	readonly delays = new Map<string, number>();

	/** @returns whether the condition of the operation holds */
	apply(operation: Operation): boolean {
		this.revision++;
		switch (operation.kind) {
			case 'put':
				return this.#write(operation.key, operation.value, this.#lockOf(operation.key));
			case 'delete':
				this.entries.delete(operation.key);
				return true;
			case 'deletePrefix':
				for (const key of [...this.entries.keys()]) if (key.startsWith(operation.prefix)) this.entries.delete(key);
				return true;
			case 'acquire': {
				const { key, value, session } = operation;
				const lock = this.#lockOf(key);
				if (lock.session === session) return this.#write(key, value, lock);
				if (!this.sessions.has(session) || lock.session !== '' || this.holdsBack(key)) return false;
				return this.#write(key, value, { session, lockIndex: lock.lockIndex + 1 });
			}
			case 'release': {
				const { key, value, session } = operation;
				const lock = this.#lockOf(key);
				return lock.session === session && this.#write(key, value, { ...lock, session: '' });
			}
			case 'checkSession':
				return this.entries.has(operation.key) && this.#lockOf(operation.key).session === operation.session;
			case 'createSession':
				if (this.sessions.has(operation.session)) return false;
				this.sessions.set(operation.session, { ...operation.attributes, renewed: this.revision });
				this.changeOfSessions = this.revision;
				return true;
			case 'renewSession': {
				const session = this.sessions.get(operation.session);
				if (session) this.sessions.set(operation.session, { ...session, renewed: this.revision });
				return session !== undefined;
			}
			case 'endSession':
				return this.#end(operation.session, operation.renewed);
			default:
				return true;
		}
	}

	holdsBack(key: string): boolean {
		return this.timeMs < (this.delays.get(key) ?? 0);
	}

	#end(id: string, renewed: number | null): boolean {
		const session = this.sessions.get(id);
		if (renewed !== null && session?.renewed !== renewed) return false;
		if (!session) return true;
		this.sessions.delete(id);
		this.changeOfSessions = this.revision;
		for (const [key, entry] of [...this.entries]) {
			if (entry.session !== id) continue;
			this.delays.set(key, this.timeMs + session.lockDelayMs);
			if (session.behavior === 'delete') this.entries.delete(key);
			else this.entries.set(key, { ...entry, session: '', modifyRevision: this.revision });
		}
		return true;
	}

	#lockOf(key: string): { readonly session: string; readonly lockIndex: number } {
		const { session = '', lockIndex = 0 } = this.entries.get(key) ?? {};
		return { session, lockIndex };
	}

	#write(key: string, bytes: Uint8Array, lock: { readonly session: string; readonly lockIndex: number }): true {
		const value = textOf(bytes) as string;
		const before = this.entries.get(key);
		if (before?.value === value && before.session === lock.session) return true;
		const { revision } = this;
		const createRevision = before?.createRevision ?? revision;
		this.entries.set(key, { ...lock, value, createRevision, modifyRevision: revision });
		return true;
	}
}
