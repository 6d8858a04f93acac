/** Two stand-ins for nodes, a folder with a swarm.json that names them, and command lines that run there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Output } from '../../server/cli/output.ts';
import { run } from '../../server/cli/program.ts';
import { type FakeApi, fakeApi } from './api.ts';

export interface Ended {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunOptions {
	/** Whether stdout and stderr are a terminal of 60 columns. */
	readonly isTTY?: boolean;
	/** Whether the reader of stdout leaves when it has its first piece, as `head -1` does. */
	readonly leaves?: boolean;
	readonly environment?: Readonly<Record<string, string>>;
}

export class FakeSwarm {
	readonly folder = mkdtempSync(join(tmpdir(), 'swarm-cli-'));
	readonly first: FakeApi;
	readonly second: FakeApi;

	private constructor(first: FakeApi, second: FakeApi) {
		this.first = first;
		this.second = second;
		const nodes = [first, second].map(({ port }, index) => ({ id: `n${index + 1}`, port }));
		writeFileSync(join(this.folder, 'swarm.json'), JSON.stringify({ name: 'swarm', nodes }));
	}

	static async create(): Promise<FakeSwarm> {
		return new FakeSwarm(await fakeApi(), await fakeApi());
	}

	/** Arguments are split at spaces. */
	async run(
		line: string,
		stdin: string | Buffer = '',
		{ isTTY = false, leaves = false, environment = {} }: RunOptions = {},
	): Promise<Ended> {
		const terminal = isTTY ? { isTTY, columns: 60 } : {};
		const stdout = Object.assign(new PassThrough(), terminal);
		const stderr = Object.assign(new PassThrough(), terminal);
		if (leaves) stdout.once('data', () => stdout.destroy());
		const printed = Promise.all([leaves ? '' : text(stdout), text(stderr)]);
		const args = line.split(' ').filter((arg) => arg !== '');
		const status = await run(
			args,
			{ path: 'unused', version: '1.2.3' },
			{
				stdin: Readable.from([stdin]),
				stdout,
				stderr,
				environment,
				workingDir: this.folder,
				serve: () => ({ stdout: new Output(stdout), stderr: new Output(stderr), stopSignals: [] }),
			},
		);
		stdout.end();
		stderr.end();
		const [out, errors] = await printed;
		return { status, stdout: out, stderr: errors };
	}

	async close(): Promise<void> {
		await this.first.close();
		await this.second.close();
		rmSync(this.folder, { recursive: true });
	}
}
