/** `debug` gathers what helps, and nothing that must stay secret. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LastLines } from '../../server/log/last-lines.ts';
import { jsonWithoutSecrets, withoutSecrets } from '../../server/log/without-secrets.ts';
import { FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
beforeEach(async () => {
	fake = await FakeSwarm.create();
});
afterEach(() => fake.close());

/** All files below the folder, with their texts. */
function filesIn(folder: string): Record<string, string> {
	const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
	const files = names.filter((name) => statSync(join(folder, name)).isFile());
	return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

it('makes a folder with what each node says, and tells of those that say nothing', async () => {
	fake.first.answer = { body: 'what the node says' };
	fake.second.answer = { hangUp: true };
	const { status, stdout } = await fake.run('debug --out trouble');
	expect([status, stdout]).toEqual([0, expect.stringMatching(/^n1 .* has answered\nn2 .*\nAll of it is in .*trouble/)]);
	const folder = join(fake.folder, 'trouble');
	expect(statSync(folder).mode & 0o777).toBe(0o700);
	const files = filesIn(folder);
	const ofNode = ['debug.json', 'livez.txt', 'members.json', 'metrics.txt', 'readyz.txt', 'status.json'];
	expect(Object.keys(files).toSorted()).toEqual(
		[
			'about.json',
			...ofNode.map((name) => `n1/${name}`),
			...ofNode.map((name) => `n2/${name}`),
			'swarm.json',
		].toSorted(),
	);
	expect(files['n1/debug.json']).toBe('what the node says');
	expect(files['n2/debug.json']).toMatch(/^No answer from http/);
	expect(JSON.parse(files['swarm.json'] ?? '')).toMatchObject({ name: 'swarm', nodes: [{ id: 'n1' }, { id: 'n2' }] });
});

it('leaves out every secret of the environment, however it is written, also where a node told it', async () => {
	const file = join(fake.folder, 'a.token');
	writeFileSync(file, 'from a "file"\n');
	const environment = { SWARM_SECRET: 'hush & hush', SWARM_TOKEN_FILE: file, CONSUL_HTTP_TOKEN: 'for-consul-only' };
	fake.first.answer = {
		body: JSON.stringify(['hush & hush', 'hush%20%26%20hush', 'from a "file"', 'for-consul-only', 'said']),
	};
	await fake.run('debug --out trouble', '', { environment });
	const texts = Object.values(filesIn(join(fake.folder, 'trouble'))).join('\n');
	expect(texts).toContain('["[secret]","[secret]","[secret]","[secret]","said"]');
	expect(texts).not.toMatch(/hush|from a|for-consul/);
	expect(JSON.parse(readFileSync(join(fake.folder, 'trouble/about.json'), 'utf8'))).toMatchObject({
		variables: Object.keys(environment),
	});
});

it('ends with status 4 where no node answers, and touches no folder that is there', async () => {
	fake.first.answer = { hangUp: true };
	fake.second.answer = { hangUp: true };
	// Both answer /livez only.
	await fake.first.close();
	await fake.second.close();
	expect((await fake.run('debug --out trouble')).status).toBe(4);
	expect(await fake.run('debug --out trouble')).toMatchObject({
		status: 1,
		stderr: expect.stringMatching(/The folder .*trouble cannot be made: it is there already\./),
	});
});

it.runIf(process.platform === 'linux')('names the file that cannot be written', async () => {
	// Linux takes paths of up to 4,095 bytes: that of the folder, and of no file in it.
	let out = fake.folder;
	while (out.length < 3840) out = join(out, 'x'.repeat(250));
	mkdirSync(out, { recursive: true });
	out = join(out, 'x'.repeat(4090 - out.length - 1));
	const { status, stderr } = await fake.run(`debug --out ${out}`);
	expect([status, stderr]).toEqual([1, expect.stringMatching(/x\/about\.json cannot be written: ENAMETOOLONG: .*\n$/)]);
});

it('remembers the last lines only, within a bound of characters', () => {
	const last = new LastLines(3, 10);
	for (const line of ['one', 'two', 'three', 'four']) last.add(line);
	expect(last.lines).toEqual(['three', 'four']);
	last.add('a');
	expect(last.lines).toEqual(['three', 'four', 'a']);
	last.add('longer than all');
	expect(last.lines).toEqual(['longer tha']);
});

it('leaves short secrets alone, which are a part of many words', () => {
	expect(withoutSecrets('an apple', ['a', 'apple'])).toBe('an [secret]');
});

it('takes no number for a secret in JSON, which stays JSON', async () => {
	fake.first.answer = { body: '{"bytes":14096,"said":["4096","n4096\\n"]}' };
	await fake.run('debug --out trouble', '', { environment: { MAX_TOKENS: '4096' } });
	const status = filesIn(join(fake.folder, 'trouble'))['n1/status.json'] ?? '';
	expect(JSON.parse(status)).toEqual({ bytes: 14096, said: ['[secret]', 'n[secret]\n'] });
});

it('leaves a secret out of a line of the log and of what looks like JSON, and an escape whole', () => {
	const secrets = ['1764', 'nope', 'a "b"'];
	const line = '{"time":1764378404096,"msg":"1764 \\nope a \\"b\\""}\n';
	expect(jsonWithoutSecrets(line, secrets)).toBe('{"time":1764378404096,"msg":"[secret] \\nope [secret]"}\n');
	expect(jsonWithoutSecrets('{"time":1764', secrets)).toBe('{"time":[secret]');
});
