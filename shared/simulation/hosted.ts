/** The state machine of a simulated node, and the rooms through which it is used. */
import type { Slot } from '../paxos/message.ts';
import type { DoorParts, MachineDoors } from '../replica/doors.ts';
import { KeyValueDoors } from '../replica/key-value-doors.ts';
import type { Machine, MachineRestore } from '../store/machine.ts';
import { StoreRestore } from '../store/restore.ts';
import type { Surroundings } from './node.ts';
import { WatchedStore } from './watched-store.ts';

export interface Hosted {
	readonly machine: Machine;
	/** As `WatchedStore.holds`. */
	holds(through: Slot): boolean;
	restore(): MachineRestore;
	doors(parts: DoorParts): MachineDoors;
}

/** Makes the machine of one process. @param node the index of the node */
export type Host = (node: number, world: Surroundings) => Hosted;

/** Keys, which simulated clients read and write. */
export const hostStore: Host = (node, world) => {
	const machine = new WatchedStore(node, world);
	return {
		machine,
		holds: (through) => machine.holds(through),
		restore: () => new StoreRestore(world.bounds.store),
		doors: (parts) => new KeyValueDoors(machine, parts),
	};
};
