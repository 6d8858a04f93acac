/**
 * `/v1/debug`: what a node remembers for a person who has to find out what went wrong at it. It has no values and no
 * secrets.
 */
import { Router } from 'express';
import type { SwarmConfig } from '../config/swarm-file.ts';
import type { ConnectionLimits } from '../front/limits.ts';
import { answerJson, isPretty, onlyMethods } from './answer.ts';

/** The answer of `GET /v1/debug`. */
export interface DebugReport {
	readonly node: string;
	readonly version: string;
	readonly runtime: {
		/** The version of Node.js. */
		readonly node: string;
		readonly platform: string;
		readonly pid: number;
		/** Since the process started. */
		readonly seconds: number;
		readonly memory: NodeJS.MemoryUsage;
	};
	/** What the node was started with. */
	readonly config: SwarmConfig;
	/** How many files and sockets the process may have open. */
	readonly descriptors: number;
	readonly limits: ConnectionLimits;
	/** The last facts that operators are told, also those that the log level leaves out, each with its time. */
	readonly facts: readonly string[];
	/** The last lines of the log, as JSON; null where the program that started the node keeps the log. */
	readonly log: readonly string[] | null;
}

/** Mounted at `/v1`. */
export function debugRoutes(report: () => DebugReport): Router {
	const routes = Router({ caseSensitive: true });
	routes.all('/debug', onlyMethods('GET', 'HEAD'), (req, res) => {
		res.set('Cache-Control', 'no-store');
		answerJson(res, report(), isPretty(req));
	});
	return routes;
}

export function runtimeFigures(): DebugReport['runtime'] {
	const { version, platform, pid } = process;
	return { node: version, platform, pid, seconds: Math.round(process.uptime()), memory: process.memoryUsage() };
}
