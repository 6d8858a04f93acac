/** The sandbox as a page: what it has beside the panels that all sources share. */
import '../style/directed.css';
import '../style/game.css';
import '../style/sandbox.css';
import { referee } from '../game/game.ts';
import { MoreLamps } from '../game/more-lamps.tsx';
import type { Directing } from '../view/directing.ts';
import { Aside, Below } from './aside.tsx';
import { Dial } from './dial.tsx';
import { changeSpeed, direct, step, toggle } from './directed.ts';
import { Handles } from './handles.tsx';
import { Head } from './head.tsx';

export async function openSandbox(): Promise<Directing> {
	referee();
	await direct();
	return {
		Head,
		Lamps: MoreLamps,
		Aside,
		Below,
		Handles,
		Dial,
		keys: { ' ': toggle, '.': step, '[': () => changeSpeed(-1), ']': () => changeSpeed(1) },
	};
}
