/**
 * The schema of `swarm.json`: its fields with their bounds and defaults, and the errors for all other input. The JSON
 * Schema for editors, `swarm.schema.json`, is made from it.
 */
import * as z from 'zod';
import { MEMBERS_MAX } from '../../shared/paxos/quorum.ts';
import { SNAPSHOT_LIMITS } from '../../shared/replica/snapshots.ts';
import { prefixFault } from '../../shared/store/key.ts';
import { ANY_ADDRESS, canonical } from '../front/doors.ts';
import { countOf, must, shortJson } from './issues.ts';
import {
	ADVERTISE_RULE,
	ALLOWED_HOST_RULE,
	HOST_RULE,
	ID_PATTERN,
	ID_RULE,
	isAllowedHost,
	isHost,
	isOrigin,
	PORT_MAX,
} from './names.ts';

const TIMING_MS_MAX = 600_000;
const ALLOWED_HOSTS_MAX = 64;
const ALLOWED_HOSTS_RULE = `must be a list of at most ${ALLOWED_HOSTS_MAX} hosts`;
const MIB = 1024 * 1024;
const DEFAULT_LOG_MIB = SNAPSHOT_LIMITS.logBytesMin / MIB;
const LOG_MIB_MAX = 65_536;
const LOG_RULE = `must be a whole number of MiB from 1 to ${LOG_MIB_MAX}`;
const PORT_RULE = `must be a whole number from 1 to ${PORT_MAX}`;

const nodeSchema = z
	.strictObject(
		{
			id: z
				.string(must(ID_RULE))
				.regex(ID_PATTERN, must(ID_RULE))
				.meta({ description: 'The name of the node and of its data folder. It must never change.' }),
			port: z
				.int(must(PORT_RULE))
				.min(1, must(PORT_RULE))
				.max(PORT_MAX, must(PORT_RULE))
				.meta({ description: 'The one port of its dashboard, HTTP API, feed and mesh.' }),
			host: z
				.string(must(HOST_RULE))
				.refine(isHost, must(HOST_RULE))
				.transform(canonical)
				.meta({
					description:
						'The address at which it listens and the others dial it. Beyond loopback, a secret and a token have to be set. With 0.0.0.0 or ::, it has to advertise another one.',
				})
				.prefault('127.0.0.1'),
			advertise: z
				.string(must(ADVERTISE_RULE))
				.refine(isOrigin, must(ADVERTISE_RULE))
				.transform((url) => new URL(url).origin)
				.meta({
					description:
						'The address at which pages and clients reach it, if not its host and port: behind a proxy, or where a port is mapped. Other nodes dial it there only where the host is 0.0.0.0 or ::.',
				})
				.optional(),
		},
		must('must be an object such as {"id": "n1", "port": 7101}'),
	)
	.superRefine(({ host, advertise }, context) => {
		if (advertise !== undefined || !ANY_ADDRESS.includes(host)) return;
		const message = `${host} is no address that others can dial: say in "advertise" where they reach the node`;
		context.addIssue({ code: 'custom', path: ['host'], message });
	});

/** The shortest time-out that a session may have where swarm.json says nothing. */
export const SESSION_TTL_MS_MIN = 10_000;

const timingsSchema = z
	.strictObject(
		{
			electionMinMs: timing(300, 'The shortest time after which a leader that was not heard is taken for silent.'),
			electionMaxMs: timing(500, 'The longest such time. Each time is drawn at random between the two.'),
			heartbeatMs: timing(75, 'The interval of a leader’s heartbeats.'),
			pollMaxMs: timing(
				40,
				'After its link to the leader closed, a node asks the others for the leader within this time.',
			),
			retryMs: timing(
				250,
				'A fetch without an answer is sent again after this time, and a forward that found no room after one to two times as long.',
			),
			backoffMinMs: timing(5, 'After a nack a proposer waits about this long, doubled for each nack in a row.'),
			backoffMaxMs: timing(500, 'The longest such wait.'),
			requestMs: timing(
				5000,
				'The time limit of a client’s request, after which it is refused or its outcome is unknown. At /v1/kv it is 3000 at most.',
			),
			sessionTtlMinMs: timing(
				SESSION_TTL_MS_MIN,
				'The shortest time-out that a session may have. A leader looks for sessions to end every 500 milliseconds.',
			),
		},
		must('must be an object of milliseconds'),
	)
	.superRefine((timings, context) => {
		const order = (low: keyof typeof timings, high: keyof typeof timings): void => {
			if (timings[low] <= timings[high]) return;
			const message = `must not be above ${high} (${timings[high]}), not ${timings[low]}`;
			context.addIssue({ code: 'custom', path: [low], message });
		};
		order('electionMinMs', 'electionMaxMs');
		order('backoffMinMs', 'backoffMaxMs');
		if (timings.heartbeatMs * 2 > timings.electionMinMs) {
			const message = `must be at most half of electionMinMs (${timings.electionMinMs}), not ${timings.heartbeatMs}`;
			context.addIssue({ code: 'custom', path: ['heartbeatMs'], message });
		}
	});

