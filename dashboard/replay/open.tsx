/** A trace file as a page: what happened is looked at again, and nothing more happens. */
import '../style/directed.css';
import '../style/replay.css';
import type { Directing } from '../view/directing.ts';
import { Aside, Head, replay } from './parts.tsx';

export function openReplay(): Directing {
	replay();
	return { Head, Aside, isPast: true, keys: {} };
}
