/**
 * The primary process: it starts every node as a child process, reports when one is ready or down, and stops them all.
 *
 * It knows nothing of Paxos, ports or data folders. No child outlives it, because each watches the IPC channel. It starts
 * a node a second time only in a lab, where people ask for it; elsewhere it tells them how to do that.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import type { NodeAct } from '../../shared/lab.ts';
import type { StartProgress } from '../replica/memory.ts';
import { holdStill } from './hold-still.ts';
import { type ActedMessage, type ChildMessage, isChildMessage } from './launched.ts';

export interface LaunchedNode {
	readonly id: string;
	readonly url: string;
	/** The arguments for `process.execPath`. */
	readonly args: readonly string[];
	/** Says what people can do once it is down, in one or more sentences. */
	readonly whenDown: string;
}

/** What only a lab does to nodes. */
export interface LaunchLab {
	/** Why a node that is down must not be started again, a sentence; null where it may. */
	readonly neverAgain: string | null;
	/** Removes the data of a node that is down. */
	wipe(id: string): void;
}

export interface LaunchOptions {
	readonly nodes: readonly LaunchedNode[];
	/** null where nodes may do nothing to each other. */
	readonly lab: LaunchLab | null;
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** The emitter of signals: `process`. */
	readonly signals: EventEmitter;
	/** The signals that stop all nodes, beside SIGINT. */
	readonly stopSignals: readonly NodeJS.Signals[];
	say(line: string): void;
	complain(line: string): void;
	/** Says in a sentence what it means that so many of the nodes started here are left, and so many were removed. */
	whenLeft(count: number, removed: number): string;
	/** The progress of a node that starts; null where it is ready or has ended. */
	onProgress(id: string, progress: StartProgress | null): void;
	/** All nodes have been ready, beside those that were removed from the swarm or killed before. */
	onReady(): void;
}

/** A child that has not ended within this time is killed. */
const STOP_MAX_MS = 5000;
/** npm passes on a Ctrl-C that the terminal has sent to this process too. A second one within this time is the same. */
const SAME_INTERRUPT_MS = 500;

/**
 * Resolves when no child is left: with true where they were stopped on request, with false where one could not start or
 * all had ended by themselves.
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
	/** Why it could not start, as it told; '' where it told nothing. */
	why: string;
	/** It is no member of the swarm any more. */
	isRemoved: boolean;
	/** Whether it may end before it is ready: in a lab it was started again, or is killed. */
	mayFail: boolean;
	/** Lets a paused process go on; null for one that is not paused. */
	goOn: (() => void) | null;
}

class Launcher {
	readonly #options: LaunchOptions;
	readonly #done: (fine: boolean) => void;
	/** The newest process of each node. */
	#children: Child[] = [];
	#toldReady = false;
	/** `failing`: a child could not start, so the others are stopped. */
	#phase: 'running' | 'stopping' | 'failing' = 'running';
	/** Whether something may be done to a node depends on what is done before it, so the one is over before the other. */
	#lastAct: Promise<unknown> = Promise.resolve();
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
		for (const node of this.#options.nodes) this.#children.push(this.#spawn(node, false));
	}

