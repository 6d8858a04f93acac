/** `config validate`: checks a swarm.json as a node would, and says what it makes. */
import { existsSync } from 'node:fs';
import { urlOf } from '../config/addresses.ts';
import { loadConfig } from '../config/config.ts';
import type { ConfigFlags } from '../config/settings.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { tlsFilesOf } from '../config/tls.ts';
import { checkPem, dayOf, firstToExpire, readPem, untilMsOf } from '../tls/pem.ts';
import { tableOf } from './table.ts';
import { EXIT, type ExitStatus, type Terminal } from './terminal.ts';

/** @throws ConfigError */
export function validate(file: string | undefined, flags: ConfigFlags, terminal: Terminal): ExitStatus {
	const { environment, workingDir, stdout } = terminal;
	const named = file === undefined ? flags : { ...flags, config: file };
	const { config, file: read } = loadConfig(named, environment, workingDir);
	const rows = config.nodes.map((node) => [
		node.id,
		urlOf(node),
		...(config.tls ? [certificateOf(node.id, config)] : []),
	]);
	stdout.write(`${read} is valid: the swarm "${config.name}", with its data in ${config.dataDir}\n`);
	stdout.write(`${tableOf([['NODE', 'ADDRESS', ...(config.tls ? ['CERTIFICATE'] : [])], ...rows])}\n`);
	return EXIT.ok;
}

/** A machine has the files of its own nodes only. @throws ConfigError for files that cannot be used */
function certificateOf(id: string, { name, tls }: SwarmConfig): string {
	if (!tls) return '';
	const files = tlsFilesOf(tls, id);
	if (!existsSync(files.cert) && !existsSync(files.key)) return 'is not on this machine';
	const chain = checkPem(readPem(files), files, { swarm: name, node: id }, Date.now());
	return `is valid until ${dayOf(untilMsOf(firstToExpire(chain)))}`;
}
