/**
 * `peers.json` in a node's folder: how far the logs of the other nodes reached, as these have told. By it a node knows also
 * after its own restart what to tell a peer whose folder was put back from an older copy (`shared/replica/memory.ts`).
 *
 * It is written every few seconds, so of the last ones it knows nothing. A file that is lost, damaged or of another swarm
 * counts as none. What it holds never becomes wrong: a node that has lost its log comes back under another id.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { FrameNumber } from '../../shared/replica/memory.ts';

const FILE = 'peers.json';

const notesSchema = z.strictObject({
	swarmId: z.string(),
	reached: z.record(z.string().min(1), z.int().min(0)),
	checksum: z.string(),
});

/** By node, the last durable frame of its log. */
export type ReachedByPeer = Readonly<Record<NodeId, FrameNumber>>;

export class PeerNotes {
	/** As they were when the folder was opened. */
	readonly found: ReachedByPeer;
	readonly #path: string;
	readonly #swarmId: string;
	#written: string;
	#writing: Promise<void> = Promise.resolve();

	/** @param folder that of the node */
	constructor(folder: string, swarmId: string) {
		this.#path = join(folder, FILE);
		this.#swarmId = swarmId;
		this.found = notesIn(this.#path, swarmId);
		this.#written = JSON.stringify(this.found);
	}

	/** Writes them, whole or not at all, unless they are those that are there. @throws the system's error */
	note(reached: ReachedByPeer): Promise<void> {
		const text = JSON.stringify(reached);
		const written = this.#writing.then(async () => {
			if (text === this.#written) return;
			await this.#write(reached);
			this.#written = text;
		});
		this.#writing = written.catch(() => undefined);
		return written;
	}

	async #write(reached: ReachedByPeer): Promise<void> {
		const content = { swarmId: this.#swarmId, reached };
		const file = await fs.promises.open(`${this.#path}.new`, 'w');
		try {
			await file.writeFile(`${JSON.stringify({ ...content, checksum: checksumOf(content) })}\n`);
			await file.sync();
		} finally {
			await file.close();
		}
		await fs.promises.rename(`${this.#path}.new`, this.#path);
	}
}

/** @param folder that of the node */
export function removeNotes(folder: string): void {
	fs.rmSync(join(folder, FILE), { force: true });
	fs.rmSync(join(folder, `${FILE}.new`), { force: true });
}

function notesIn(path: string, swarmId: string): ReachedByPeer {
	try {
		const { checksum, ...content } = notesSchema.parse(JSON.parse(fs.readFileSync(path, 'utf8')));
		return checksum === checksumOf(content) && content.swarmId === swarmId ? content.reached : {};
	} catch {
		return {};
	}
}

function checksumOf({ swarmId, reached }: { readonly swarmId: string; readonly reached: ReachedByPeer }): string {
	return createHash('sha256')
		.update(JSON.stringify([swarmId, Object.entries(reached)]))
		.digest('hex');
}
