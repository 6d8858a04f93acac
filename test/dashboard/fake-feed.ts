/**
 * Serves the fake swarm on real sockets, with a socket.io server for each node, and the built page under a CSP as strict
 * as a node's own. It is for tests of the page's connections and of the page in a browser, without a swarm.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { Server } from 'socket.io';
import type { Fact } from '../../shared/fact.ts';
import type { Member, ServerToWatcher, SwarmMember, WatcherToServer } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { FakeSwarm } from './fake-swarm.ts';

const PAGE = join(import.meta.dirname, '../../dist/dashboard');
const TYPES: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript',
	'.css': 'text/css',
	'.svg': 'image/svg+xml',
};
const CSP =
	"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: http:; base-uri 'none'; object-src 'none'";
const PING_EVERY_MS = 500;
const HEARTBEAT_EVERY_MS = 100;

export interface FakeFeed {
	readonly swarm: FakeSwarm;
	/** The members that the swarm began with. */
	readonly members: readonly Member[];
	/** Starts the process of a node that is to be a member. @returns how a change names it, as a learner */
	join(id: NodeId, replaces?: NodeId): Promise<SwarmMember>;
	/** Cuts a node off as if its process had been killed. */
	kill(id: NodeId): void;
	revive(id: NodeId): void;
	/** The node at this address has lost its disk, and is another one from now on, which is no member yet. */
	newDisk(id: NodeId, newId: NodeId): void;
	close(): Promise<void>;
}

export async function startFakeFeed(count: number): Promise<FakeFeed> {
	const https = await Promise.all(Array.from({ length: count }, listen));
	const members = https.map(({ url }, index) => ({ id: `n${index + 1}`, url }));
	/** Who is at the address of a first member now, if it is not that one. */
	const speakers = new Map<NodeId, NodeId>();
	const feeds = new Map<NodeId, Server<WatcherToServer, ServerToWatcher>>();
	const swarm = new FakeSwarm(members, Date.now(), (fact: Fact) => {
		if (!swarm.node(fact.node).alive) return;
		feeds.get(fact.node)?.emit('batch', { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	});
	const feed: FakeFeed = {
		swarm,
		members,
		kill(id) {
			swarm.kill(id);
			feeds.get(id)?.disconnectSockets(true);
		},
		revive: (id) => swarm.revive(id),
		newDisk(id, newId) {
			feed.kill(id);
			swarm.join(newId);
			speakers.set(id, newId);
			const server = feeds.get(id);
			if (server) feeds.set(newId, server);
		},
		async join(id, replaces) {
			const { server, url } = await listen();
			swarm.join(id);
			feeds.set(
				id,
				serve(server, () => id, swarm),
			);
			return { id, url, isVoter: false, replaces: replaces ?? null };
		},
		async close() {
			clearInterval(beat);
			await Promise.all([...feeds.values()].map((server) => server.close()));
		},
	};
	for (const [index, { id }] of members.entries()) {
		const http = https[index];
		if (http)
			feeds.set(
				id,
				serve(http.server, () => speakers.get(id) ?? id, swarm),
			);
	}
	const beat = setInterval(() => {
		swarm.at(Date.now());
		swarm.heartbeat();
	}, HEARTBEAT_EVERY_MS);
	return feed;
}

async function listen(): Promise<{ readonly server: HttpServer; readonly url: string }> {
	const server = createServer();
	await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
	return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function serve(http: HttpServer, speaker: () => NodeId, swarm: FakeSwarm): Server<WatcherToServer, ServerToWatcher> {
	http.on('request', async (request, response) => {
		const path = request.url ?? '/';
		if (path.startsWith('/socket.io')) return;
		const file = path === '/' ? '/index.html' : path;
		try {
			const body = await readFile(join(PAGE, file));
			response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
			response.setHeader('content-security-policy', CSP);
			response.end(body);
		} catch {
			response.statusCode = 404;
			response.end();
		}
	});
	const io = new Server<WatcherToServer, ServerToWatcher>(http, { serveClient: false, pingInterval: PING_EVERY_MS });
	io.use((_, next) => next(swarm.node(speaker()).alive ? undefined : new Error('this node is down')));
	io.on('connection', (socket) => {
		socket.emit('snapshot', swarm.snapshot(speaker()));
		socket.on('resync', () => socket.emit('snapshot', swarm.snapshot(speaker())));
		socket.on('list', (prefix, answer) => {
			const { revision, entries } = swarm.snapshot(speaker());
			answer({ revision, entries: entries.filter(({ key }) => key.startsWith(prefix)), isAll: true });
		});
		socket.on('propose', (request, answer) => {
			swarm.at(Date.now());
			answer(swarm.propose(speaker(), request));
		});
	});
	return io;
}
