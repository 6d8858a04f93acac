/** Which links a fault cuts, by the shape of what is left. */
import type { Random } from './random.ts';

/** A directed link that is cut: from, to. */
export type Cut = readonly [number, number];

export type CutShape = 'partition' | 'oneWay' | 'link' | 'quorumLoss' | 'chain';

interface Cuts {
	readonly shape: CutShape;
	readonly cuts: readonly Cut[];
}

export function drawCuts(random: Random, nodes: number): Cuts {
	const everyone = random.shuffle(Array.from({ length: nodes }, (_, node) => node));
	const [a, b] = everyone as [number, number];
	switch (nodes < 2 ? -1 : random.integer(0, 4)) {
		case 0:
			return { shape: 'oneWay', cuts: [[a, b]] };
		case 1: {
			const deaf = everyone.filter((node) => node !== a).map((node): Cut => [node, a]);
			return { shape: 'oneWay', cuts: random.chance(0.5) ? deaf : deaf.map(([from, to]): Cut => [to, from]) };
		}
		case 2:
			return { shape: 'link', cuts: bothWays([[a, b]]) };
		case 3:
			return { shape: 'quorumLoss', cuts: allBut(everyone, (x, y) => x === a || y === a) };
		case 4: {
			const side = new Set(everyone.slice(0, random.integer(1, nodes - 1)));
			return { shape: 'partition', cuts: allBut(everyone, (x, y) => side.has(x) === side.has(y)) };
		}
		default:
			return { shape: 'partition', cuts: [] };
	}
}

/** All links but those for which `kept` returns true. */
export function allBut(everyone: readonly number[], kept: (x: number, y: number) => boolean): Cut[] {
	return everyone.flatMap((x) => everyone.filter((y) => x !== y && !kept(x, y)).map((y): Cut => [x, y]));
}

export function bothWays(cuts: readonly Cut[]): Cut[] {
	return cuts.flatMap(([from, to]): Cut[] => [
		[from, to],
		[to, from],
	]);
}
