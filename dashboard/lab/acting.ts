/**
 * What a person does to the real links and processes of a lab, asked of the nodes over HTTP. Each node has the faults of
 * what comes to it. What was done comes back as facts, so nothing of it is kept here but the newest answer.
 */
import { signal } from '@preact/signals';
import { ACTED, faultText, type LinkFault, NO_FAULT, type NodeAct } from '../../shared/lab.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { tokenHeaders } from '../live/token.ts';
import type { NodeModel } from '../model/node-model.ts';
import { story } from '../view/state.ts';

/** What was done last, or why it could not be, in one sentence; '' for nothing yet. */
export const said = signal('');

const ANSWER_MAX_MS = 5000;
/** How many things were done. */
let doings = 0;

export type Way = readonly [from: NodeId, to: NodeId];

/** The fault of what `from` sends to `to`, as `to` tells it. */
export function faultOf(from: NodeId, to: NodeId): LinkFault {
	return story.live.node(to)?.faults?.get(from) ?? NO_FAULT;
}

/** By how much the messages between all nodes that answer come late, milliseconds; -1 where that is not the same for all. */
export function commonDelayMs(nodes: readonly NodeModel[]): number {
	const up = nodes.filter(({ isUp, faults }) => isUp && faults !== null);
	const [first = 0, ...others] = up.flatMap(({ id, faults }) =>
		up.flatMap((from) => (from.id === id ? [] : [faults?.get(from.id)?.delayMs ?? 0])),
	);
	return others.every((each) => each === first) ? first : -1;
}

/** Changes what becomes of what the first node of each way sends to the second. */
export function setFault(ways: readonly Way[], fault: Partial<LinkFault>): Promise<void> {
	return tell(
		ways.map(async ([from, to]) => {
			await ask(to, 'PUT', `/v1/lab/links/${from}`, fault);
			return `The messages of ${from} to ${to} ${faultText({ ...NO_FAULT, ...fault })}.`;
		}),
	);
}

/** Changes what becomes of all messages between all nodes that answer. */
export function setAll(fault: Partial<LinkFault>): Promise<void> {
	const done = async () => {
		const asked = reached().map((id) => ask(id, 'PUT', '/v1/lab/links', fault));
		const failed = (await Promise.allSettled(asked)).flatMap((each) =>
			each.status === 'rejected' ? textOf(each.reason) : [],
		);
		const which = failed.length === 0 ? 'All messages' : 'The messages to the others';
		const text = `${which} ${faultText({ ...NO_FAULT, ...fault })}.`;
		return [...failed, ...(failed.length < asked.length ? [text] : [])].join(' ');
	};
	return tell([done()]);
}

/** Lets messages arrive that are held. */
export function release(from: NodeId, to: NodeId, count: number): Promise<void> {
	const released = async () => {
		const answer = await ask(to, 'POST', `/v1/lab/links/${from}/release?count=${count}`);
		return `${(answer as { released: number }).released} of ${from}'s messages have arrived at ${to}.`;
	};
	return tell([released()]);
}

/** Does something to a node's process. Another node is asked for it where one answers, because the node itself may not. */
export function actOn(act: NodeAct, node: NodeId): Promise<void> {
	const by = reached().find((id) => id !== node) ?? node;
	const done = async () => {
		await ask(by, 'POST', `/v1/lab/nodes/${nameOf(node)}/${act}`);
		return `${node} is ${ACTED[act]}.`;
	};
	return tell([done()]);
}

/** Says what came of one thing that a person did, each sentence once, unless the person has done another thing since. */
async function tell(sentences: readonly Promise<string>[]): Promise<void> {
	const own = ++doings;
	const told = await Promise.all(sentences.map((each) => each.catch(textOf)));
	if (own === doings) said.value = [...new Set(told)].join(' ');
}

function textOf(fault: unknown): string {
	return fault instanceof Error ? fault.message : String(fault);
}

/** A message that is held. */
export interface Held {
	readonly from: NodeId;
	readonly to: NodeId;
	readonly count: number;
	/** The kinds of the first ones. */
	readonly kinds: readonly string[];
}

/** What waits at all nodes that hold something. */
export async function heldNow(): Promise<readonly Held[]> {
	const holding = reached().filter((id) => [...(story.live.node(id)?.faults?.values() ?? [])].some(({ hold }) => hold));
	const answers = await Promise.all(
		holding.map(async (id) => ({ id, answer: await ask(id, 'GET', '/v1/lab').catch(() => null) })),
	);
	return answers.flatMap(({ id, answer }) =>
		((answer as LabAnswer | null)?.links ?? [])
			.filter(({ hold, waitingCount }) => hold || waitingCount > 0)
			.map(({ from, waitingCount, waiting }) => ({
				from,
				to: id,
				count: waitingCount,
				kinds: waiting.map(({ kind }) => kind),
			})),
	);
}

/** The part of the answer of `GET /v1/lab` that the page shows. */
interface LabAnswer {
	readonly links: readonly {
		readonly from: NodeId;
		readonly hold: boolean;
		readonly waitingCount: number;
		readonly waiting: readonly { readonly kind: string }[];
	}[];
}

function reached(): NodeId[] {
	return story.live.nodes.filter(({ isUp, faults }) => isUp && faults !== null).map(({ id }) => id);
}

/** Resolves to the answer. Rejects with an error whose text says for people why there is none. */
async function ask(node: NodeId, method: string, path: string, body?: object): Promise<unknown> {
	// The page's own node may be named by an address that the page was not loaded from.
	const base = node === story.live.entry ? location.origin : story.live.addressOf(node);
	let answer: Response;
	try {
		answer = await fetch(base + path, {
			method,
			signal: AbortSignal.timeout(ANSWER_MAX_MS),
			headers: { ...tokenHeaders(), ...(body && { 'Content-Type': 'application/json' }) },
			...(body && { body: JSON.stringify(body) }),
		});
		if (answer.ok) return await answer.json();
	} catch {
		throw new Error(`${node} does not answer.`);
	}
	throw new Error(await answer.text());
}