const ROLE_RULE = 'must be "read", "write", "admin" or "page"';
const PREFIXES_RULE = 'must be a list of the beginnings of keys, such as ["app/"]';
const REFERENCE_RULE = 'must be the name of a variable of the environment, such as "SWARM_TOKEN_APP"';
const TOKENS_MAX = 64;
const TOKENS_RULE = `must be a list of at most ${TOKENS_MAX} tokens`;

/** A token by reference: the file itself holds none. */
const tokenSchema = z
	.strictObject(
		{
			role: z
				.enum(['read', 'write', 'admin', 'page'], must(ROLE_RULE))
				.meta({ description: 'What its holder may do. "page" is for the page and nothing else.' }),
			prefixes: z
				.array(
					z.string(must(PREFIXES_RULE)).refine((prefix) => prefixFault(prefix) === null, must(PREFIXES_RULE)),
					must(PREFIXES_RULE),
				)
				.min(1, must(PREFIXES_RULE, countOf))
				.meta({ description: 'The beginnings of the keys that it is for; all keys by default.' })
				.optional(),
			file: z.string(must('must be the path of a file')).min(1, must('must be the path of a file')).optional().meta({
				description: 'The file that holds it and nothing else. Relative to this file.',
			}),
			env: z
				.string(must(REFERENCE_RULE))
				.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, must(REFERENCE_RULE))
				.meta({ description: 'The variable of the environment that holds it.' })
				.optional(),
		},
		must('must be an object such as {"role": "write", "prefixes": ["app/"], "file": "app.token"}'),
	)
	.superRefine(({ role, prefixes, file, env }, context) => {
		if ((file === undefined) === (env === undefined)) {
			context.addIssue({
				code: 'custom',
				path: [],
				message: 'must say where the token is, by one of "file" and "env"',
			});
		}
		if (prefixes === undefined || role === 'read' || role === 'write') return;
		const message = `${role} has no prefixes: it is for the whole swarm`;
		context.addIssue({ code: 'custom', path: ['prefixes'], message });
	});

const PEM_RULE = 'must be the path of a PEM file';
const CLIENTS_RULE = 'must be "optional" or "required"';

export const tlsSchema = z.strictObject(
	{
		ca: pemFile(
			'The certificates of the authority that has signed those of the nodes and clients. All paths are relative to this file.',
		),
		cert: pemFile(
			'The certificate of the node, and behind it those that lead from it to the authority. {id} stands for the name of the node.',
		),
		key: pemFile('The private key of that certificate. {id} stands for the name of the node.'),
		clients: z
			.enum(['optional', 'required'], must(CLIENTS_RULE))
			.meta({ description: 'Whether clients and pages have to show a certificate of the authority. Nodes always do.' })
			.default('optional'),
	},
	must('must be an object such as {"ca": "certs/ca.crt", "cert": "certs/{id}.crt", "key": "certs/{id}.key"}'),
);

const NODES_RULE = `must be a list of 1 to ${MEMBERS_MAX} nodes`;

