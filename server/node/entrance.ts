/** The port of a node, which listens before anything else of the node is there, and what decides who comes in by it. */

import type { NodeConfig } from '../config/swarm-file.ts';
import { tlsFilesOf } from '../config/tls.ts';
import { ChangingDoors } from '../front/doors.ts';
import { Front, type FrontOptions } from '../front/front.ts';
import { type ConnectionLimits, connectionLimits, descriptorLimit } from '../front/limits.ts';
import { MountedFront } from '../front/mounted.ts';
import { Reports } from '../log/reports.ts';
import { type Fetch, fetchWith } from '../tls/fetch.ts';
import { frontTls } from '../tls/front.ts';
import { TlsKeeper } from '../tls/keeper.ts';
import type { NodeOptions } from './options.ts';

export interface Entrance {
	readonly front: Front | MountedFront;
	readonly doors: ChangingDoors;
	/** How many files and sockets the process may have open, and the bounds that follow from it. */
	readonly descriptors: number;
	readonly limits: ConnectionLimits;
	readonly reports: Reports;
	/** null where the swarm has no certificates. It looks for renewed ones once it is started. */
	readonly tls: TlsKeeper | null;
	/** Asks other nodes, by the certificate of this one. */
	readonly fetch: Fetch;
}

/** @throws ConfigError for certificates that cannot be used; the system's error for a port that is taken */
export async function openEntrance(
	{ id, host, port }: NodeConfig,
	{ config, log, secrets = [], server, ...options }: NodeOptions,
): Promise<Entrance> {
	const tls = config.tls ? new TlsKeeper(tlsFilesOf(config.tls, id), { swarm: config.name, node: id }, log) : null;
	const doors = new ChangingDoors(config.nodes, config.allowedHosts);
	const descriptors = options.descriptors ?? descriptorLimit();
	const limits = connectionLimits(descriptors);
	const reports = new Reports(log, secrets);
	const frontOptions: FrontOptions = {
		doors,
		limits,
		tls: tls && config.tls ? frontTls(tls, config.tls.clients) : null,
		refused: (door, from, why) => reports.refused(door, from, why),
		failed: (error) => reports.failed(error, 'a connection could not be accepted'),
	};
	const front = server ? new MountedFront(server, frontOptions) : new Front(frontOptions);
	await front.listen(host, port);
	return {
		front,
		doors,
		descriptors,
		limits,
		reports,
		tls,
		fetch: fetchWith(() => tls && { agent: tls.identity.agent }),
	};
}
