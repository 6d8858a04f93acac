/** The lab as a page: what it has beside the panels that all sources share. */
import '../style/directed.css';
import '../style/lab.css';
import type { Directing } from '../view/directing.ts';
import { Aside } from './aside.tsx';
import { Handles } from './handles.tsx';
import { Head } from './head.tsx';

export const lab: Directing = { Head, Aside, Handles, keys: {} };
