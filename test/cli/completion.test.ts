/** The scripts by which shells complete command lines. That of bash is run; the others are read. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
let script: string;
beforeAll(async () => {
	fake = await FakeSwarm.create();
	script = join(fake.folder, 'completion.bash');
	writeFileSync(script, (await fake.run('completion bash')).stdout);
	writeFileSync(join(fake.folder, 'afile.json'), '');
});
afterAll(() => fake.close());

/** What bash offers for the last word of the line. */
async function completed(line: string): Promise<string[]> {
	const words = ['paxos-swarm', ...line.split(' ')];
	const run = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _paxos_swarm; printf '%s\\n' "\${COMPREPLY[@]}"`;
	const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', run, 'bash', script, ...words], {
		cwd: fake.folder,
	});
	return stdout.split('\n').filter((word) => word !== '');
}

describe('bash', () => {
	it.each([
		['kv w', ['watch']],
		['kv watch --i', ['--index']],
		['kv ls app/ -w ', ['simple', 'json', 'table']],
		['kv watch -w ', ['simple', 'json']],
		['delete --rec', ['--recurse']],
		['member re', ['remove', 'replace']],
		['session re', ['renew']],
		['lock job --t', ['--token-file', '--try', '--timeout', '--ttl']],
		['completion ', ['bash', 'zsh', 'fish']],
		['kv import af', ['afile.json']],
		['status --config af', ['afile.json']],
		['he', ['health', 'help']],
		['nothing --x', []],
	])('offers for "%s" %j', async (line, words) => {
		expect(await completed(line)).toEqual(words);
	});

	it('offers every command, but no hidden option', async () => {
		const help = (await fake.run('help')).stdout;
		for (const word of await completed('')) {
			if (!word.startsWith('-')) expect(help).toMatch(new RegExp(`^ {2}(\\w+\\|)?${word}\\b`, 'm'));
		}
		expect(await completed('node --l')).toEqual(['--log-level', '--lab']);
	});
});

it('zsh runs the functions of bash', async () => {
	const { status, stdout } = await fake.run('completion zsh');
	expect(status).toBe(0);
	expect(stdout).toMatch(/^#compdef paxos-swarm\nautoload -U \+X bashcompinit && bashcompinit\n/);
	expect(stdout).toContain((await fake.run('completion bash')).stdout);
});

it('fish has a line for each command and option', async () => {
	const { stdout } = await fake.run('completion fish');
	expect(stdout).toContain(
		"complete -c paxos-swarm -f -n '__paxos_swarm_at \\'kv\\'' -a ls -d 'list the keys that begin",
	);
	expect(stdout).toContain("-n '__paxos_swarm_at \\'kv ls\\'' -s w -l write-out -x -a 'simple json table' -d");
	expect(stdout).toContain("-n '__paxos_swarm_at \\'completion\\'' -a fish");
});

it('another shell is refused', async () => {
	expect(await fake.run('completion sh')).toMatchObject({ status: 2, stdout: '' });
});
