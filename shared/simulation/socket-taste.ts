/** How the connections of simulated clients behave. It is drawn from the seed. */
import type { Random } from './random.ts';

/** The behaviour of clients' connections. */
export interface SocketTaste {
	readonly delayMinMs: number;
	readonly delaySpreadMs: number;
	/** The mean life of a connection, milliseconds; 0 where it lasts for ever. */
	readonly livesMs: number;
	/** The share of ended connections of which the client is not told. The same share holds for the node. */
	readonly silence: number;
	/** The share of connections on which the node's frames are sometimes delayed. */
	readonly stalls: number;
	/** The network takes so many bytes at a time. */
	readonly windowBytes: number;
}

export const USUAL_SOCKETS: SocketTaste = {
	delayMinMs: 0.1,
	delaySpreadMs: 0.5,
	livesMs: 20_000,
	silence: 0.3,
	stalls: 0.2,
	windowBytes: 4096,
};

export function drawSockets(random: Random): SocketTaste {
	return {
		delayMinMs: random.magnitude(0.05, 5),
		delaySpreadMs: random.magnitude(0.05, 20),
		livesMs: random.pick([0, 1_500, 6_000, 30_000]),
		silence: random.pick([0, 0.3, 0.8]),
		stalls: random.pick([0, 0.3, 1]),
		windowBytes: random.pick([0, 100, 65_536]),
	};
}
