/** `lock`: runs a command while a session of this process holds a key. */
import { hostname } from 'node:os';
import { WebSocket } from 'ws';
import { SwarmClient, type SwarmLock, type SwarmSession } from '../../../shared/client/client.ts';
import {
	BadKeyError,
	BadOptionsError,
	LockHeldError,
	RefusedError,
	SessionLostError,
	UnknownOutcomeError,
} from '../../../shared/client/errors.ts';
import { durationText } from '../../api/duration.ts';
import { tlsOptions, tokenShown } from '../credentials.ts';
import { stoppable } from '../interrupt.ts';
import { connectionOf } from '../kv/connection.ts';
import type { ConnectOptions } from '../options.ts';
import { CommandError, EXIT, type Terminal } from '../terminal.ts';
import { ChildCommand } from './child.ts';

export interface LockOptions extends ConnectOptions {
	readonly endpoints?: readonly string[];
	readonly try?: true;
	/** Milliseconds, as the others. */
	readonly timeout?: number;
	readonly ttl: number;
	readonly lockDelay: number;
}

/** A command whose lock was lost has so long from SIGTERM to SIGKILL, milliseconds. */
const KILL_AFTER_MS = 5000;
/** At its end the session is destroyed within this time, or else ends by its time-out. Milliseconds. */
const DESTROY_MAX_MS = 2000;

/** @returns the exit status */
export async function lock(
	key: string,
	command: readonly string[],
	options: LockOptions,
	terminal: Terminal,
): Promise<number> {
	// The time limit is that of the wait, and not of an answer.
	const { endpoints: nodes, timeoutMs } = connectionOf({ ...options, timeout: undefined }, terminal);
	const token = tokenShown();
	const tls = nodes.some((node) => node.startsWith('https:')) ? tlsOptions() : {};
	const connect = (url: string) => new WebSocket(url, tls);
	const client = new SwarmClient({ nodes, connect, timeoutMs, ...(token && { token }) });
	try {
		const held = await stoppable((stopped) => acquire(client, key, options, stopped));
		return await runHolding(held, command, Math.min(KILL_AFTER_MS, options.lockDelay), terminal);
	} finally {
		client.close();
	}
}

interface Held {
	readonly session: SwarmSession;
	readonly lock: SwarmLock;
}

/** @param stopped is aborted when this process is told to end, which it does once it has cleaned up */
async function acquire(client: SwarmClient, key: string, options: LockOptions, stopped: AbortSignal): Promise<Held> {
	const { timeout, ttl: ttlMs, lockDelay: lockDelayMs } = options;
	const signal = timeout === undefined ? stopped : AbortSignal.any([stopped, AbortSignal.timeout(timeout)]);
	const me = `${hostname()} ${process.pid}`;
	const session = await client.session({ ttlMs, lockDelayMs, name: `lock ${me}`, signal }).catch((error: unknown) => {
		throw isTimeout(error) ? noNode() : reasonOf(error, key);
	});
	try {
		const lock = await client.lock(key, { session, value: me, wait: !options.try, signal });
		return { session, lock };
	} catch (error) {
		await end(session);
		throw reasonOf(isTimeout(error) ? new LockHeldError(key) : error, key);
	}
}

/** Runs the command, and ends it when the lock is lost. @returns its exit status, or `EXIT.lockLost` */
async function runHolding(
	{ lock, session }: Held,
	command: readonly string[],
	killAfterMs: number,
	terminal: Terminal,
): Promise<number> {
	const { key, fence, lost } = lock;
	const { stderr } = terminal;
	const child = new ChildCommand(command, terminal, {
		SWARM_LOCK_KEY: key,
		SWARM_LOCK_FENCE: String(fence.modifyRevision),
		SWARM_LOCK_INDEX: String(fence.lockIndex),
		SWARM_LOCK_SESSION: session.id,
	});
	const whenLost = (): void => {
		stderr.write(`\n*** ${whyOf(lost.reason)}.\n*** The command is told to end, and is killed `);
		stderr.write(`${killAfterMs === 0 ? 'at once' : `after ${durationText(killAfterMs)}`}.\n\n`);
		child.end(killAfterMs);
	};
	if (lost.aborted) whenLost();
	else lost.addEventListener('abort', whenLost);
	const status = await child.ended;
	lost.removeEventListener('abort', whenLost);
	const isLost = lost.aborted;
	await lock.release().catch((error: unknown) => {
		stderr.write(`The command has ended, but the key may be held for a while: ${whyOf(error)}.\n`);
	});
	await end(session);
	return isLost ? EXIT.lockLost : status;
}

/** Ends the session. Where that is not answered soon, it ends by itself. */
async function end(session: SwarmSession): Promise<void> {
	await session.destroy({ signal: AbortSignal.timeout(DESTROY_MAX_MS) }).catch(() => undefined);
}

function whyOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** What a call of the client has failed with, for people. */
function reasonOf(error: unknown, key: string): unknown {
	if (error instanceof BadKeyError || error instanceof BadOptionsError) {
		return new CommandError(`${error.message.replace(/^./, (first) => first.toUpperCase())}.`, { status: EXIT.usage });
	}
	if (error instanceof LockHeldError) {
		return new CommandError(`${JSON.stringify(key)} was not free in time.`, { status: EXIT.notLocked });
	}
	const isUnavailable = UNAVAILABLE.some((kind) => error instanceof kind);
	return isUnavailable ? new CommandError(`No lock: ${whyOf(error)}.`, { status: EXIT.unavailable }) : error;
}

function isTimeout(error: unknown): boolean {
	return error instanceof DOMException && error.name === 'TimeoutError';
}

function noNode(): CommandError {
	return new CommandError('No node could answer in time.', { status: EXIT.unavailable });
}

const UNAVAILABLE = [RefusedError, UnknownOutcomeError, SessionLostError];
