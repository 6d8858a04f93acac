/** What a person has picked to look at closely, in whichever panel. */
import { signal } from '@preact/signals';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Entry } from '../model/tape.ts';

export type Inspected =
	| { readonly kind: 'fact'; readonly entry: Entry }
	| { readonly kind: 'node'; readonly node: NodeId }
	| { readonly kind: 'link'; readonly a: NodeId; readonly b: NodeId }
	| { readonly kind: 'slot'; readonly slot: Slot };

export const inspected = signal<Inspected | null>(null);
