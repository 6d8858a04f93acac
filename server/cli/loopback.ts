/** Refuses a lab that others than this machine's users could reach. */
import { isOnLoopback } from '../config/addresses.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { CommandError, EXIT } from './terminal.ts';

/** @throws CommandError where a node listens beyond loopback, because in a lab everybody who reaches a node may do harm */
export function mustBeOnLoopback(config: SwarmConfig): void {
	if (isOnLoopback(config)) return;
	throw new CommandError('A lab is for one machine: with --lab every node has to listen on loopback.', {
		status: EXIT.usage,
	});
}
