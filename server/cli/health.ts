/** `health`: whether every node is ready, by its own checks. */
import { loadConfig } from '../config/config.ts';
import { textOf } from '../swarm/ask.ts';
import { ask, endpointsOf } from './client.ts';
import type { ConnectOptions } from './options.ts';
import { tableOf } from './table.ts';
import { EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface HealthOptions extends ConnectOptions {
	readonly json?: true;
}

/** A node that takes longer is not ready. */
const ANSWER_MAX_MS = 2000;

interface NodeHealth {
	readonly url: string;
	readonly isReady: boolean;
	/** The checks, or why there is no answer. */
	readonly why: string;
}

export async function health(options: HealthOptions, terminal: Terminal): Promise<ExitStatus> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const all = await Promise.all(endpointsOf(config, options.endpoint).map(healthAt));
	const isHealthy = all.every(({ isReady }) => isReady);
	if (options.json) terminal.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
	else {
		const rows = all.map(({ url, isReady, why }) => [url, isReady ? 'ready' : 'not ready', why]);
		terminal.stdout.write(`${tableOf([['ADDRESS', 'HEALTH', 'WHY'], ...rows])}\n`);
	}
	return isHealthy ? EXIT.ok : EXIT.unavailable;
}

async function healthAt(url: string): Promise<NodeHealth> {
	const tried = await ask(url, { method: 'GET', path: '/readyz?verbose' }, ANSWER_MAX_MS);
	if (tried.kind !== 'answered') return { url, isReady: false, why: tried.why };
	const isReady = tried.answer.status === 200;
	return { url, isReady, why: isReady ? '' : failedOf(textOf(tried.answer)) };
}

/** The lines of the checks that fail, which begin with `[-]`; the whole text where there are none. */
function failedOf(text: string): string {
	const failed = text.split('\n').filter((line) => line.startsWith('[-]'));
	return failed.length > 0 ? failed.map((line) => line.slice(3)).join('; ') : text.replaceAll('\n', ' ');
}
