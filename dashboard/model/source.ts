/**
 * Where facts come from. The live swarm is one source; a simulator in the page and a saved trace are others
 * that will feed the same model through the same few calls. No source knows the model, nor the model a source.
 */
import type { FactBatch, NodeSnapshot, ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';

export interface Source {
	/** Begins to deliver facts. It is called once. */
	start(listener: SourceListener): void;
	/** Asks a node for a whole snapshot of its state. */
	resync(node: NodeId): void;
	/**
	 * Never rejects. The answer is `refused` where the node cannot be asked, and `unknown` where it fell silent after it
	 * was asked.
	 */
	propose(node: NodeId, request: ProposeRequest): Promise<ProposeAnswer>;
}

export interface SourceListener {
	/** The page comes from this node. It may have another id later, with a new disk. */
	entry(node: NodeId): void;
	snapshot(node: NodeId, snapshot: NodeSnapshot): void;
	batch(node: NodeId, batch: FactBatch): void;
	/** Nothing was heard of `node` since `sinceMs` (milliseconds since 1970). */
	lost(node: NodeId, sinceMs: number): void;
	/** `node` runs and cannot be watched, for the reason given. null: the page's own node, whose name it has not told. */
	refused(node: NodeId | null, why: string): void;
	/** The page may not reach `node`, which came in after the page was opened. It may once it is loaded again. */
	newer(node: NodeId): void;
}