	#spawn(node: LaunchedNode, mayFail: boolean): Child {
		const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
		const started = spawn(process.execPath, node.args, { env: { ...this.#options.environment }, stdio: [...stdio] });
		const child: Child = {
			node,
			process: started,
			state: 'starting',
			why: '',
			isRemoved: false,
			mayFail,
			goOn: null,
		};
		started.on('message', (message) => {
			if (isChildMessage(message)) this.#told(child, message);
		});
		started.on('error', (error) => this.#ended(child, error.message));
		started.on('exit', (status, signal) => this.#ended(child, signal ?? `exit status ${status}`));
		return child;
	}

	#told(child: Child, message: ChildMessage): void {
		switch (message.kind) {
			case 'failed':
				child.why = message.why;
				return;
			case 'removed':
				return this.#removed(child);
			case 'ready':
				return this.#ready(child);
			case 'progress':
				if (child.state === 'starting') this.#options.onProgress(child.node.id, message.progress);
				return;
			case 'act':
				void this.#answer(child, message);
		}
	}

	async #answer(
		{ process: asker }: Child,
		{ number, act, node }: ChildMessage & { readonly kind: 'act' },
	): Promise<void> {
		const acted = this.#lastAct.then(() => this.#act(act, node)).catch((error: Error) => `It failed: ${error.message}`);
		this.#lastAct = acted;
		const why = await acted;
		const answer: ActedMessage = { kind: 'acted', number, why };
		// A node that asked for its own end hears no answer.
		if (asker.connected) asker.send(answer, () => undefined);
	}

	/** @returns why it cannot be done, a sentence; null where it is done */
	async #act(act: NodeAct, id: string): Promise<string | null> {
		const { lab } = this.#options;
		const child = this.#children.find(({ node }) => node.id === id);
		if (lab === null) return 'The primary process was started without --lab.';
		if (!child) return `${id} was not started by this primary process.`;
		if (this.#phase !== 'running') return 'The swarm is stopping.';
		const isDown = child.state === 'ended';
		const isLast = this.#running().every((other) => other === child || other.goOn !== null);
		switch (act) {
			case 'start':
				if (!isDown) return `${id} runs already.`;
				if (lab.neverAgain !== null) return lab.neverAgain;
				this.#children = this.#children.map((other) => (other === child ? this.#spawn(child.node, true) : other));
				return null;
			case 'resume':
				if (child.goOn === null) return `${id} is not paused.`;
				child.goOn();
				child.goOn = null;
				return null;
			case 'pause':
				if (isDown) return `${id} is down.`;
				if (child.goOn !== null) return `${id} is paused already.`;
				if (isLast) return lastText(id);
				child.goOn = holdStill(child.process);
				return null;
			case 'kill':
			case 'wipe':
				if (isDown && act === 'kill') return `${id} is down already.`;
				if (!isDown && isLast) return lastText(id);
				if (!isDown) {
					child.mayFail = true;
					const exited = once(child.process, 'exit');
					child.process.kill('SIGKILL');
					await exited;
				}
				if (act === 'wipe') lab.wipe(id);
				return null;
		}
	}

	#ready(child: Child): void {
		if (child.state !== 'starting' || child.isRemoved) return;
		child.state = 'ready';
		this.#options.onProgress(child.node.id, null);
		if (this.#phase !== 'running') return;
		this.#options.say(`${child.node.id} ready  ${child.node.url}`);
		this.#tellReady();
	}

	/** It ends by itself. The others are waited for without it. */
	#removed(child: Child): void {
		if (child.isRemoved) return;
		child.isRemoved = true;
		if (this.#phase === 'running' && child.state === 'starting') this.#tellReady();
	}

	/** Called when a child is ready, is removed or has ended. The first of these calls after which none starts any more tells. */
	#tellReady(): void {
		if (this.#toldReady || this.#children.some(({ state, isRemoved }) => state === 'starting' && !isRemoved)) return;
		this.#toldReady = true;
		this.#options.onReady();
	}

	#ended(child: Child, how: string): void {
		if (child.state === 'ended') return;
		const before = child.state;
		child.state = 'ended';
		child.goOn?.();
		child.goOn = null;
		this.#options.onProgress(child.node.id, null);
		if (this.#phase === 'running') {
			const why = child.why === '' ? how : child.why;
			if (child.isRemoved) {
				this.#options.say(`${child.node.id} is no member of the swarm any more, and has stopped.`);
			} else if (before === 'starting' && !child.mayFail) this.#fail(`${child.node.id} could not start: ${why}`);
			else {
				const removed = this.#children.filter(({ isRemoved }) => isRemoved).length;
				const left = this.#options.whenLeft(this.#running().length, removed);
				this.#options.complain(`${child.node.id} is down: ${why}\n${left} ${child.node.whenDown}`);
			}
		}
		if (this.#running().length === 0) this.#finish();
		else if (this.#phase === 'running') this.#tellReady();
	}

	#fail(message: string): void {
		this.#phase = 'failing';
		this.#options.complain(message);
		this.#askToEnd();
	}

	/** The first SIGINT stops the children, a second one well after it kills them. */
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
		for (const child of this.#running()) {
			child.goOn?.();
			child.process.kill('SIGTERM');
		}
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

function lastText(id: string): string {
	return `${id} is the only node left that can be asked. Start or resume another one first.`;
}
