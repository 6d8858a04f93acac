/**
 * `sandbox`: serves the page of the sandbox, on this machine only, until Ctrl-C. The page needs no node: it runs the agents
 * itself. Any web host may serve the same folder.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import express, { type Express } from 'express';
import { dashboardRoutes } from '../api/dashboard.ts';
import { sandboxDir } from '../process/package.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

const HOST = '127.0.0.1';
/** The page loads its own files, and asks nobody for anything. */
const POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";

export async function sandbox({ port }: { readonly port: string }, terminal: Terminal): Promise<ExitStatus> {
	if (!existsSync(join(sandboxDir, 'index.html'))) {
		throw new CommandError('The page of the sandbox is not built. In the repository, npm run build builds it.', {
			status: EXIT.error,
		});
	}
	const server = createServer(appOf(sandboxDir));
	await listen(server, Number(port));
	const { stdout, stopSignals } = terminal.serve();
	stdout.write(`The sandbox: http://${HOST}:${port}/\nThe folder for a web host: ${sandboxDir}\nCtrl-C ends it.\n`);
	await Promise.race(['SIGINT', 'SIGTERM', ...stopSignals].map((signal) => once(process, signal)));
	server.close();
	server.closeAllConnections();
	return EXIT.ok;
}

function appOf(dir: string): Express {
	const app = express();
	app.disable('x-powered-by');
	app.use((_req, res, next) => {
		res.setHeader('Content-Security-Policy', POLICY);
		res.setHeader('X-Content-Type-Options', 'nosniff');
		next();
	});
	app.use(dashboardRoutes(dir));
	return app;
}

/** @throws CommandError where the port is taken, or not allowed */
async function listen(server: Server, port: number): Promise<void> {
	server.listen(port, HOST);
	try {
		await once(server, 'listening');
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${code})`;
		throw new CommandError(`The port ${port} ${why}: name another one with --port.`, { status: EXIT.error, cause });
	}
}