export const swarmSchema = z
	.strictObject(
		{
			$schema: z
				.string(must('must be a string'))
				.optional()
				.meta({ description: 'The schema of this file, for editors.' }),
			name: z
				.string(must(ID_RULE))
				.regex(ID_PATTERN, must(ID_RULE))
				.meta({ description: 'The name of the swarm, for people.' }),
			nodes: z
				.array(nodeSchema, must(NODES_RULE))
				.min(1, must(NODES_RULE, countOf))
				.max(MEMBERS_MAX, must(NODES_RULE, countOf))
				// This also runs where a node has errors of its own, so that all errors are listed.
				.superRefine(refuseDuplicates, { when: ({ value }) => Array.isArray(value) })
				.meta({ description: 'The members of the swarm. An odd number is best.' }),
			timings: timingsSchema.prefault({}).meta({ description: 'In milliseconds.' }),
			dataDir: z
				.string(must('must be the path of a folder'))
				.min(1, must('must be the path of a folder'))
				.refine((path) => !path.includes('\0'), must('must be the path of a folder'))
				.meta({ description: 'The folder that holds a folder with the log of each node. Relative to this file.' })
				.default('data'),
			logMiB: z
				.int(must(LOG_RULE))
				.min(1, must(LOG_RULE))
				.max(LOG_MIB_MAX, must(LOG_RULE))
				.meta({
					description:
						'In MiB. A node whose log is larger than this, and larger than its last snapshot, takes a snapshot and trims the log.',
				})
				.default(DEFAULT_LOG_MIB),
			allowedHosts: z
				.array(
					z.string(must(ALLOWED_HOST_RULE)).refine(isAllowedHost, must(ALLOWED_HOST_RULE)),
					must(ALLOWED_HOSTS_RULE),
				)
				.max(ALLOWED_HOSTS_MAX, must(ALLOWED_HOSTS_RULE, countOf))
				.meta({
					description:
						'Further hosts that requests may name, such as those of a proxy, and whose pages may use the nodes. A host without a port allows all ports.',
				})
				.default([]),
			tokens: z
				.array(tokenSchema, must(TOKENS_RULE))
				.max(TOKENS_MAX, must(TOKENS_RULE, countOf))
				.meta({
					description:
						'The tokens by which people and programs may use the nodes. Where there are none, everybody who reaches a node may use it, which is for loopback only.',
				})
				.default([]),
			tls: tlsSchema
				.meta({ description: 'The certificates of the nodes, which then speak TLS only. Without it they speak none.' })
				.optional(),
		},
		must('must be an object'),
	)
	.meta({ title: 'swarm.json', description: 'A paxos-swarm: its nodes, timings and data folder.' });

/** The names of the fields at a path, for hints. */
export function knownFields(path: readonly PropertyKey[]): string[] {
	if (path[0] === 'nodes') return Object.keys(nodeSchema.shape);
	if (path[0] === 'tokens') return Object.keys(tokenSchema.shape);
	if (path[0] === 'tls') return Object.keys(tlsSchema.shape);
	if (path[0] === 'timings') return Object.keys(timingsSchema.shape);
	return Object.keys(swarmSchema.shape);
}

function timing(defaultMs: number, description: string) {
	const rule = must(`must be a whole number of milliseconds from 1 to ${TIMING_MS_MAX}`);
	return z.int(rule).min(1, rule).max(TIMING_MS_MAX, rule).meta({ description }).default(defaultMs);
}

function pemFile(description: string) {
	return z.string(must(PEM_RULE)).min(1, must(PEM_RULE)).meta({ description });
}

/** The nodes may not match their type here, because they may have errors of their own. */
function refuseDuplicates(nodes: readonly unknown[], context: z.core.$RefinementCtx): void {
	const ids = new Map<unknown, number>();
	const addresses = new Map<string, number>();
	for (const [index, node] of nodes.entries()) {
		if (typeof node !== 'object' || node === null) continue;
		const { id, host, port, advertise } = node as Partial<z.output<typeof nodeSchema>>;
		const sameId = ids.get(id);
		if (id !== undefined && sameId !== undefined) {
			const message = `${shortJson(id)} is already the id of nodes[${sameId}]`;
			context.addIssue({ code: 'custom', path: [index, 'id'], message });
		} else ids.set(id, index);
		// Nodes that listen at all addresses, each on a machine of its own, are told apart by the addresses that they advertise.
		if (ANY_ADDRESS.includes(String(host)) && advertise !== undefined) {
			const sameUrl = addresses.get(advertise);
			if (sameUrl !== undefined) {
				const message = `${shortJson(advertise)} is already where nodes[${sameUrl}] is reached`;
				context.addIssue({ code: 'custom', path: [index, 'advertise'], message });
			} else addresses.set(advertise, index);
			continue;
		}
		const address = `${hostForComparison(String(host))} ${port}`;
		const sameAddress = addresses.get(address);
		if (port !== undefined && sameAddress !== undefined) {
			const message = `${port} is already the port of nodes[${sameAddress}] at the same host`;
			context.addIssue({ code: 'custom', path: [index, 'port'], message });
		} else addresses.set(address, index);
	}
}

/** One text for all spellings of an address, as `::1` and `0:0:0:0:0:0:0:1`, and of `localhost`. */
function hostForComparison(host: string): string {
	const url = `http://${host.includes(':') ? `[${host}]` : host}`;
	const written = URL.canParse(url) ? new URL(url).hostname : host;
	return written === 'localhost' ? '127.0.0.1' : written;
}
