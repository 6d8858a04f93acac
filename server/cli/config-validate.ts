/** `config validate`: checks a swarm.json as a node would, and says what it makes. */
import { type ConfigFlags, loadConfig, urlOf } from '../config.ts';
import { tableOf } from './table.ts';
import { EXIT, type ExitStatus, type Terminal } from './terminal.ts';

/** @throws ConfigError */
export function validate(file: string | undefined, flags: ConfigFlags, terminal: Terminal): ExitStatus {
	const { environment, workingDir, stdout } = terminal;
	const named = file === undefined ? flags : { ...flags, config: file };
	const { config, file: read } = loadConfig(named, environment, workingDir);
	const rows = config.nodes.map((node) => [node.id, urlOf(node)]);
	stdout.write(`${read} is valid: the swarm "${config.name}", with its data in ${config.dataDir}\n`);
	stdout.write(`${tableOf([['NODE', 'ADDRESS'], ...rows])}\n`);
	return EXIT.ok;
}
