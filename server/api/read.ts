/**
 * Reads of keys, prefixes and members have this in common: their consistency, their headers, and that they may wait for
 * a change. One barrier comes before the answer where the read has to be linearizable, and another one where it has waited.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Subject } from '../../shared/replica/waits.ts';
import type { ReplicaService } from '../replica/service.ts';
import { HttpError } from './answer.ts';
import type { BlockingReads } from './blocking.ts';
import { turnToPrint } from './print-turns.ts';
import { blockingOf, type ReadMode, readMode } from './query.ts';

export interface ReadOptions {
	readonly service: ReplicaService;
	readonly blocking: BlockingReads;
	/** How long a read waits for a leader, and a write for its outcome, milliseconds. */
	readonly holdMs: number;
}

/** A read that this node's own state may answer. */
export interface Readable {
	/** Sets the headers. @param index the index of what it answers */
	setHeaders(index: number): void;
	/**
	 * Asked where the read has waited since, such as in the line of long answers.
	 *
	 * @returns null where the state may answer it still; else what resolves when it may, and rejects with an HttpError
	 */
	again(): Promise<void> | null;
}

/**
 * Resolves when this node's own state may answer the read, by the parameters in `query`.
 *
 * @returns null where the client is gone
 * @throws HttpError
 */
export async function whenReadable(
	{ service, blocking, holdMs }: ReadOptions,
	req: IncomingMessage,
	res: ServerResponse,
	query: URLSearchParams,
	subject: Subject,
): Promise<Readable | null> {
	const mode = readMode(query);
	const asked = blockingOf(query);
	const confirmed = () => confirm(service, mode, holdMs, subject);
	let isStale = await confirmed();
	if (asked) {
		const end = await blocking.wait(req, res, subject, asked);
		if (end === 'gone') return null;
		if (end === 'waited') isStale = await confirmed();
	}
	return {
		setHeaders: (index) => {
			const { leader, lastContactMs } = service.view();
			res.setHeader('X-Consul-Index', index);
			res.setHeader('X-Consul-KnownLeader', String(leader.node !== ''));
			res.setHeader('X-Consul-LastContact', isStale ? Math.min(Math.floor(lastContactMs), Number.MAX_SAFE_INTEGER) : 0);
			res.setHeader('X-Consul-Effective-Consistency', isStale ? 'stale' : linearizable(mode));
		},
		again: () => {
			if (!isStale || mayBeStale(service, mode)) return null;
			return confirmed().then((may) => {
				isStale = may;
			});
		},
	};
}

/** @returns whether the answer may be stale @throws HttpError where it may not, and no leader confirms the state */
async function confirm(
	service: ReplicaService,
	mode: ReadMode,
	holdMs: number,
	{ kind, name }: Subject,
): Promise<boolean> {
	if (mayBeStale(service, mode)) return true;
	if (!(await service.readBarrier(holdMs))) throw new HttpError(500, 'No cluster leader');
	// One leader confirms all reads that wait for it at once.
	await turnToPrint(kind === 'key' ? (service.store.get(name)?.value.length ?? 0) : 0);
	return false;
}

/** Whether the answer may be the state of this node as it is now. */
function mayBeStale(service: ReplicaService, mode: ReadMode): boolean {
	return mode.kind === 'stale' && (mode.ageMaxMs === null || service.view().lastContactMs < mode.ageMaxMs);
}

function linearizable({ kind }: ReadMode): string {
	return kind === 'consistent' ? 'consistent' : 'leader';
}
