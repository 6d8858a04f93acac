/** The marks of the page: hue is the phase, fill the direction, the glyph the verdict. Shapes, never text. */
import type { Fact } from '../../shared/fact.ts';
import type { MessageKind } from '../../shared/paxos/message.ts';

export type GlyphKind = 'prepare' | 'promise' | 'accept' | 'accepted' | 'nack' | 'learn' | 'beat' | 'beatReply';

export function Glyph({ kind, size = 14 }: { kind: GlyphKind; size?: number }) {
	return (
		<svg class={`glyph g-${kind}`} width={size} height={size} viewBox="-8 -8 16 16" aria-hidden="true">
			<path class={`shape g-${kind}`} d={SHAPES[kind]} />
		</svg>
	);
}

/** Each lies around 0,0 and within 6.2 units of it, so that it can be put into a larger drawing. */
export const SHAPES: Readonly<Record<GlyphKind, string>> = {
	prepare: 'M-4.5-5.5 5.5 0-4.5 5.5z',
	promise: 'M-4.5-5.5 5.5 0-4.5 5.5z',
	accept: 'M-5-5h10v10h-10z',
	accepted: 'M-5-5h10v10h-10z',
	nack: 'M-4.5-4.5 4.5 4.5M4.5-4.5-4.5 4.5',
	learn: 'M0-6.2 6.2 0 0 6.2-6.2 0z',
	beat: 'M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z',
	beatReply: 'M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z',
};

export function glyphOf(kind: MessageKind): GlyphKind {
	switch (kind) {
		case 'prepare':
		case 'promise':
		case 'accept':
		case 'accepted':
		case 'nack':
			return kind;
		case 'decisions':
		case 'trimmed':
		case 'snapshotPart':
			return 'learn';
		case 'heartbeat':
		case 'handOver':
		case 'poll':
		case 'fetch':
		case 'snapshotAsk':
		case 'forward':
		case 'readAsk':
		case 'digest':
			return 'beat';
		case 'confirm':
		case 'pollReply':
		case 'hears':
		case 'noRoom':
		case 'readIndex':
			return 'beatReply';
	}
}

export function glyphOfFact(fact: Fact): GlyphKind {
	switch (fact.kind) {
		case 'campaign':
			return 'prepare';
		case 'promised':
		case 'promiseCounted':
			return 'promise';
		case 'proposed':
			return 'accept';
		case 'accepted':
		case 'voteCounted':
			return 'accepted';
		case 'refused':
		case 'halted':
		case 'givenUp':
		case 'malformed':
		case 'ignored':
		case 'clockSkew':
		case 'linkDown':
		case 'linkFault':
		case 'nodeFault':
		case 'disk':
		case 'state':
		case 'stall':
			return 'nack';
		case 'chosen':
		case 'fetching':
		case 'installed':
		case 'members':
		case 'snapshot':
		case 'applied':
			return 'learn';
		case 'role':
		case 'handsOver':
		case 'linkUp':
		case 'flushed':
			return 'beat';
		case 'pollHeld':
			return 'beatReply';
		case 'sent':
		case 'received':
			return glyphOf(fact.message.kind);
	}
}
