/** `init`: makes the data folders of a new swarm. */
import { join } from 'node:path';
import { swarmMembersOf, urlOf } from '../config/addresses.ts';
import { loadConfig } from '../config/config.ts';
import type { ConfigFlags } from '../config/settings.ts';
import type { NodeConfig, SwarmConfig } from '../config/swarm-file.ts';
import { ANY_ADDRESS, isLoopback } from '../front/doors.ts';
import { formatSwarm } from '../storage/new-folder.ts';
import { withRemedy } from './commands.ts';
import { EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface InitOptions extends ConfigFlags {
	readonly force?: true;
}

/** Rejects where there are folders already (unless `force`), where a node runs, and where it cannot write. */
export async function init(options: InitOptions, terminal: Terminal): Promise<ExitStatus> {
	const loaded = loadConfig(options, terminal.environment, terminal.workingDir);
	const { config } = loaded;
	const { swarmId } = await withRemedy(loaded, terminal, () =>
		formatSwarm(config.dataDir, swarmMembersOf(config), { force: options.force === true }),
	);
	terminal.stdout.write(`${[`Swarm ${swarmId} in ${config.dataDir}`, ...movingSteps(config)].join('\n')}\n`);
	return EXIT.ok;
}

/** What is left to do for nodes on other machines, a line for each. */
export function movingSteps(config: SwarmConfig): string[] {
	const away = config.nodes.filter(({ host }) => !isLoopback(host));
	return away.map(
		(node) =>
			`Move ${join(config.dataDir, node.id)} to the machine of ${machineOf(node)}, and copy ${join(config.dataDir, 'format.json')} there.`,
	);
}

/** The node's host. Where that stands for all addresses of a machine, the host that the node advertises. */
function machineOf(node: NodeConfig): string {
	return ANY_ADDRESS.includes(node.host) ? new URL(urlOf(node)).hostname : node.host;
}
