/** A swarm in memory, as a program uses it: commands, reads, changes, and what a failing state machine does. */
import { afterEach, describe, expect, it } from 'vitest';
import { createSwarm, type LocalSwarm, type OwnNode } from '../../server/embedding/main.ts';
import { CompactedError, RefusedError, UnknownOutcomeError } from '../../shared/client/errors.ts';
import { MachineError } from '../../shared/store/own-machine.ts';
import { ResultLostError } from '../../shared/store/state-machine.ts';
import { type Add, type Added, type Counters, counters } from '../store/counter.ts';

const CALL = { timeoutMs: 20_000 };

let close: () => Promise<void> = async () => undefined;

afterEach(() => close());

async function start(over: Partial<typeof counters> = {}): Promise<LocalSwarm<OwnNode<Counters, Add, Added>>> {
	const swarm = await createSwarm({ machine: { ...counters, ...over } });
	close = () => swarm.close();
	return swarm;
}

describe('a swarm in memory with a state machine of the user’s own', () => {
	it('applies what any node proposes, answers with the result, and reads what was acknowledged at every node', async () => {
		const swarm = await start();
		const results = await Promise.all(swarm.nodes.map((node) => node.propose({ name: 'a', by: 1 }, CALL)));
		expect(results.map(({ value }) => value).sort()).toEqual([1, 2, 3]);
		for (const node of swarm.nodes) expect(await node.read((state) => state.get('a'), CALL)).toBe(3);
		const { leader } = swarm;
		expect(leader?.stale((state) => state.get('a'))).toBe(3);
		expect(swarm.nodes.filter(({ status }) => status.leader === leader?.id)).toHaveLength(3);
	});

	it('tells every change once and in order at every node, from any revision that is remembered', async () => {
		const swarm = await start();
		const [first, second] = swarm.nodes as [OwnNode<Counters, Add, Added>, OwnNode<Counters, Add, Added>];
		for (let by = 1; by <= 3; by++) await first.propose({ name: 'a', by }, CALL);
		const revisions: number[] = [];
		const seen: number[] = [];
		let later: Promise<Added> | undefined;
		for await (const { revision, command, result } of second.changes({ from: 0 })) {
			expect(result.value).toBe(seen.reduce((sum, by) => sum + by, command.by));
			revisions.push(revision);
			seen.push(command.by);
			if (seen.length === 3) later = first.propose({ name: 'a', by: 10 }, CALL);
			if (seen.length === 4) break;
		}
		expect(seen).toEqual([1, 2, 3, 10]);
		expect(await later).toMatchObject({ value: 16 });
		for await (const { command } of second.changes({ from: revisions[1] as number })) {
			expect(command.by).toBe(3);
			break;
		}
	});

	it('ends a loop over changes by a signal with its reason, and with the node without one', async () => {
		const swarm = await start();
		const node = swarm.node('n1');
		const abort = new AbortController();
		const aborted = node.changes({ signal: abort.signal }).next();
		const ending = node.changes().next();
		abort.abort(new Error('enough'));
		await expect(aborted).rejects.toThrow('enough');
		await node.close();
		expect(await ending).toEqual({ done: true, value: undefined });
		await expect(node.propose({ name: 'a', by: 1 })).rejects.toMatchObject({ name: 'RefusedError', why: 'closed' });
		expect(await node.stopped).toBeNull();
	});

	it('ends the changes of a reader that leaves while it waits for the next ones', async () => {
		const swarm = await start();
		const changes = swarm.node('n1').changes();
		const waiting = changes.next();
		expect(await changes.return?.()).toEqual({ done: true, value: undefined });
		expect([await waiting, await changes.next()]).toEqual(Array(2).fill({ done: true, value: undefined }));
	});

	it('refuses a read and a command where no leader can be reached, and goes on when it can', async () => {
		const swarm = await start();
		const follower = swarm.nodes.find(({ status }) => !status.isLeader) as OwnNode<Counters, Add, Added>;
		swarm.isolate(follower.id);
		await expect(follower.read((state) => state, { timeoutMs: 50 })).rejects.toBeInstanceOf(RefusedError);
		const proposed = follower.propose({ name: 'a', by: 1 }, { timeoutMs: 50 });
		await expect(proposed).rejects.toSatisfy(
			(error) => error instanceof RefusedError || error instanceof UnknownOutcomeError,
		);
		swarm.reconnect(follower.id);
		await follower.ready();
		expect(await follower.propose({ name: 'b', by: 1 }, CALL)).toMatchObject({ value: 1 });
	});

	it('brings a node that lacks what no log holds any more to the same state, and tells its readers and callers so', async () => {
		let trimmed = (): void => undefined;
		const isTrimmed = new Promise<void>((resolve) => {
			trimmed = resolve;
		});
		const nodes = new Set<unknown>();
		const note = (...[fields, text]: readonly unknown[]): void => {
			if (!String(text).startsWith('keeps no slot up to')) return;
			nodes.add((fields as { readonly node: string }).node);
			if (nodes.size === 2) trimmed();
		};
		const logger = { debug: note, info: note, warn: note, error: note, fatal: note };
		const swarm = await createSwarm({ machine: counters, logMiB: 1, logger });
		close = () => swarm.close();
		const away = swarm.nodes.find(({ status }) => !status.isLeader) as OwnNode<Counters, Add, Added>;
		const { leader } = swarm;
		await away.propose({ name: 'first', by: 1 }, CALL);
		const reading = expect(away.changes().next()).rejects.toBeInstanceOf(CompactedError);
		const lost = away.propose({ name: 'lost', by: 1 }, { timeoutMs: 120_000 });
		const losing = expect(lost).rejects.toBeInstanceOf(ResultLostError);
		// A turn of the node that sends its command, and one that takes it to the leader: no node has proposed it yet.
		for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
		swarm.isolate(away.id);
		const written = Array.from({ length: 20 }, (_, count) => `${count} ${'x'.repeat(100_000)}`);
		for (const name of written) await leader?.propose({ name, by: 1 }, CALL);
		await isTrimmed;
		swarm.reconnect(away.id);
		await away.ready();
		await reading;
		await losing;
		expect(away.stale((state) => [...state.keys()])).toEqual(['first', 'lost', ...written]);
		expect(away.stale((state) => state.get('lost'))).toBe(1);
		expect(await away.propose({ name: written[0] as string, by: 1 }, CALL)).toMatchObject({ value: 2 });
		expect(await leader?.read((state) => state.get(written[0] as string), CALL)).toBe(2);
	});

	it('lets another node lead, and refuses that at one that does not lead', async () => {
		const swarm = await start();
		const leader = swarm.leader as OwnNode<Counters, Add, Added>;
		const next = await leader.handover(undefined, CALL);
		expect(next).not.toBe(leader.id);
		await swarm.node(next).ready();
		const other = swarm.nodes.find(({ status }) => !status.isLeader) as OwnNode<Counters, Add, Added>;
		await expect(other.handover()).rejects.toBeInstanceOf(RefusedError);
	});

	it('refuses a state machine whose name data cannot carry', async () => {
		await expect(start({ name: 'key-value' })).rejects.toMatchObject({ name: 'ConfigError' });
		for (const lacks of ['initial', 'apply', 'snapshot', 'restore', 'command', 'result']) {
			const starting = start({ [lacks]: undefined });
			await expect(starting).rejects.toThrow(`the state machine "counters" has no function ${lacks}`);
		}
	});

	it('proposes what a codec has written that writes everything into one array', async () => {
		const one = new Uint8Array(2);
		const encode = ({ by }: Add) => {
			one.set([0x30 + by, 0x20]);
			return one;
		};
		const decode = ([digit = 0]: Uint8Array) => ({ name: 'a', by: digit - 0x30 });
		const swarm = await start({ command: { encode, decode } });
		const node = swarm.node('n1');
		await Promise.all([1, 2, 3, 4].map((by) => node.propose({ name: 'a', by }, CALL)));
		expect(await node.read((state) => state.get('a'), CALL)).toBe(10);
	});

	it('refuses a command that is too large, and tells what a codec has thrown, to its caller alone', async () => {
		const encode = ({ name }: Add) =>
			name === 'text' ? (name as unknown as Uint8Array) : new Uint8Array(Number(name));
		const swarm = await start({ command: { ...counters.command, encode } });
		const node = swarm.node('n1');
		await expect(node.propose({ name: '524289', by: 1 })).rejects.toThrow('max size: 524288 bytes');
		await expect(node.propose({ name: '-1', by: 1 })).rejects.toThrow(RangeError);
		await expect(node.propose({ name: 'text', by: 1 })).rejects.toThrow('command.encode returned no Uint8Array');
		expect(node.status.fault).toBeNull();
		expect(await node.read(({ size }) => size, CALL)).toBe(0);
	});

	it('stops a node whose state machine has thrown, and says so', async () => {
		const swarm = await start();
		const leader = swarm.leader as OwnNode<Counters, Add, Added>;
		await expect(leader.propose({ name: 'a', by: 13 }, CALL)).rejects.toBeInstanceOf(UnknownOutcomeError);
		const error = await leader.stopped;
		expect(error).toBeInstanceOf(MachineError);
		expect(error?.message).toMatch(/^the state machine "counters" has failed in apply at slot \d+: thirteen$/);
		expect(leader.status).toMatchObject({ leader: null, isLeader: false });
	});

	it('has no node as its leader that was closed', async () => {
		const swarm = await start();
		const { leader } = swarm;
		await leader?.close();
		const [first, second] = swarm.nodes.filter((node) => node !== leader);
		await first?.ready();
		await second?.ready();
		expect([first, second]).toContain(swarm.leader);
		expect(leader?.status).toMatchObject({ leader: null, isLeader: false });
	});

	it('is not waited for until it is ready once the signal is aborted', async () => {
		const swarm = await start();
		swarm.isolate('n1');
		const abort = new AbortController();
		const ready = swarm.node('n1').ready({ signal: abort.signal });
		abort.abort(new Error('enough'));
		await expect(ready).rejects.toThrow('enough');
	});

	it('stops a node whose state machine waits for something, or looks at itself from outside', async () => {
		const waits = await start({ apply: (async () => ({})) as unknown as typeof counters.apply });
		const { leader } = waits;
		await expect(leader?.propose({ name: 'a', by: 1 }, CALL)).rejects.toBeInstanceOf(UnknownOutcomeError);
		expect((await leader?.stopped)?.message).toContain('it returned a promise, and must not wait for anything');
		await waits.close();
		let looking: OwnNode<Counters, Add, Added> | undefined;
		const looks = await start({ apply: () => looking?.stale(() => undefined) as never });
		looking = looks.leader;
		await expect(looking?.propose({ name: 'a', by: 1 }, CALL)).rejects.toBeInstanceOf(UnknownOutcomeError);
		expect((await looking?.stopped)?.message).toContain('is not to be read while the state machine is called');
	});
});

