/**
 * The members as clients of Consul ask for them: leader and peers, the agent itself, the catalog of nodes, and whether
 * each node is well. They are those that the log says, under the names of their nodes, which stay when a disk is replaced.
 */
import { type Request, type Response, Router } from 'express';
import type { SwarmMember } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import { membersIndex } from '../../shared/paxos/members.ts';
import type { KnownSwarm } from '../swarm/swarm.ts';
import { answerJson, isPretty, type Json, onlyMethods, queryOf } from './answer.ts';
import { type MemberStatus, memberStatuses } from './member-status.ts';
import { refuseOtherDatacenter } from './query.ts';
import { type ReadOptions, whenReadable } from './read.ts';

export interface NodesOptions extends ReadOptions {
	readonly swarm: KnownSwarm;
	readonly version: string;
	/** The shortest time-out that a session may have, milliseconds. */
	readonly sessionTtlMinMs: number;
}

const NS_PER_MS = 1_000_000;
/** How Consul's agents write that a member is alive. */
const STATUS_ALIVE = 1;

type Answer = (req: Request, res: Response, options: NodesOptions) => unknown;

const ROUTES: Readonly<Record<string, Answer>> = {
	'/status/leader': (req, res, options) => answerJson(res, leaderOf(options), isPretty(req)),
	'/status/peers': (req, res, { swarm }) => answerJson(res, swarm.members.map(addressOf), isPretty(req)),
	'/agent/self': (req, res, options) => answerJson(res, agentOf(options), isPretty(req)),
	'/catalog/nodes': answerCatalog,
	'/health/node/:node': (req, res, options) =>
		answerChecks(req, res, options, (member) => [member.name, member.id].includes(req.params.node as string)),
	'/health/state/:state': (req, res, options) =>
		answerChecks(req, res, options, (member) => ['any', healthOf(member)].includes(req.params.state as string)),
};

/** Mounted at `/v1`. */
export function nodesRoutes(options: NodesOptions): Router {
	const routes = Router({ caseSensitive: true });
	for (const [path, answer] of Object.entries(ROUTES)) {
		routes.all(path, onlyMethods('GET', 'HEAD'), (req, res) => {
			refuseOtherDatacenter(queryOf(req), options.swarm.name);
			return answer(req, res, options);
		});
	}
	return routes;
}

/** '' where this node hears no leader, or has yet to learn where it is. */
function leaderOf({ service, swarm }: NodesOptions): string {
	const { leader } = service.view();
	const member = swarm.members.find(({ id }) => id === leader.node);
	return member ? addressOf(member) : '';
}

function agentOf(options: NodesOptions): Json {
	const { service, swarm, version } = options;
	const { id, leader } = service.view();
	const self = swarm.members.find((member) => member.id === id);
	const { host, port } = placeOf(swarm.urlOf(self ?? { id, url: swarm.first[nameOf(id)] ?? '' }));
	return {
		Config: {
			Datacenter: swarm.name,
			NodeName: nameOf(id),
			Version: version,
			Server: true,
			SessionTTLMin: options.sessionTtlMinMs * NS_PER_MS,
		},
		Member: {
			Name: nameOf(id),
			Addr: host,
			Port: port,
			Tags: { dc: swarm.name, id },
			Status: STATUS_ALIVE,
		},
		Stats: { consul: { leader: String(leader.node === id), leader_addr: leaderOf(options) } },
	};
}

async function answerCatalog(req: Request, res: Response, options: NodesOptions): Promise<void> {
	const { swarm } = options;
	const readable = await whenReadable(options, req, res, queryOf(req), { kind: 'members', name: '' });
	if (!readable) return;
	readable.setHeaders(membersIndex(swarm.sets));
	const nodes = onePerName(swarm.members).map((member) => ({
		Node: nameOf(member.id),
		Address: placeOf(member.url).host,
		Datacenter: swarm.name,
	}));
	answerJson(res, nodes, isPretty(req));
}

/**
 * Answers with one check of each chosen member: whether this node has a link to it. That is what this node sees, so it
 * needs no leader, whatever is asked for. A read with an index waits for a change of members.
 */
async function answerChecks(
	req: Request,
	res: Response,
	options: NodesOptions,
	isChosen: (member: MemberStatus) => boolean,
): Promise<void> {
	const { service, swarm } = options;
	const query = new URLSearchParams(queryOf(req));
	for (const mode of ['consistent', 'max_stale']) query.delete(mode);
	query.set('stale', '');
	const readable = await whenReadable(options, req, res, query, { kind: 'members', name: '' });
	if (!readable) return;
	readable.setHeaders(membersIndex(swarm.sets));
	const { id } = service.view();
	const checks = onePerName(memberStatuses(service, swarm))
		.filter(isChosen)
		.map((member) => ({
			Node: member.name,
			CheckID: 'serfHealth',
			Name: 'linked',
			Status: healthOf(member),
			Notes: '',
			Output: `${nameOf(id)} has ${member.linked ? 'a' : 'no'} link to it.`,
			ServiceID: '',
			ServiceName: '',
		}));
	answerJson(res, checks, isPretty(req));
}

function healthOf({ linked }: MemberStatus): 'passing' | 'critical' {
	return linked ? 'passing' : 'critical';
}

/** While a node with a new disk comes in the place of its old self, only its old self is listed. */
function onePerName<Member extends SwarmMember>(members: readonly Member[]): Member[] {
	return members.filter(({ id }, at) => members.findIndex((other) => nameOf(other.id) === nameOf(id)) === at);
}

function addressOf({ url }: SwarmMember): string {
	const { written, port } = placeOf(url);
	return `${written}:${port}`;
}

/** @returns `host` as an address is written alone, and `written` as it is in front of a port: IPv6 in brackets */
function placeOf(url: string): { readonly host: string; readonly written: string; readonly port: number } {
	const { protocol, hostname, port } = new URL(url);
	const usualPort = protocol === 'https:' ? 443 : 80;
	return { host: hostname.replace(/^\[|\]$/g, ''), written: hostname, port: port === '' ? usualPort : Number(port) };
}
