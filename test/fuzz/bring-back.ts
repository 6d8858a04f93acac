/** Nodes that are down come back, as the README says that they do. */
import { rmSync } from 'node:fs';
import { type TestNode, until } from '../process/swarm.ts';

/** Starts a node that is down. Where it refuses its data, it begins without them. @throws Error where it stays down */
export async function bringBack(node: TestNode): Promise<void> {
	await node.start().catch(() => withNewDisk(node));
	await settled(node);
}

/** A node whose folder is gone begins with a new disk, and takes the place of its old self. */
async function withNewDisk(node: TestNode): Promise<void> {
	if (node.isRunning) await node.kill();
	rmSync(node.folder, { recursive: true, force: true });
	await node.start();
}

/** Waits until all members vote. */
export async function settled(node: TestNode): Promise<void> {
	await until('all members vote', async () => {
		const told = (await (await node.fetch('/v1/members')).json()) as {
			readonly isChanging: boolean;
			readonly members: readonly { readonly isVoter: boolean }[];
		};
		return !told.isChanging && told.members.every(({ isVoter }) => isVoter) ? true : undefined;
	});
}
