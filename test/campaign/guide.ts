/**
 * Types the commands of `server/deploy/SEVERAL-MACHINES.md`, each where the document says. A machine is a network namespace
 * with an address, a folder and a shell of its own; only root can make one, on Linux. In the place of `scp` there is a
 * program that copies to the folder of the machine that is named, because nobody can log in there. Nothing is left behind.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
	chmodSync,
	createWriteStream,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	type WriteStream,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MAIN } from '../process/swarm.ts';

const GUIDE = join(dirname(MAIN), '../../server/deploy/SEVERAL-MACHINES.md');
const NETWORK = '10.77.0';
/** The machine from which people type. Its address is no node's. */
const OWN = 9;
const NODES = [1, 2, 3, 4];
/** Those of "each machine". */
const FIRST = [1, 2, 3];
/** The bound on one block. It only ends what hangs. */
const BLOCK_MAX_MS = 180_000;
const DONE = 'the block is done';

interface Block {
	/** The last numbers of the addresses of the machines that it is typed at, in order. */
	readonly at: readonly number[];
	readonly commands: string;
}

/** @param say is told each block @returns what went wrong, one sentence; none where each command did what it should */
export async function guide(say: (line: string) => void): Promise<string[]> {
	if (process.getuid?.() !== 0) return ['Only root can make network namespaces, so nothing was tried.'];
	const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-guide-'));
	const machines = new Map<number, Machine>();
	try {
		makePrograms(folder);
		for (const number of [OWN, ...NODES]) machines.set(number, new Machine(number, folder));
		for (const { at, commands } of blocksOf(readFileSync(GUIDE, 'utf8'))) {
			for (const number of at) {
				say(`${NETWORK}.${number}: ${commands.split('\n')[0]}`);
				await (machines.get(number) as Machine).type(commands.replaceAll('NODE=n1', `NODE=n${number}`));
			}
		}
		return [];
	} catch (error) {
		return [error instanceof Error ? error.message : String(error)];
	} finally {
		for (const machine of machines.values()) machine.remove();
		rmSync(folder, { recursive: true, force: true });
	}
}

/** The blocks of shell in the document. The first line of each says where it is typed. */
function blocksOf(document: string): Block[] {
	return [...document.matchAll(/^```sh\n# on (.*)\n([\s\S]*?)^```$/gm)].map(([, where = '', commands = '']) => {
		if (where === 'your own machine') return { at: [OWN], commands };
		if (where.startsWith('each machine')) return { at: FIRST, commands };
		const number = Number(where.replace(`${NETWORK}.`, ''));
		if (!NODES.includes(number)) throw new Error(`The guide names no machine that there is: ${where}.`);
		return { at: [number], commands };
	});
}

/** The program itself, and what stands for `scp`, in a folder that comes first in the paths of all machines. */
function makePrograms(folder: string): void {
	mkdirSync(join(folder, 'bin'));
	const programs = {
		'paxos-swarm': `exec '${process.execPath}' '${MAIN}' "$@"`,
		scp: `files=()
for each in "$@"; do [ "$each" = -r ] || files+=("$each"); done
to=\${files[-1]}; unset 'files[-1]'
exec cp -r "\${files[@]}" '${folder}'/"\${to%%:*}/\${to#*:}"`,
	};
	for (const [name, script] of Object.entries(programs)) {
		const file = join(folder, 'bin', name);
		writeFileSync(file, `#!/bin/bash\n${script}\n`);
		chmodSync(file, 0o755);
	}
}

class Machine {
	readonly #namespace: string;
	readonly #address: string;
	readonly #shell: ChildProcess;
	/** What is typed. It comes by a pipe with a name, because the programs of the machine share the shell's input. */
	readonly #typed: WriteStream;
	#output = '';
	#heard: () => void = () => undefined;

	/** Those of the nodes are linked to a bridge in that of `OWN`, which has to be made first. */
	constructor(number: number, folder: string) {
		const name = (of: number): string => `paxos-guide-${process.pid}-${of}`;
		this.#namespace = name(number);
		this.#address = `${NETWORK}.${number}`;
		const home = join(folder, this.#address);
		mkdirSync(home);
		ip(`netns add ${this.#namespace}`);
		ip(`-n ${this.#namespace} link set lo up`);
		if (number === OWN) ip(`-n ${this.#namespace} link add net type bridge`);
		else {
			ip(`-n ${name(OWN)} link add to${number} type veth peer name net netns ${this.#namespace}`);
			ip(`-n ${name(OWN)} link set to${number} master net up`);
		}
		ip(`-n ${this.#namespace} address add ${this.#address}/24 dev net`);
		ip(`-n ${this.#namespace} link set net up`);
		const inherited = Object.entries(process.env).filter(([variable]) => !/^(SWARM|CONSUL)_/.test(variable));
		const typed = join(folder, `${this.#address}.typed`);
		execFileSync('mkfifo', [typed]);
		this.#shell = spawn('ip', ['netns', 'exec', this.#namespace, 'bash', typed], {
			cwd: home,
			env: { ...Object.fromEntries(inherited), HOME: home, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		this.#typed = createWriteStream(typed);
		for (const stream of [this.#shell.stdout, this.#shell.stderr]) {
			stream?.on('data', (chunk: Buffer) => {
				this.#output += chunk;
				this.#heard();
			});
		}
		this.#shell.on('close', () => this.#heard());
		// As at a terminal, processes behind `&` are jobs. The first command that fails ends the shell.
		this.#typed.write('set -emo pipefail\n');
	}

	/** Resolves when all commands of a block were carried out. @throws Error with what was printed where one has failed */
	async type(commands: string): Promise<void> {
		this.#output = '';
		this.#typed.write(`${commands.split('\n').map(checked).join('\n')}\necho '${DONE}'\n`);
		const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), BLOCK_MAX_MS).unref());
		while (!this.#output.includes(DONE)) {
			const heard = new Promise<void>((resolve) => {
				this.#heard = resolve;
			});
			const isLate = (await Promise.race([heard, late])) === 'late';
			if (!isLate && this.#shell.exitCode === null) continue;
			throw new Error(
				`At ${this.#address} a command ${isLate ? 'does not end' : 'has failed'}:\n${commands}\n${this.#output}`,
			);
		}
	}

	/** Ends all processes of the machine, and removes it. */
	remove(): void {
		this.#typed.destroy();
		for (const pid of ip(`netns pids ${this.#namespace}`).split('\n').filter(Boolean)) {
			try {
				process.kill(Number(pid), 'SIGKILL');
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
			}
		}
		ip(`netns delete ${this.#namespace}`);
	}
}

/** A command that has to print what the document says, or has to fail, so that the shell ends where it does not. */
function checked(line: string): string {
	if (line.startsWith('! ')) return `if ${line.slice(2)}; then echo 'It should have failed.'; exit 1; fi`;
	const [, command, printed] = /^(.*) # prints: (.*)$/.exec(line) ?? [];
	if (command === undefined) return line;
	return `printed=$(${command}); echo "$printed"; [ "$printed" = '${printed}' ]`;
}

/** Runs `ip`. @returns what it prints @throws Error where it fails, such as where namespaces are not permitted */
function ip(line: string): string {
	return execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
