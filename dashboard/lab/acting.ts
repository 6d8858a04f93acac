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

/** Changes what becomes of what `from` sends to `to`. */
export async function setFault(from: NodeId, to: NodeId, fault: Partial<LinkFault>): Promise<void> {
	if (!(await ask(to, 'PUT', `/v1/lab/links/${from}`, fault))) return;
	said.value = `The messages of ${from} to ${to} ${faultText({ ...NO_FAULT, ...fault })}.`;
}

/** Changes what becomes of all messages between all nodes that answer. */
export async function setAll(fault: Partial<LinkFault>): Promise<void> {
	const done = await Promise.all(reached().map((id) => ask(id, 'PUT', '/v1/lab/links', fault)));
	if (done.some(Boolean)) said.value = `All messages ${faultText({ ...NO_FAULT, ...fault })}.`;
}

/** Lets messages arrive that are held. */
export async function release(from: NodeId, to: NodeId, count: number): Promise<void> {
	const answer = await ask(to, 'POST', `/v1/lab/links/${from}/release?count=${count}`);
	if (answer) said.value = `${(answer as { released: number }).released} of ${from}'s messages have arrived at ${to}.`;
}

/** Does something to a node's process. Another node is asked for it where one answers, because the node itself may not. */
export async function actOn(act: NodeAct, node: NodeId): Promise<void> {
	const by = reached().find((id) => id !== node) ?? node;
	if (await ask(by, 'POST', `/v1/lab/nodes/${nameOf(node)}/${act}`)) said.value = `${node} is ${ACTED[act]}.`;
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
	const answers = await Promise.all(holding.map(async (id) => ({ id, answer: await ask(id, 'GET', '/v1/lab') })));
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

/** @returns the answer; null where it was refused or none came, which `said` tells then */
async function ask(node: NodeId, method: string, path: string, body?: object): Promise<unknown> {
	// The page's own node may be named by an address that the page was not loaded from.
	const base = node === story.live.entry ? location.origin : story.live.addressOf(node);
	try {
		const answer = await fetch(base + path, {
			method,
			signal: AbortSignal.timeout(ANSWER_MAX_MS),
			headers: { ...tokenHeaders(), ...(body && { 'Content-Type': 'application/json' }) },
			...(body && { body: JSON.stringify(body) }),
		});
		if (answer.ok) return await answer.json();
		said.value = await answer.text();
	} catch {
		said.value = `${node} does not answer.`;
	}
	return null;
}
