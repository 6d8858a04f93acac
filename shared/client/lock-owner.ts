/** The calls of a client that its sessions and locks make, as promises. */
import type { ClientCore } from './core.ts';
import type { LockOwner } from './lock.ts';
import type { SessionRuntime } from './runtime.ts';

export function lockOwner(core: ClientCore, runtime: SessionRuntime): LockOwner {
	return {
		runtime,
		submit: (operation, signal) =>
			new Promise((resolve, reject) => core.submit(operation, signal, { resolve, reject })),
		get: (key) => new Promise((resolve, reject) => core.get(key, 'linearizable', undefined, { resolve, reject })),
		watch: (key, after, watcher) => core.watch(key, after, watcher),
	};
}
