/** The commands `lock` and `session`, at a real node in this process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestClient, TestSwarm } from '../client/nodes.ts';
import { type Ended, FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
let swarm: TestSwarm;
let client: TestClient;
beforeAll(async () => {
	fake = await FakeSwarm.create();
	swarm = await TestSwarm.start(1);
	client = swarm.client();
});
afterAll(async () => {
	await swarm.stop();
	await fake.close();
});

/** A command line at the node. What is behind "--" stays there. */
function run(line: string): Promise<Ended> {
	const [before, ...behind] = line.split(' -- ');
	return fake.run([`${before} --endpoints ${swarm.urls[0]}`, ...behind].join(' -- '));
}

/** Writes a script. @returns the command that runs it */
function script(text: string): string {
	writeFileSync(join(fake.folder, 'script'), text);
	return 'sh script';
}

/** Waits until a file of the script's folder has this text. */
async function written(file: string, text: string): Promise<void> {
	const read = (): string => {
		try {
			return readFileSync(join(fake.folder, file), 'utf8');
		} catch {
			return '';
		}
	};
	await expect.poll(read, { timeout: 60_000 }).toBe(text);
}

describe('lock', () => {
	it('runs a command that knows its fence while it holds the key, and ends with its status', async () => {
		const command = script(
			'echo "$SWARM_LOCK_KEY $SWARM_LOCK_FENCE $SWARM_LOCK_INDEX $SWARM_LOCK_SESSION" > told; exit 9',
		);
		expect(await run(`lock job -- ${command}`)).toEqual({ status: 9, stdout: '', stderr: '' });
		const [key, fence, index, session] = readFileSync(join(fake.folder, 'told'), 'utf8').trim().split(' ');
		expect([key, index]).toEqual(['job', '1']);
		const entry = await client.get('job');
		expect(entry?.createRevision).toBe(Number(fence));
		// The next one need not wait for the lock delay.
		expect(entry?.lock).toEqual({ session: '', index: 1 });
		expect((await run(`session info ${session}`)).status).toBe(3);
		expect((await run('lock job --try -- true')).status).toBe(0);
		expect((await client.get('job'))?.lock.index).toBe(2);
	});

	it('says that the key is not free, when it is not to wait or has waited long enough', async () => {
		const lock = await client.lock('busy');
		const notFree = { status: 124, stdout: '', stderr: '"busy" was not free in time.\n' };
		expect(await run('lock busy --try -- touch ran')).toEqual(notFree);
		expect(await run('lock busy --timeout 5s -- touch ran')).toEqual(notFree);
		expect(() => readFileSync(join(fake.folder, 'ran'))).toThrow('ENOENT');
		const waits = run('lock busy --timeout 1h -- true');
		await expect.poll(async () => (await run('session list')).stdout.split('\n').length, { timeout: 60_000 }).toBe(3);
		await lock.release();
		expect((await waits).status).toBe(0);
	});

	it('says as shells do that a signal has ended the command, or that it was not run', async () => {
		expect(await run(`lock job -- ${script('kill -TERM $$')}`)).toMatchObject({ status: 143, stderr: '' });
		const missing = await run('lock job -- no-such-command');
		expect([missing.status, missing.stderr]).toEqual([
			127,
			expect.stringContaining('no-such-command: it cannot be run'),
		]);
		for (const command of ['./script', './script/below']) {
			expect(await run(`lock job -- ${command}`)).toMatchObject({
				status: 126,
				stderr: expect.stringContaining(`${command}: it cannot be run`),
			});
		}
		expect((await client.get('job'))?.lock.session).toBe('');
	});

	it('ends the command when the lock is lost, with a status of its own', async () => {
		const lost = run(`lock lost -- ${script('echo runs > lost; sleep 3600; echo > survived')}`);
		await written('lost', 'runs\n');
		await client.delete('lost');
		expect(await lost).toEqual({
			status: 125,
			stdout: '',
			stderr:
				'\n*** the lock of "lost" was lost: the key was deleted.\n*** The command is told to end, and is killed after 5s.\n\n',
		});
		// What does not end by SIGTERM ends by SIGKILL.
		const deaf = run(
			`lock deaf --lock-delay 20ms -- ${script("trap '' TERM; echo runs > deaf; while :; do sleep 1; done")}`,
		);
		await written('deaf', 'runs\n');
		const session = (await client.get('deaf'))?.lock.session;
		await run(`session destroy ${session}`);
		await client.delete('deaf');
		expect(await deaf).toMatchObject({ status: 125, stderr: expect.stringContaining('is killed after 20ms') });
	});

	it('refuses a wrong command line', async () => {
		expect((await run('lock job')).status).toBe(2);
		expect(await run('lock /a -- true')).toMatchObject({ status: 2, stderr: 'The key begins with a slash.\n' });
		expect(await run('lock job --ttl 1s -- true')).toMatchObject({
			status: 2,
			stderr: 'The swarm takes no session with a time-out of 1000 ms.\n',
		});
		expect((await run('lock job --try --timeout 1s -- true')).status).toBe(2);
	});

	it('says that no node answers', async () => {
		const { status, stderr } = await fake.run('lock job --timeout 300ms --endpoints http://127.0.0.1:1 -- touch ran');
		expect([status, stderr]).toEqual([4, 'No node could answer in time.\n']);
		expect(() => readFileSync(join(fake.folder, 'ran'))).toThrow('ENOENT');
	});
});

describe('session', () => {
	it('creates, lists, shows, renews and destroys sessions', async () => {
		const id = (
			await run('session create --ttl 90s --lock-delay 500ms --behavior delete --name importer')
		).stdout.trim();
		expect(id).toMatch(/^[0-9a-f-]{36}$/);
		const { ID: other } = JSON.parse((await run('session create -w json')).stdout) as { ID: string };
		const named = (await run('session create --name a\n\u001b[2Jb')).stdout.trim();
		const listed = `${id} importer\n${other}\n${named} "a\\n\\u001b[2Jb"\n`;
		expect((await run('session list')).stdout).toBe(listed);
		await run(`session destroy ${named}`);
		expect((await run(`session info ${id}`)).stdout).toBe(`${id} importer\n`);
		const [first, second, third] = (await run('session list -w table')).stdout.split('\n');
		expect(first).toMatch(/^ID +TTL +LOCK DELAY +BEHAVIOR +CREATED +NODE +NAME$/);
		expect(second).toMatch(new RegExp(`^${id} +1m30s|90s +500ms +delete +\\d+ +n1 +importer$`));
		expect(third).toMatch(new RegExp(`^${other} +none +15s +release +\\d+ +n1$`));
		expect(JSON.parse((await run(`session renew ${id} -w json`)).stdout)).toMatchObject([
			{ ID: id, Behavior: 'delete' },
		]);
		expect(await run(`session destroy ${id}`)).toEqual({ status: 0, stdout: '', stderr: '' });
		expect((await run(`session destroy ${other} -w json`)).stdout).toBe(`{"id":"${other}","done":true}\n`);
		expect((await run('session list -w json')).stdout.trim()).toBe('[]');
	});

	it.each(['info', 'renew'])('%s says with status 3 that there is no such session', async (what) => {
		expect(await run(`session ${what} nothing`)).toEqual({
			status: 3,
			stdout: '',
			stderr: 'There is no session "nothing".\n',
		});
	});

	it('create says what is wrong with a time-out', async () => {
		const { status, stderr } = await run('session create --ttl 1s');
		expect([status, stderr]).toEqual([1, "Invalid Session TTL '1000ms', must be between [10s=24h0m0s]\n"]);
	});
});
