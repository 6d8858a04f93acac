/** Walks once, within the bounds that it is given. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Bounds, explore } from '../../shared/simulation/explore.ts';

parentPort?.postMessage(explore(workerData as Bounds));
