/**
 * `debug`: gathers in one folder what somebody needs who is to find out what went wrong: what each node says of itself,
 * its last facts and log lines, and the configuration. Values and secrets are left out.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { urlOf } from '../config/addresses.ts';
import { loadConfig } from '../config/config.ts';
import { isMemberId } from '../config/names.ts';
import { secretsOf } from '../config/secrets.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { jsonWithoutSecrets } from '../log/without-secrets.ts';
import { packageVersion } from '../process/package.ts';
import { ask } from './client.ts';
import { tokenShown } from './credentials.ts';
import { MembersSource } from './members.ts';
import type { ConnectOptions } from './options.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface DebugOptions extends ConnectOptions {
	/** The folder to make. */
	readonly out?: string;
}

/** The files of a node, with the path that each is asked at. */
const FILES: Readonly<Record<string, string>> = {
	'livez.txt': '/livez?verbose',
	'readyz.txt': '/readyz?verbose',
	'status.json': '/v1/swarm?pretty',
	'members.json': '/v1/members?pretty',
	'metrics.txt': '/metrics',
	'debug.json': '/v1/debug?pretty',
};

const ANSWER_MAX_MS = 5000;

/** Makes the folder also where no node answers. @returns `unavailable` then */
export async function debug(options: DebugOptions, terminal: Terminal): Promise<ExitStatus> {
	const { environment, workingDir } = terminal;
	const { config, file } = loadConfig(options, environment, workingDir);
	const time = new Date().toISOString();
	const folder = resolve(workingDir, options.out ?? `paxos-swarm-debug-${time.slice(0, 19).replaceAll(/\D/g, '')}`);
	const shown = tokenShown();
	const secrets = [...secretsOf(config, environment), ...(shown === null ? [] : [shown])];
	makeFolder(folder);
	const write = (name: string, text: string): void => writeFile(join(folder, name), jsonWithoutSecrets(text, secrets));

	const variables = Object.keys(environment).filter((name) => /^(SWARM|CONSUL)_/.test(name));
	const about = { time, version: packageVersion, node: process.version, platform: process.platform, file, variables };
	write('about.json', `${JSON.stringify(about, null, 2)}\n`);
	write('swarm.json', `${JSON.stringify(config, null, 2)}\n`);
	let answered = 0;
	for (const { id, url } of await nodesOf(config, options.endpoint)) {
		makeFolder(join(folder, id));
		const answers = await Promise.all(
			Object.entries(FILES).map(async ([name, path]) => {
				const tried = await ask(url, { method: 'GET', path }, ANSWER_MAX_MS);
				const isAnswer = tried.kind === 'answered';
				write(join(id, name), isAnswer ? tried.answer.body.toString() : `No answer from ${url}: ${tried.why}\n`);
				return isAnswer;
			}),
		);
		const isThere = answers.some((isAnswer) => isAnswer);
		if (isThere) answered++;
		terminal.stdout.write(`${id}  ${url}  ${isThere ? 'has answered' : 'does not answer'}\n`);
	}
	terminal.stdout.write(`All of it is in ${folder}. Read it before you pass it on.\n`);
	return answered > 0 ? EXIT.ok : EXIT.unavailable;
}

function writeFile(path: string, text: string): void {
	try {
		writeFileSync(path, text, { mode: 0o600 });
	} catch (cause) {
		const message = `${path} cannot be written: ${(cause as Error).message}`;
		throw new CommandError(message, { status: EXIT.error, cause });
	}
}

function makeFolder(folder: string): void {
	try {
		mkdirSync(folder, { mode: 0o700 });
	} catch (cause) {
		const why = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : (cause as Error).message;
		throw new CommandError(`The folder ${folder} cannot be made: ${why}.`, { status: EXIT.error, cause });
	}
}

/** The nodes of swarm.json, and the members that it does not name, where some node tells them. */
async function nodesOf(config: SwarmConfig, endpoint: string | undefined): Promise<{ id: string; url: string }[]> {
	if (endpoint !== undefined) return [{ id: 'node', url: endpoint.replace(/\/+$/, '') }];
	const named = config.nodes.map((node) => ({ id: node.id, url: urlOf(node) }));
	const members = await new MembersSource(config, undefined).ask().then(
		(answer) => answer.members,
		() => [],
	);
	const others = members.filter(
		({ id, url }) => isMemberId(id) && named.every((node) => node.id !== id && node.url !== url),
	);
	return [...named, ...others.map(({ id, url }) => ({ id, url }))];
}
