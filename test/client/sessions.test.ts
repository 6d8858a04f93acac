/** Sessions by a clock that the test moves: when they are renewed, and when their owners are told that they are lost. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Writer } from '../../shared/bytes/bytes.ts';
import type { ClientCore, WriteResult } from '../../shared/client/core.ts';
import { type RefusedError, SessionLostError, UnknownOutcomeError } from '../../shared/client/errors.ts';
import { lockOwner } from '../../shared/client/lock-owner.ts';
import { writeResults } from '../../shared/client/node-frame.ts';
import { STATUSES } from '../../shared/client/protocol.ts';
import { OpenSession } from '../../shared/client/session.ts';
import { attributesOf } from '../../shared/client/session-attributes.ts';
import { uuidOf } from '../../shared/client/uuid.ts';
import { KIND_CREATE_SESSION, KIND_END_SESSION, KIND_RENEW_SESSION } from '../../shared/store/batch-format.ts';
import { isSessionId } from '../../shared/store/sessions.ts';
import { type GotBatch, VirtualSwarm } from './virtual.ts';

const TTL_MS = 15_000;

class Sessions extends VirtualSwarm {
	/** The times at which the node got a command on a session, by its kind. */
	readonly created: number[] = [];
	readonly renewed: number[] = [];
	readonly ended: number[] = [];
	/** The answer to commands: null for none. */
	status: (typeof STATUSES)[number] | null = 'ok';
	readonly core: ClientCore;

	constructor(timeoutMs = 10_000) {
		super(['n1']);
		this.onWrite = (batch, out) => this.#write(batch, out);
		this.core = this.client({ timeoutMs });
	}

	async open(ttlMs = TTL_MS): Promise<OpenSession> {
		const session = OpenSession.create(lockOwner(this.core, this.time.runtime), attributesOf({ ttlMs }));
		await this.time.pass(100);
		return session;
	}

	#write({ kinds, client, first, count }: GotBatch, out: Writer): boolean {
		const { nowMs } = this.time;
		if (kinds.includes(KIND_CREATE_SESSION)) this.created.push(nowMs);
		if (kinds.includes(KIND_RENEW_SESSION)) this.renewed.push(nowMs);
		if (kinds.includes(KIND_END_SESSION)) this.ended.push(nowMs);
		if (this.status === null) return true;
		writeResults(out, first, count, STATUSES.indexOf(this.status), this.revisionOf(client, first, count));
		return true;
	}
}

function whyOf({ lost }: OpenSession): string | undefined {
	return (lost.reason as SessionLostError | undefined)?.why;
}

let swarm: Sessions;

afterEach(async () => {
	swarm.core.close();
	await swarm.time.pass(swarm.time.nowMs + 60_000);
	expect(swarm.time.timersCount).toBe(0);
});

