/**
 * The primary process: starts every node as a child process, says what becomes of each, and stops them all.
 *
 * It knows nothing of Paxos, of ports or of data folders, and no child outlives it: each watches its end of
 * the IPC channel. It never starts a node a second time: that is for people to decide, and it says how.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { isChildMessage } from './launched.ts';
import type { StartProgress } from './replica/memory.ts';

export interface LaunchedNode {
	readonly id: string;
	readonly url: string;
	/** The arguments of `process.execPath`. */
	readonly args: readonly string[];
	/** What to do once it is down, as one or more sentences. */
	readonly whenDown: string;
}

export interface LaunchOptions {
	readonly nodes: readonly LaunchedNode[];
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** Where signals are heard: `process`. */
	readonly signals: EventEmitter;
	/** Those that stop all nodes, beside SIGINT. */
	readonly stopSignals: readonly NodeJS.Signals[];
	say(line: string): void;
	complain(line: string): void;
	/** What it means that so many of the nodes started here are left, as a sentence. */
	whenLeft(count: number): string;
	/** A node that starts is so far; null where it is ready or has ended. */
	onProgress(id: string, progress: StartProgress | null): void;
	/** All nodes are ready. */
	onReady(): void;
}

/** A child that has not closed by then is killed. */
const STOP_MAX_MS = 5000;
/** npm passes a Ctrl-C on that the terminal has sent as well: what comes this soon is the same one. */
const SAME_INTERRUPT_MS = 500;

/**
 * Resolves when no child is left: with true where all became ready and were stopped on request, false where
 * one failed at the start or none was left to run.
 */
export function launch(options: LaunchOptions): Promise<boolean> {
	return new Promise((resolve) => {
		new Launcher(options, resolve).start();
	});
}

type ChildState = 'starting' | 'ready' | 'ended';

interface Child {
	readonly node: LaunchedNode;
	readonly process: ChildProcess;
	state: ChildState;
	/** What it said before it ended; empty for nothing. */
	why: string;
}

class Launcher {
	readonly #options: LaunchOptions;
	readonly #done: (fine: boolean) => void;
	readonly #children: Child[] = [];
	/** `failing`: one could not start, and so the others have to stop. */
	#phase: 'running' | 'stopping' | 'failing' = 'running';
	#interruptedMs = 0;
	#killTimer: NodeJS.Timeout | undefined;
	readonly #onInterrupt = () => this.#interrupt();
	readonly #onTerminate = () => this.#stop();

	constructor(options: LaunchOptions, done: (fine: boolean) => void) {
		this.#options = options;
		this.#done = done;
	}

	start(): void {
		this.#options.signals.on('SIGINT', this.#onInterrupt);
		for (const signal of this.#options.stopSignals) this.#options.signals.on(signal, this.#onTerminate);
		for (const node of this.#options.nodes) this.#children.push(this.#spawn(node));
	}

	#spawn(node: LaunchedNode): Child {
		const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
		const started = spawn(process.execPath, node.args, { env: { ...this.#options.environment }, stdio: [...stdio] });
		const child: Child = { node, process: started, state: 'starting', why: '' };
		started.on('message', (message) => {
			if (!isChildMessage(message)) return;
			if (message.kind === 'failed') child.why = message.why;
			else if (message.kind === 'ready') this.#ready(child);
			else if (child.state === 'starting') this.#options.onProgress(node.id, message.progress);
		});
		started.on('error', (error) => this.#ended(child, error.message));
		started.on('exit', (status, signal) => this.#ended(child, signal ?? `exit status ${status}`));
		return child;
	}

	#ready(child: Child): void {
		if (child.state !== 'starting') return;
		child.state = 'ready';
		this.#options.onProgress(child.node.id, null);
		if (this.#phase !== 'running') return;
		this.#options.say(`${child.node.id} ready  ${child.node.url}`);
		if (this.#children.every(({ state }) => state === 'ready')) this.#options.onReady();
	}

	#ended(child: Child, how: string): void {
		if (child.state === 'ended') return;
		const before = child.state;
		child.state = 'ended';
		this.#options.onProgress(child.node.id, null);
		if (this.#phase === 'running') {
			const why = child.why === '' ? how : child.why;
			if (before === 'starting') this.#fail(`${child.node.id} could not start: ${why}`);
			else {
				const left = this.#options.whenLeft(this.#running().length);
				this.#options.complain(`${child.node.id} is down: ${why}\n${left} ${child.node.whenDown}`);
			}
		}
		if (this.#running().length === 0) this.#finish();
	}

	#fail(message: string): void {
		this.#phase = 'failing';
		this.#options.complain(message);
		this.#askToEnd();
	}

	/** The second one, well after the first, does not wait any more. */
	#interrupt(): void {
		const nowMs = performance.now();
		if (this.#phase === 'running') {
			this.#interruptedMs = nowMs;
			return this.#stop();
		}
		if (nowMs - this.#interruptedMs > SAME_INTERRUPT_MS) this.#kill();
	}

	#stop(): void {
		if (this.#phase !== 'running') return;
		this.#phase = 'stopping';
		this.#options.say('Stopping …');
		this.#askToEnd();
	}

	#askToEnd(): void {
		for (const child of this.#running()) child.process.kill('SIGTERM');
		this.#killTimer = setTimeout(() => this.#kill(), STOP_MAX_MS);
	}

	#kill(): void {
		for (const child of this.#running()) child.process.kill('SIGKILL');
	}

	#finish(): void {
		clearTimeout(this.#killTimer);
		this.#options.signals.off('SIGINT', this.#onInterrupt);
		for (const signal of this.#options.stopSignals) this.#options.signals.off(signal, this.#onTerminate);
		if (this.#phase === 'running') this.#options.complain('No node is left.');
		this.#done(this.#phase === 'stopping');
	}

	#running(): readonly Child[] {
		return this.#children.filter(({ state }) => state !== 'ended');
	}
}
