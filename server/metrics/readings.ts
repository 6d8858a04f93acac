/** What is not counted, but read when the page is asked for: what is wrong at the node, and how its process does. */
import type { PeerView } from '../../shared/replica/view.ts';
import type { LoopFigures } from '../process/loop-watch.ts';
import { labelled, single } from './format.ts';

export interface Readings {
	readonly version: string;
	readonly loop: LoopFigures;
	/** Whether each check of `/readyz` fails, by its name. */
	readonly failing: Readonly<Record<string, boolean>>;
	/** When the certificate of the node expires, milliseconds since 1970; null where it has none. */
	readonly certificateExpiresMs: number | null;
	readonly peers: readonly PeerView[];
}

/** The lines of the page. */
export function readingLines({ version, loop, failing, certificateExpiresMs, peers }: Readings): string[] {
	const { user, system } = process.cpuUsage();
	return [
		...labelled('swarm_server_version', 'gauge', 'The version of this node, as a label.', 'server_version', [
			[version, 1],
		]),
		...labelled(
			'swarm_server_check_failing',
			'gauge',
			'Whether this check of /readyz fails.',
			'check',
			Object.entries(failing).map(([check, fails]) => [check, fails ? 1 : 0]),
		),
		...(certificateExpiresMs === null
			? []
			: single(
					'swarm_server_certificate_expiry_timestamp_seconds',
					'gauge',
					'When the certificate of this node expires, in seconds since 1970.',
					certificateExpiresMs / 1000,
				)),
		...labelled(
			'swarm_network_peer_clock_ahead_seconds',
			'gauge',
			'How far the clock of another node was ahead when it was last told, negative where it was behind.',
			'To',
			peers.flatMap(({ id, clockAheadMs }) => (clockAheadMs === null ? [] : [[id, clockAheadMs / 1000] as const])),
		),
		...labelled(
			'swarm_loop_slow_steps_total',
			'counter',
			'Steps of the event loop that took longer than so many seconds, since this node started.',
			'longer_than',
			[
				['0.02', loop.over20Ms],
				['0.05', loop.over50Ms],
				['0.25', loop.over250Ms],
			],
		),
		...single(
			'swarm_loop_longest_step_seconds',
			'gauge',
			'The longest step of the event loop since this node started.',
			loop.longestMs / 1000,
		),
		...single(
			'process_start_time_seconds',
			'gauge',
			'When this process started, in seconds since 1970.',
			performance.timeOrigin / 1000,
		),
		...single('process_cpu_seconds_total', 'counter', 'Processor time of this process.', (user + system) / 1_000_000),
		...single(
			'process_resident_memory_bytes',
			'gauge',
			'Memory of this process that is in use.',
			process.memoryUsage.rss(),
		),
	];
}
