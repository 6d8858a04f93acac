/**
 * `swarm.json`: the types of what it holds, and the check of its text. One schema gives the types, the defaults, the
 * errors and `swarm.schema.json`. All errors are listed, each with the path of the field that has to change.
 */
import * as z from 'zod';
import { ConfigError } from './errors.ts';
import { describeIssue, listed, shortJson } from './issues.ts';
import { findJsonError } from './json-error.ts';
import { knownFields, swarmSchema, type tlsSchema } from './schema.ts';

/** What `swarm.json` may hold. */
export type SwarmInput = z.input<typeof swarmSchema>;
export type SwarmConfig = Omit<ParsedSwarm, '$schema'>;
export type TlsConfig = z.output<typeof tlsSchema>;

export type NodeConfig = z.output<typeof swarmSchema>['nodes'][number] & {
	/** Whether it speaks TLS at its port. */
	readonly secure?: true;
};

/** A `swarm.json` as it was read. */
export type ParsedSwarm = Omit<z.output<typeof swarmSchema>, 'nodes'> & { readonly nodes: NodeConfig[] };

/**
 * Checks the text of a `swarm.json`. Relative paths stay relative.
 *
 * @param source the name of the file, for errors
 * @throws ConfigError
 */
export function parseSwarm(text: string, source: string): ParsedSwarm {
	const error = findJsonError(text);
	if (error) {
		const { line, column, expected, repeated } = error;
		if (repeated === '') throw new ConfigError(`${source}:${line}:${column}: not JSON: expected ${expected}`);
		throw new ConfigError(`${source}:${line}:${column}: the field ${repeated} is there already: keep one of the two`);
	}
	const result = swarmSchema.safeParse(JSON.parse(text));
	if (result.success) return { ...result.data, nodes: withScheme(result.data.nodes, result.data.tls) };
	throw new ConfigError(
		listed(
			source,
			result.error.issues.flatMap((issue) => describeIssue(issue, knownFields)),
		),
	);
}

/** The JSON Schema of `swarm.json`, as committed in `server/swarm.schema.json`. */
export function swarmJsonSchema(): unknown {
	return z.toJSONSchema(swarmSchema, { io: 'input' });
}

/** The nodes as they are reached: where there are certificates, by https only. @throws ConfigError */
export function withScheme(nodes: readonly NodeConfig[], tls: TlsConfig | undefined): NodeConfig[] {
	if (tls === undefined) return [...nodes];
	return nodes.map((node, index) => {
		if (node.advertise?.startsWith('http:')) {
			throw new ConfigError(
				`nodes[${index}].advertise: must begin with https://, because the nodes speak TLS, not ${shortJson(node.advertise)}`,
			);
		}
		return { ...node, secure: true };
	});
}
