/** Searches apart from the page, so that the page never stands still. It ends with its page, or when that stops it. */
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import { loadAgent } from './agents.ts';
import { type Found, Search } from './search.ts';

export interface Asked {
	readonly without: RuleId | null;
	readonly nodes: number;
	/** It ends where it has looked at so many states. */
	readonly statesMax: number;
}

export interface Told {
	/** How many states were looked at so far. */
	readonly visited: number;
	/** Null as long as nothing is found. */
	readonly found: Found | null;
	readonly isOver: boolean;
}

addEventListener('message', ({ data }: MessageEvent<Asked>) => void search(data).catch(reportError));

async function search({ without, nodes, statesMax }: Asked): Promise<void> {
	await loadAgent(without);
	const search = new Search(without, nodes);
	let found: Found | null = null;
	while (!found && search.visited < statesMax) {
		found = search.next();
		const isOver = found !== null || search.visited >= statesMax;
		postMessage({ visited: search.visited, found, isOver } satisfies Told);
	}
}
