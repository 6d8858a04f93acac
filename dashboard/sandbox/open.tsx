/** The sandbox as a page: what it has beside the panels that all sources share. */
import '../style/directed.css';
import '../style/sandbox.css';
import type { Directing } from '../view/directing.ts';
import { Aside } from './aside.tsx';
import { Dial } from './dial.tsx';
import { changeSpeed, direct, step, toggle } from './directed.ts';
import { Handles } from './handles.tsx';
import { Head } from './head.tsx';

export function openSandbox(): Directing {
	direct();
	return {
		Head,
		Aside,
		Handles,
		Dial,
		keys: { ' ': toggle, '.': step, '[': () => changeSpeed(-1), ']': () => changeSpeed(1) },
	};
}
