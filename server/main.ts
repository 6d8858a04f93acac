#!/usr/bin/env node
/** The program `paxos-swarm`: this process's own terminal, and one command line. */
import { fileURLToPath } from 'node:url';
import { run } from './cli/program.ts';
import { EXIT } from './cli/terminal.ts';
import { packageVersion } from './package.ts';

// Whoever reads the output may stop reading: `paxos-swarm get big | head -c 10`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	if (error.code !== 'EPIPE') throw error;
	process.exit(EXIT.ok);
});

process.exitCode = await run(
	process.argv.slice(2),
	{ path: fileURLToPath(import.meta.url), version: packageVersion },
	{
		stdin: process.stdin,
		stdout: process.stdout,
		stderr: process.stderr,
		environment: process.env,
		workingDir: process.cwd(),
	},
);
