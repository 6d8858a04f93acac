/**
 * One node, composed. The files of this room are the only ones that know all others: they open the port and the data
 * folder, make the parts of the node, connect them, and close them in order.
 */
import { startingApi } from '../api/starting.ts';
import { swarmMembersOf, urlOf } from '../config/addresses.ts';
import { logFacts } from '../log/facts.ts';
import { LastLines } from '../log/last-lines.ts';
import { Metrics } from '../metrics/metrics.ts';
import { watchLoop } from '../process/loop-watch.ts';
import { KeyValueReplica } from '../replica/key-value.ts';
import type { StartProgress } from '../replica/memory.ts';
import { type Home, memoryHome, openHome } from '../storage/home.ts';
import { KEY_VALUE_LABEL } from '../storage/machine-label.ts';
import { Closing } from './closing.ts';
import { openNodeDoors } from './doors.ts';
import { openEntrance } from './entrance.ts';
import { Noting } from './noting.ts';
import type { NodeOptions } from './options.ts';
import { type NodeMachine, type NodeReplica, openReplica } from './replica.ts';

export interface RunningNode<Replica = unknown> {
	readonly replica: Replica;
	/** The address of its dashboard, API and feed. */
	readonly url: string;
	/** Whether it is a member as it starts. One with a new disk waits to be let in. */
	readonly isMember: boolean;
	/**
	 * Stops the node: it is not ready any more, answers the requests under way, stops listening, and unlocks the data
	 * folder.
	 */
	close(): Promise<void>;
}

/** So much is remembered of what operators are told. */
const LAST_FACTS_MAX = 1000;
const LAST_FACTS_CHARS_MAX = 262_144;

const KEY_VALUE_MACHINE: NodeMachine<KeyValueReplica> = {
	label: KEY_VALUE_LABEL,
	open: (options) => KeyValueReplica.open(options),
};

/** A node that keeps keys: see `startNodeOf`. */
export function startNode(options: NodeOptions): Promise<RunningNode<KeyValueReplica>> {
	return startNodeOf(KEY_VALUE_MACHINE, options);
}

/**
 * @throws FolderError for a data folder that must not be used
 * @throws ConfigError for certificates that cannot be used
 * @throws the system's error, with code EADDRINUSE, for a port that is taken
 */
export async function startNodeOf<Replica extends NodeReplica>(
	machine: NodeMachine<Replica>,
	options: NodeOptions,
): Promise<RunningNode<Replica>> {
	const { config, name, memory, log, otherSecret = null } = options;
	const self = config.nodes.find((node) => node.id === name);
	if (!self) throw new RangeError(`${name} is not in the configuration`);

	const entrance = await openEntrance(self, options);
	const { front, reports, tls } = entrance;
	let home: Home;
	try {
		home = memory
			? memoryHome(memory, swarmMembersOf(config), name, machine.label)
			: await openHome(config.dataDir, config.name, name, machine.label);
	} catch (error) {
		await front.close();
		throw error;
	}

	tls?.start();
	if (otherSecret !== null) {
		log.warn('nodes are let in by the other secret too: leave it out once all nodes have the new one');
	}
	const { id } = home;
	let progress: StartProgress = { doing: 'reading', count: 0, percent: 0 };
	const starting = startingApi({ name: config.name, id: home.swarmId, node: id }, () => progress);
	front.open({ request: starting, upgrade: () => null });

	const loopWatch = watchLoop((ms) => reports.stalled(ms));
	const closing = new Closing(
		() => front.close(),
		() => home.close(),
		() => tls?.stop(),
		() => loopWatch.stop(),
		() => reports.stop(),
	);
	/** The node ends by itself, so nobody else hears what its end may fail with. */
	const endBy = (gently: boolean, ended: () => void): void => {
		const failed = (error: unknown) => log.error({ err: error }, 'the node could not close all of its parts');
		void closing.close(gently).catch(failed).then(ended);
	};
	/** The error that has broken the node; none while it is well. */
	const broken: Error[] = [];
	try {
		const metrics = new Metrics();
		const { replica, mesh, lab, swarm, joining } = await openReplica(machine, options, {
			...entrance,
			self,
			home,
			metrics,
			removed: (slot) => {
				log.info({ slot }, 'the node is no member any more, and stops');
				endBy(true, () => options.onRemoved?.());
			},
			fatal: (error) => {
				broken.push(error);
				const reason = home.reasonOf(error);
				log.fatal({ err: reason }, 'the node stops');
				endBy(false, () => options.onFatal?.(reason));
			},
			progress: (newest) => {
				progress = newest;
				options.onProgress?.(newest);
			},
		});
		home.started(replica.isNew);
		const lastFacts = new LastLines(LAST_FACTS_MAX, LAST_FACTS_CHARS_MAX);
		const stopLogging = logFacts(replica.facts, log, lastFacts);
		replica.facts.watch((fact) => metrics.told(fact));
		const noting =
			home.notes &&
			new Noting({
				notes: home.notes,
				replica,
				peers: () => swarm.members.map((member) => member.id).filter((peer) => peer !== id),
				failed: (error) => reports.failed(error, 'what other nodes have told could not be noted'),
			});
		closing.first(
			() => joining.stop(),
			() => replica.stop(),
			() => lab?.stop(),
			() => mesh.close(),
			() => noting?.stop(),
		);
		// What is reported last is logged too.
		closing.last(stopLogging);
		reports.become(replica);
		await replica.replay();
		// Its parts are being closed then, so no other one may begin.
		if (broken.length > 0) throw broken[0];

		const doors = openNodeDoors(front, {
			...options,
			...entrance,
			id,
			replica,
			mesh,
			swarm,
			lab,
			loop: loopWatch.figures,
			metrics,
			certificate: tls,
			lastFacts,
			isDraining: () => closing.hasBegun,
		});
		closing.drainsBy(() => doors.drain());
		closing.first(() => doors.close());
		mesh.start();
		replica.start();
		if (!swarm.wasMember(id)) joining.start();
		const isMember = swarm.members.some((member) => member.id === id);
		return { replica, url: urlOf(self), isMember, close: () => closing.close(true) };
	} catch (error) {
		await closing.close(false);
		throw error instanceof Error ? home.reasonOf(error) : error;
	}
}
