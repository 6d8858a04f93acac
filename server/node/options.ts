/** What a node is started with, by a command or by a program that embeds it. */
import type { Server } from 'node:http';
import type { Tokens } from '../access/tokens.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import type { NodeActor } from '../lab/lab.ts';
import type { LastLines } from '../log/last-lines.ts';
import type { NodeLogger } from '../log/logger.ts';
import type { StartProgress } from '../replica/memory.ts';
import type { MemoryIdentity } from '../storage/home.ts';

export interface NodeOptions {
	readonly config: SwarmConfig;
	/** The name of the node: one of `config.nodes`. */
	readonly name: string;
	/** null where the node has a data folder, which was formatted before. */
	readonly memory: MemoryIdentity | null;
	/** Whether a node with a new disk asks by itself to take the place of the member of its name; false by default. */
	readonly asksToJoin?: boolean;
	/** The secret of all nodes; null for none. */
	readonly secret: string | null;
	/** A second one by which nodes are let in, while the secret is changed; none by default. */
	readonly otherSecret?: string | null;
	/** The tokens by which its doors let people in; null, which is the default, lets in everybody who reaches the node. */
	readonly tokens?: Tokens | null;
	/** Texts that are left out of what the node tells of strangers, who may have sent them; none by default. */
	readonly secrets?: readonly string[];
	readonly log: NodeLogger;
	/**
	 * The last lines of that log, for `/v1/debug`; null, which is the default, where the program that starts the node
	 * keeps them.
	 */
	readonly lastLog?: LastLines | null;
	/** Whether people may make faults in its links, and in nodes by the primary process; none by default. */
	readonly lab?: { readonly primary: NodeActor | null };
	/** How many files and sockets this process may have open; the system's limit by default. */
	readonly descriptors?: number;
	/** Whether it has an API, a page and a feed beside the mesh; true by default. */
	readonly http?: boolean;
	/** The HTTP server of the program, which is to listen where the node does; by default the node has one of its own. */
	readonly server?: Server;
	/** Is told the progress of the start from time to time, because a long log takes a while. */
	onProgress?(progress: StartProgress): void;
	/** The node has stopped by itself, and is closed, because its disk failed or an invariant is broken. */
	onFatal?(error: Error): void;
	/** The node was removed from the swarm, has stopped, and is closed. */
	onRemoved?(): void;
}
