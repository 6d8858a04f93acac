/** Links of the mesh on which messages come late, are lost and sent again, or wait, at the moment that the page shows. */
import { faultText, isFault, type LinkFault } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MeshPlaces } from './directing.ts';
import { type Direction, directionsOf, HalfLines, positionOf } from './handles.tsx';

/** Of more links the mesh has no room for words. The list of faults has them all. */
const WORDS_MAX = 10;
/** No node of the ring is there; parts of the width and the height. */
const CORNER = { x: 0.2, y: 0 };

type FaultOf = (from: NodeId, to: NodeId) => LinkFault;

/** The half of each slow direction that leads to the node which waits, and on it what is wrong. */
export function SlowLinks({ mesh, ids, faultOf }: { mesh: MeshPlaces; ids: readonly NodeId[]; faultOf: FaultOf }) {
	const slow = directionsOf(mesh, ids, (from, to) => shortText(faultOf(from, to)));
	const said = wordsOfAll(mesh, ids, slow) ?? slow.filter(({ mark }) => mark !== null);
	return (
		<>
			<HalfLines mesh={mesh} of={slow} kind="slow" />
			{said.length <= WORDS_MAX &&
				said.map(
					({ key, text, mark }) =>
						mark && (
							<span
								key={key}
								class="slow-text"
								style={positionOf(mark, mesh)}
								aria-hidden="true"
								data-testid={`slow-${key.replace(' ', '-')}`}
							>
								{text}
							</span>
						),
				)}
		</>
	);
}

/** @returns one text in a corner of the mesh where the same is true of all of several links; null otherwise */
function wordsOfAll(
	{ width, height }: MeshPlaces,
	ids: readonly NodeId[],
	slow: readonly Direction[],
): readonly Pick<Direction, 'key' | 'text' | 'mark'>[] | null {
	const [first] = slow;
	const isAll = ids.length > 2 && slow.length === ids.length * (ids.length - 1);
	if (!first || !isAll || slow.some(({ text }) => text !== first.text)) return null;
	return [{ key: 'all', text: `all links: ${first.text}`, mark: { x: CORNER.x * width, y: CORNER.y * height } }];
}

/** The end of a sentence that begins with the link between the two, for those who do not see it; '' where it is whole or cut. */
export function slowWords(a: NodeId, b: NodeId, faultOf: FaultOf): string {
	const [there, back] = [wordsOf(faultOf(a, b)), wordsOf(faultOf(b, a))];
	if (there === back) return there && `, its messages ${there}`;
	return [there && `, the messages of ${a} to ${b} ${there}`, back && `, the messages of ${b} to ${a} ${back}`].join(
		'',
	);
}

function wordsOf(fault: LinkFault): string {
	return isFault(fault) && !fault.cut ? faultText(fault) : '';
}

/** Such as `300 ms late`; '' where messages come in at once, or not at all. */
function shortText({ cut, hold, delayMs, loss }: LinkFault): string {
	if (cut) return '';
	return [
		...(hold ? ['held'] : []),
		...(delayMs > 0 ? [`${delayMs} ms late`] : []),
		...(loss > 0 ? [`${Math.round(loss * 100)} % lost`] : []),
	].join(', ');
}
