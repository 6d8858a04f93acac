/**
 * SIGHUP says that the terminal has gone. Who started the swarm with `nohup` wants it to go on then; but Node sets
 * every signal that its parent had ignored back to the default before any code of ours runs, so on no system can it
 * be seen any more that SIGHUP was ignored. What can be seen is what `nohup` sees to: that the process does not write
 * to a terminal. So SIGHUP ends a process that uses a terminal, and no other: it has none that could go.
 */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';

const STDIN = 0;
const STREAMS = [STDIN, 1, 2];

/**
 * The signals that ask this process to stop cleanly, beside SIGINT. To be called once, as the first thing: after its
 * terminal has gone, a process looks as if it never had one.
 */
export function stopSignalsOfProcess(): readonly NodeJS.Signals[] {
	const terminals = STREAMS.filter((stream) => isatty(stream));
	process.on('exit', () => terminals.forEach(leaveIfGone));
	// The nohup of the BSDs and of macOS leaves stdin as it is.
	const usesTerminal = terminals.some((stream) => stream !== STDIN || process.platform === 'linux');
	if (usesTerminal) return ['SIGTERM', 'SIGHUP'];
	process.on('SIGHUP', () => undefined);
	return ['SIGTERM'];
}

/** As its last act Node sets its terminals back to what they were, and aborts where that cannot be done. */
function leaveIfGone(terminal: number): void {
	if (isatty(terminal)) return;
	closeSync(terminal);
	openSync(devNull, 'r+');
}
