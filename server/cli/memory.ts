/**
 * The identity of a swarm without data folders (`--memory`). The primary process makes it once, and hands it to its
 * children through the environment. A node's memory ends with its process, so it never comes back under its id.
 */
import { nanoid } from 'nanoid';
import * as z from 'zod';
import type { Environment } from '../config/settings.ts';
import type { MemoryIdentity } from '../storage/home.ts';

const VARIABLE = 'SWARM_MEMORY_IDENTITY';

const identitySchema: z.ZodType<MemoryIdentity> = z.object({
	swarmId: z.string().min(1),
});

export function makeMemoryIdentity(): MemoryIdentity {
	return { swarmId: nanoid() };
}

export function withMemoryIdentity(environment: Environment, identity: MemoryIdentity): Environment {
	return { ...environment, [VARIABLE]: JSON.stringify(identity) };
}

/** The identity from the environment; null for a node with a data folder. */
export function memoryIdentityOf(environment: Environment): MemoryIdentity | null {
	const text = environment[VARIABLE];
	return text === undefined ? null : identitySchema.parse(JSON.parse(text));
}
