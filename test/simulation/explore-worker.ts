/** Runs one walk within its bounds. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Bounds, explore } from '../../shared/simulation/explore.ts';

parentPort?.postMessage(explore(workerData as Bounds));