describe('a session', () => {
	it('is renewed each third of its time-out, for as long as it is open', async () => {
		swarm = new Sessions();
		const session = await swarm.open();
		await swarm.time.pass(3_600_000);
		expect(session.lost.aborted).toBe(false);
		expect(swarm.created).toHaveLength(1);
		const times = [...swarm.created, ...swarm.renewed];
		expect(swarm.renewed.length).toBe(719);
		for (const [at, ms] of swarm.renewed.entries()) expect(ms - (times[at] as number)).toBeCloseTo(TTL_MS / 3, -1);
		session.end('closed');
	});

	it('is lost when its time-out has passed since the last renewal that was answered was asked for', async () => {
		swarm = new Sessions();
		const session = await swarm.open();
		await swarm.time.pass(5_500);
		const asked = (swarm.renewed[0] as number) - 1;
		swarm.status = null;
		await swarm.time.pass(asked + TTL_MS - 1);
		expect(session.lost.aborted).toBe(false);
		await swarm.time.pass(asked + TTL_MS);
		expect(session.lost.reason).toEqual(new SessionLostError('expired'));
		await expect(session.renew()).rejects.toBe(session.lost.reason);
	});

	it('counts from when a renewal was asked for, though the answer comes late', async () => {
		swarm = new Sessions();
		const session = await swarm.open();
		const [node] = swarm.nodes;
		if (node) node.delayMs = 4_000;
		await swarm.time.pass(9_100);
		expect(swarm.renewed).toHaveLength(1);
		const asked = (swarm.renewed[0] as number) - 4_001;
		swarm.status = null;
		await swarm.time.pass(asked + TTL_MS - 1);
		expect(session.lost.aborted).toBe(false);
		await swarm.time.pass(asked + TTL_MS);
		expect(whyOf(session)).toBe('expired');
	});

	it('is lost for whoever asks once its time-out has passed, though the process has not come to its timers yet', async () => {
		swarm = new Sessions();
		const session = await swarm.open();
		const seen: unknown[] = [];
		session.lost.addEventListener('abort', () => seen.push(session.lost.reason));
		swarm.time.nowMs = 1 + TTL_MS;
		expect(session.lost.reason).toEqual(new SessionLostError('expired'));
		expect(seen).toEqual([session.lost.reason]);
		await expect(session.renew()).rejects.toBe(session.lost.reason);
		expect(swarm.renewed).toEqual([]);
	});

	it('that was renewed is not lost, though the process comes to the answer late, and to its timers later', async () => {
		swarm = new Sessions();
		const { time } = swarm;
		let answer = (): void => undefined;
		const submit = () =>
			new Promise<WriteResult>((resolve) => {
				answer = () => resolve({ ok: true, revision: 1 });
			});
		const opened = OpenSession.create({ runtime: time.runtime, submit }, attributesOf({ ttlMs: TTL_MS }));
		answer();
		const session = await opened;
		time.nowMs = 4_000;
		const renewal = session.renew();
		time.nowMs = 1_000 + TTL_MS;
		answer();
		await renewal;
		expect(session.lost.aborted).toBe(false);
		time.nowMs = 4_000 + TTL_MS;
		expect(whyOf(session)).toBe('expired');
	});

	it('is lost when the swarm says that it has ended', async () => {
		swarm = new Sessions();
		const session = await swarm.open();
		swarm.status = 'conditionFailed';
		const renewal = session.renew();
		await Promise.all([expect(renewal).rejects.toEqual(new SessionLostError('ended')), swarm.time.pass(200)]);
		expect(whyOf(session)).toBe('ended');
		await session.destroy();
		expect(swarm.ended).toEqual([]);
	});

	it('is renewed again soon after a renewal that had no answer in time', async () => {
		swarm = new Sessions(1_000);
		const session = await swarm.open();
		swarm.status = null;
		await swarm.time.pass(12_000);
		const calls = swarm.renewed.length;
		expect(calls).toBeGreaterThan(2);
		swarm.status = 'ok';
		await swarm.time.pass(60_000);
		expect(session.lost.aborted).toBe(false);
		await expect(session.renew({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
	});

	it('that its owner has ended is renewed no more, and what it waits for fails', async () => {
		swarm = new Sessions();
		const session = await swarm.open();
		swarm.status = null;
		const renewal = session.renew({ signal: session.lost });
		const failed = expect(renewal).rejects.toEqual(new SessionLostError('destroyed'));
		const destroyed = session[Symbol.asyncDispose]();
		const unknown = expect(destroyed).rejects.toThrow(UnknownOutcomeError);
		await Promise.all([failed, unknown, swarm.time.pass(100_000)]);
		expect(swarm.ended.length).toBeGreaterThan(0);
		expect(swarm.renewed).toHaveLength(0);
		expect(whyOf(session)).toBe('destroyed');
	});

	it('that nobody wants any more when it is created is ended', async () => {
		swarm = new Sessions();
		const abort = new AbortController();
		const opened = OpenSession.create(lockOwner(swarm.core, swarm.time.runtime), attributesOf({}), abort.signal);
		swarm.status = null;
		const failed = expect(opened).rejects.toThrow('enough');
		await swarm.time.pass(100);
		abort.abort(new Error('enough'));
		swarm.status = 'ok';
		await Promise.all([failed, swarm.time.pass(100_000)]);
		expect([swarm.created.length, swarm.ended.length, swarm.renewed.length]).toEqual([1, 1, 0]);
	});

	it('is not there where the swarm has too many', async () => {
		swarm = new Sessions();
		swarm.status = 'conditionFailed';
		// The first command registers the client.
		const { time } = swarm;
		const opened = OpenSession.create(lockOwner(swarm.core, time.runtime), attributesOf({}));
		const refused = expect(opened).rejects.toMatchObject({ why: 'overloaded' } satisfies Partial<RefusedError>);
		await Promise.all([refused, time.pass(1_000)]);
	});
});

it('the ids of sessions are UUIDs of random bytes', () => {
	const id = uuidOf(Uint8Array.from({ length: 16 }, (_, at) => 255 - at));
	expect(id).toBe('fffefdfc-fbfa-49f8-b7f6-f5f4f3f2f1f0');
	expect(isSessionId(id)).toBe(true);
});
