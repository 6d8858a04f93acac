#!/usr/bin/env node
/** The program `paxos-swarm`: it runs one command line at this process's terminal. */
import { setDefaultHighWaterMark } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { areChanged } from './cli/arguments.ts';
import { stopSignalsOfProcess } from './cli/hangup.ts';
import { Output } from './cli/output.ts';
import { run } from './cli/program.ts';
import { EXIT } from './cli/terminal.ts';
import { HELD_BYTES } from './front/limits.ts';
import { packageVersion } from './process/package.ts';

/** A process that ran nodes waits so long at its end for a reader of its output that takes nothing. */
const LAST_OUTPUT_MAX_MS = 1000;

/** A connection of TLS takes this from the process, and not from its server. */
setDefaultHighWaterMark(false, HELD_BYTES);

const stopSignals = stopSignalsOfProcess();
let isServing = false;
let outputFailed = false;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	// A reader may stop reading, as in `paxos-swarm get big | head -c 10`.
	if (isServing || outputFailed || error.code === 'EPIPE') return;
	outputFailed = true;
	process.stderr.write(`The output cannot be written: ${error.message}\n`);
	process.exitCode = EXIT.error;
});
// An error of stderr cannot be told anywhere.
process.stderr.on('error', () => undefined);

/** The directory of relative paths. Where it has been removed, the process ends. */
function workingDir(): string {
	try {
		return process.cwd();
	} catch {
		process.stderr.write('The directory that this was started in is not there any more: change to another one.\n');
		process.exit(EXIT.error);
	}
}

const args = process.argv.slice(2);
if (areChanged(args)) {
	process.stderr.write(
		'An argument has bytes that are not text in UTF-8. A value may have any bytes on stdin: give "-".\n',
	);
	process.exit(EXIT.usage);
}

const status = await run(
	args,
	{ path: fileURLToPath(import.meta.url), version: packageVersion },
	{
		stdin: process.stdin,
		stdout: process.stdout,
		stderr: process.stderr,
		environment: process.env,
		workingDir: workingDir(),
		serve: () => {
			isServing = true;
			return { stdout: new Output(process.stdout), stderr: new Output(process.stderr), stopSignals };
		},
	},
);
process.exitCode = outputFailed ? EXIT.error : status;
if (isServing) setTimeout(() => process.exit(), LAST_OUTPUT_MAX_MS).unref();
