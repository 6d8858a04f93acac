/** A trace file as a page: what happened is looked at again, and nothing more happens. */
import '../style/directed.css';
import '../style/replay.css';
import type { Directing } from '../view/directing.ts';
import { replay } from './opened.ts';
import { Aside, Head } from './parts.tsx';

export function openReplay(): Directing {
	replay();
	return { Head, Aside, isPast: true, keys: {} };
}
