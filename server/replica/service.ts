/** What the doors of a node (HTTP API, feed, command line) may ask of its replica. */
import type { RawFact } from '../../shared/fact.ts';
import type { NodeSnapshot } from '../../shared/feed.ts';
import type { SubmitOptions } from '../../shared/replica/batch.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import type { PeerView, ReplicaView } from '../../shared/replica/view.ts';
import type { Operation } from '../../shared/store/command.ts';
import type { Store } from '../../shared/store/store.ts';

export interface ReplicaService {
	/** The state machine. Read it, never write it. */
	readonly store: Store;
	/**
	 * Never rejects. The command gets its identity here; it is applied once, whatever is tried again inside. After
	 * `options.timeoutMs` the answer is `refused` where no copy has left this node, and `unknown` otherwise.
	 */
	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer>;
	/**
	 * Resolves once `store` may answer a linearizable read that began before this call.
	 * `false`: no leader confirmed within `timeoutMs`.
	 */
	readBarrier(timeoutMs: number): Promise<boolean>;
	view(): ReplicaView;
	peers(): readonly PeerView[];
	/** As of the last fact that was told. */
	snapshot(): NodeSnapshot;
	/** All facts while at least one watcher is there; returns the way to stop. */
	watch(onFact: (fact: RawFact) => void): () => void;
}
