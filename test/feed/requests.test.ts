/** What a watcher asks for while it does not read. */
import type { Socket } from 'socket.io';
import { expect, it } from 'vitest';
import { LISTS_UNREAD_MAX, type RequestOptions, serveRequests } from '../../server/feed/requests.ts';
import type { ServerToWatcher, WatcherToServer } from '../../shared/feed.ts';
import { Store } from '../../shared/store/store.ts';
import { Client, put } from '../store/commands.ts';

it('it gets a few lists, and others once it has read', () => {
	const store = new Store();
	new Client(store).apply(put('a', 'red'));
	const transport = { writable: false };
	let ask: (event: string, ...args: unknown[]) => void = () => undefined;
	const socket = {
		conn: { transport },
		onAny: (listener: typeof ask) => {
			ask = listener;
		},
		on: () => undefined,
	} as unknown as Socket<WatcherToServer, ServerToWatcher>;
	serveRequests(socket, {
		service: { store },
		malformed: (_: string, why: string) => expect.fail(why),
	} as unknown as RequestOptions);
	const lists = (count: number): boolean[] =>
		Array.from({ length: count }, () => {
			let isAnswered = false;
			ask('list', '', (entries: unknown) => {
				isAnswered = entries !== null;
			});
			return isAnswered;
		});
	const refused = lists(2 * LISTS_UNREAD_MAX).indexOf(false);
	expect(refused).toBe(LISTS_UNREAD_MAX - 1);
	transport.writable = true;
	expect(lists(1)).toEqual([true]);
});
