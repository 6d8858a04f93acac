/** Batches are lost between a node and the page: how soon it notices, and is right again. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page, WebSocketRoute } from 'playwright-core';
import type { NodeSnapshot } from '../../../shared/feed.ts';
import { cardOf, readCard, snapshotOf } from '../../browser/swarm-page.ts';
import type { TestNode } from '../../process/swarm.ts';
import type { Bar } from './bar.ts';
import { Pace } from './pace.ts';
import { quantile, spreadText } from './spread.ts';
import { staged } from './stage.ts';

const FACTS = 1_000;
const TARGET_MS = 1_000;
const LOSSES_OF_ROUND = 5;
const WAIT_MAX_MS = 5_000;
const PAUSE_MS = 500;

/** Stands between the page and the nodes. It loses batches, and sees what the page asks for then. */
class Thief {
	readonly #wanted = new Map<string, () => void>();
	readonly #heard: { readonly port: string; readonly event: string; readonly resolve: (message: string) => void }[] =
		[];

	/** Resolves when the next batch of the node at this port is lost. */
	steal(port: number): Promise<void> {
		return new Promise((resolve) => this.#wanted.set(String(port), resolve));
	}

	/** Resolves with the next event of this name between the page and that node, in either direction. */
	next(port: number, event: string): Promise<string> {
		return new Promise((resolve) => this.#heard.push({ port: String(port), event, resolve }));
	}

	watch(route: WebSocketRoute): void {
		const server = route.connectToServer();
		const { port } = new URL(route.url());
		route.onMessage((message) => {
			this.#hear(port, message);
			server.send(message);
		});
		server.onMessage((message) => {
			this.#hear(port, message);
			const lost = isEvent(message, 'batch') ? this.#wanted.get(port) : undefined;
			if (!lost) return route.send(message);
			this.#wanted.delete(port);
			lost();
		});
	}

	#hear(port: string, message: string | Buffer): void {
		const at = this.#heard.findIndex((each) => each.port === port && isEvent(message, each.event));
		if (at >= 0) this.#heard.splice(at, 1)[0]?.resolve(String(message));
	}
}

/** Whether it is a packet of socket.io with this event. */
function isEvent(message: string | Buffer, event: string): boolean {
	return typeof message === 'string' && message.startsWith(`42["${event}"`);
}

export const gaps: Bar = {
	name: 'gaps',
	measure: ({ rounds }) =>
		staged({}, async (stage) => {
			const page = await stage.blank();
			const thief = new Thief();
			await page.routeWebSocket(/socket\.io/, (route) => thief.watch(route));
			await stage.show(page);
			// The panel of keys asks n1 for snapshots by itself.
			const robbed = stage.swarm.nodes.filter(({ id }) => id !== 'n1');
			const losses = rounds * LOSSES_OF_ROUND;
			const pace = new Pace(
				stage.swarm.nodes.map(({ url }) => url),
				page,
				FACTS,
			);
			const noticedMs: number[] = [];
			const rightMs: number[] = [];
			try {
				for (let loss = 0; loss < losses; loss++) {
					const { id, port } = robbed[loss % robbed.length] as TestNode;
					await delay(PAUSE_MS);
					await thief.steal(port);
					const lostMs = Date.now();
					const answer = thief.next(port, 'snapshot');
					await thief.next(port, 'resync');
					noticedMs.push(Date.now() - lostMs);
					rightMs.push((await seqShownAt(page, id, seqOf(await answer))) - lostMs);
				}
			} finally {
				pace.stop();
			}
			let wrong = 0;
			for (const node of stage.swarm.nodes) {
				const isRight = async () =>
					JSON.stringify(await readCard(page, node.id)) === JSON.stringify(cardOf(await snapshotOf(node)));
				const deadlineMs = Date.now() + WAIT_MAX_MS;
				while (!(await isRight()) && Date.now() < deadlineMs) await delay(PAUSE_MS);
				if (!(await isRight())) wrong++;
			}
			return [
				{
					bar: 'batches lost on the way',
					target: `every gap is noticed, and the page is right again within ${TARGET_MS} ms`,
					measured: `${noticedMs.length} of ${losses} noticed, after ${spreadText(noticedMs)}; right again after ${spreadText(rightMs)}; ${wrong} of ${stage.swarm.nodes.length} cards differ from their nodes in the end`,
					isMet: quantile(rightMs, 1) <= TARGET_MS && wrong === 0,
				},
			];
		}),
};

/** The number of the fact that a snapshot follows. */
function seqOf(message: string): number {
	const [, snapshot] = JSON.parse(message.slice('42'.length)) as [string, NodeSnapshot];
	return snapshot.seq;
}

/** When the page shows the node as of that fact or a later one, milliseconds since 1970. */
async function seqShownAt(page: Page, node: string, seq: number): Promise<number> {
	const shown = await page.waitForFunction(
		([id, least]) => {
			const { state, seq: at } = document.querySelector<HTMLElement>(`[data-testid="node-${id}"]`)?.dataset ?? {};
			return state === 'up' && Number(at) >= least ? performance.timeOrigin + performance.now() : null;
		},
		[node, seq] as const,
	);
	return (await shown.jsonValue()) as number;
}
