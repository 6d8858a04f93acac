/**
 * SIGHUP tells that the terminal is gone. A swarm that was started with `nohup` must go on then. `nohup` ignores SIGHUP,
 * but Node sets ignored signals back to their default before any of our code runs, so this cannot be seen. `nohup` also
 * keeps the process from writing to a terminal, and this can be seen. So SIGHUP ends a process that uses a terminal, and
 * no other.
 */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';

const STDIN = 0;
const STREAMS = [STDIN, 1, 2];

/**
 * The signals that ask this process to stop cleanly, beside SIGINT. It has to be called once, before all else, because a
 * process whose terminal is gone looks as if it never had one.
 */
export function stopSignalsOfProcess(): readonly NodeJS.Signals[] {
	const terminals = STREAMS.filter((stream) => isatty(stream));
	process.on('exit', () => terminals.forEach(leaveIfGone));
	// The `nohup` of the BSDs and of macOS leaves stdin at the terminal.
	const usesTerminal = terminals.some((stream) => stream !== STDIN || process.platform === 'linux');
	if (usesTerminal) return ['SIGTERM', 'SIGHUP'];
	process.on('SIGHUP', () => undefined);
	return ['SIGTERM'];
}

/**
 * When it exits, Node restores the modes of its terminals, and aborts where that fails. So one that is gone is
 * replaced.
 */
function leaveIfGone(terminal: number): void {
	if (isatty(terminal)) return;
	closeSync(terminal);
	openSync(devNull, 'r+');
}
