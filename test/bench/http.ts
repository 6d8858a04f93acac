/**
 * Puts over HTTP by `wrk`, which has to be installed, on keep-alive connections to the leader of a fresh swarm of real
 * processes with a real disk. It prints the rate and the quantiles as `load.ts` does, and beside them the rate of a bare
 * server.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Swarm } from '../process/swarm.ts';
import { BareHttpServer } from './bare-http.ts';

export interface HttpOptions {
	readonly connections: number;
	readonly seconds: number;
	readonly nodes: number;
	readonly json?: true;
}

interface HttpResult {
	readonly opsPerSecond: number;
	readonly p50Ms: number;
	readonly p99Ms: number;
}

type Method = 'PUT' | 'GET';

/** The load before the measurement, because a fresh process has compiled nothing yet. */
const WARM_UP_SECONDS = 10;

/** The script of `wrk`: 10,000 keys, and where it puts, values of 128 bytes, each different from the one it replaces. */
const scriptOf = (method: Method): string => `
local n = 0
local filling = string.rep("x", 120)
local paths = {}
for i = 0, 9999 do paths[i] = string.format("/v1/kv/key%07d", i) end
request = function()
  n = n + 1
  return ${
		method === 'GET'
			? 'wrk.format("GET", paths[n % 10000])'
			: 'wrk.format("PUT", paths[n % 10000], nil, filling .. (10000000 + n))'
	}
end
-- Errors are answers with another status than 200, and connections that failed.
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('{"opsPerSecond":%.0f,"p50Ms":%.2f,"p99Ms":%.2f,"errors":%d}',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;

export async function http({ connections, seconds, nodes, json }: HttpOptions): Promise<void> {
	const wrk = new Wrk();
	const swarm = await Swarm.create({ size: nodes });
	try {
		const bare = await bareRate(wrk, connections, seconds);
		await swarm.start();
		const { url } = await swarm.leader();
		await wrk.run(url, connections, WARM_UP_SECONDS);
		const result = await wrk.run(url, connections, seconds);
		const { opsPerSecond, p50Ms, p99Ms } = result;
		process.stdout.write(
			json
				? `${JSON.stringify({ system: 'paxos-swarm', http: true, connections, ...result, bareOpsPerSecond: bare })}\n`
				: `puts over HTTP, ${connections} connections: ${opsPerSecond}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms\n` +
						`requests to a bare server of Node.js: ${bare}/s\n`,
		);
	} finally {
		await swarm.dispose();
		wrk.dispose();
	}
}

/** The requests that a bare server answers a second. */
async function bareRate(wrk: Wrk, connections: number, seconds: number): Promise<number> {
	const server = await BareHttpServer.start();
	try {
		await wrk.run(server.url, connections, seconds);
		const { opsPerSecond } = await wrk.run(server.url, connections, seconds);
		return opsPerSecond;
	} finally {
		await server.stop();
	}
}

/** The program `wrk` with its script, which lies in a temporary folder. */
export class Wrk {
	readonly #folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-http-'));
	readonly #script = join(this.#folder, 'requests.lua');

	constructor(method: Method = 'PUT') {
		writeFileSync(this.#script, scriptOf(method));
	}

	/** @throws where `wrk` is not installed, and where a request failed */
	async run(url: string, connections: number, seconds: number): Promise<HttpResult> {
		const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', this.#script, url];
		const { stdout } = await promisify(execFile)('wrk', args).catch((error: NodeJS.ErrnoException) => {
			throw error.code === 'ENOENT' ? new Error('wrk is not installed; it is a package of that name') : error;
		});
		const { errors, ...result } = JSON.parse(stdout.slice(stdout.lastIndexOf('{'))) as HttpResult & { errors: number };
		if (errors > 0) throw new Error(`${errors} requests failed`);
		return result;
	}

	dispose(): void {
		rmSync(this.#folder, { recursive: true, force: true });
	}
}