describe('a swarm in memory with keys', () => {
	it('is used in the same way', async () => {
		const swarm = await createSwarm({ nodes: 1 });
		close = () => swarm.close();
		const node = swarm.node('n1');
		const put = { kind: 'put', key: 'a', value: Uint8Array.of(7), flags: 0n, cas: 0 } as const;
		const { ok, revision } = await node.propose(put, CALL);
		expect(ok).toBe(true);
		expect((await node.propose(put, CALL)).ok).toBe(false);
		expect(await node.read((state) => state.get('a')?.value, CALL)).toEqual(Uint8Array.of(7));
		for await (const changes of node.changes({ from: revision - 1 })) {
			expect(changes).toMatchObject({ revision, changes: [{ kind: 'put', key: 'a', value: Uint8Array.of(7) }] });
			break;
		}
		for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5', null] as number[]) {
			await expect(node.propose(put, { timeoutMs })).rejects.toMatchObject({ name: 'BadOptionsError' });
			await expect(node.read(() => 1, { timeoutMs })).rejects.toMatchObject({ name: 'BadOptionsError' });
			await expect(node.handover('n1', { timeoutMs })).rejects.toMatchObject({ name: 'BadOptionsError' });
		}
		for (const from of [-1, 1.5, Number.NaN, '1', null] as number[]) {
			expect(() => node.changes({ from })).toThrow('from is a revision or 0');
		}
		await expect(node.propose({ ...put, key: '/' })).rejects.toMatchObject({ name: 'BadKeyError' });
		for (const wrong of [
			undefined,
			null,
			'put',
			{},
			{ kind: 'get', key: 'a' },
			{ kind: 'tick' },
			{ ...put, value: null },
			{ ...put, key: 5 },
			{ ...put, flags: 0 },
			{ ...put, flags: undefined },
			{ ...put, flags: -1n },
			{ ...put, cas: undefined },
			{ ...put, cas: 1.5 },
			{ kind: 'delete', key: 'a' },
			{ kind: 'deletePrefix' },
		]) {
			const refused = node.propose(wrong as unknown as typeof put, CALL);
			await expect(
				refused,
				JSON.stringify(wrong, (_, it) => String(it)),
			).rejects.toThrow(/^(the|a|flags) /);
		}
		const reused = Uint8Array.of(1);
		const first = node.propose({ ...put, key: 'b', value: reused }, CALL);
		reused[0] = 2;
		await first;
		expect(await node.read((state) => state.get('b')?.value, CALL)).toEqual(Uint8Array.of(1));
		await expect(node.propose({ ...put, value: new Uint8Array(524_289) })).rejects.toMatchObject({
			name: 'BadValueError',
		});
		const ending = node.changes().next();
		await node.close();
		expect(await ending).toEqual({ done: true, value: undefined });
	});
});
