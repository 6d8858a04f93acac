/** Starts and stops the search, and says how far it has come. */
import type { ComponentChildren } from 'preact';
import { countText } from '../model/why.ts';
import { without } from '../sandbox/directed.ts';
import { endSearch, type Searching, search, searching } from './game.ts';

/** @param children further buttons */
export function SearchBox({ children }: { children?: ComponentChildren }) {
	const { state } = searching.value;
	const isSearching = state === 'searching';
	return (
		<div class="search-box">
			<div class="buttons">
				<button
					type="button"
					class={without.value ? 'primary' : ''}
					data-testid="show-me"
					disabled={isSearching}
					onClick={search}
				>
					{without.value ? 'Show me' : 'Let a search try'}
				</button>
				{isSearching && (
					<button type="button" data-testid="search-stop" onClick={() => endSearch('stopped')}>
						Stop
					</button>
				)}
				{children}
			</div>
			<p class="muted" role="status" data-testid="search" data-state={state}>
				{searchText(searching.value)}
			</p>
		</div>
	);
}

function searchText({ state, visited, actions }: Searching): string {
	const count = `${countText(visited)} states visited`;
	switch (state) {
		case 'none':
			return '';
		case 'searching':
			return `${count} …`;
		case 'stopped':
			return `${count}, then stopped: none broken so far.`;
		case 'nothing':
			return `${count}, none broken.`;
		case 'found':
			return `${count} until one was broken. It takes ${actions === 1 ? 'one action' : `${actions} actions, and none of them can be left out`}.`;
		case 'failed':
			return 'The search could not be loaded. Press the button to try again.';
	}
}
