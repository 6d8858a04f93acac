/** What the page has beside its panels where a person directs what happens. It is loaded only then. */
import type { ComponentChildren, ComponentType } from 'preact';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Point } from '../model/mesh-places.ts';

/** Where the nodes stand in the drawing of the mesh, and how large it and a node are. */
export interface MeshPlaces {
	readonly places: ReadonlyMap<NodeId, Point>;
	readonly width: number;
	readonly height: number;
	readonly nodeRadius: number;
}

export interface Directing {
	/** Stands above the mesh: what is to be seen. */
	readonly Head: ComponentType;
	/** Stands beside it, and has the form for proposals, or the cards of the nodes where nothing is proposed, in its place. */
	readonly Aside: ComponentType<{ readonly children: ComponentChildren }>;
	/** Stands below the cards of the nodes. */
	readonly Below?: ComponentType;
	/** Lies over the mesh: what can be picked in it. */
	readonly Handles?: ComponentType<MeshPlaces>;
	/** Further lamps, behind those that all sources have. */
	readonly Lamps?: ComponentType;
	/** Stands before the rail: how fast time passes, where a person decides that. */
	readonly Dial?: ComponentType;
	/** Everything has happened already, so nothing can be proposed. */
	readonly isPast?: boolean;
	/** By `KeyboardEvent.key`. */
	readonly keys: Readonly<Record<string, () => void>>;
}
