/** The text of the help: the page in few words, and its keys. */
import { useEffect, useRef } from 'preact/hooks';
import { Glyph } from './glyph.tsx';

export function HelpText() {
	const heading = useRef<HTMLHeadingElement>(null);
	// It may come once the dialog is open.
	useEffect(() => heading.current?.focus(), []);
	return (
		<>
			<h2 id="help-title" tabIndex={-1} autofocus ref={heading}>
				What you are looking at
			</h2>
			<p>
				Processes that agree on one log, slot by slot, by Paxos. A value is <b>chosen</b> in a slot once a quorum, more
				than half of the voters, has accepted it under one ballot. After that it can never change.
			</p>
			<dl class="help-phases">
				<dt>
					<Glyph kind="prepare" /> 1a prepare
				</dt>
				<dd>
					A node asks all for a promise under a new ballot, a number that is unique and higher than all it has seen.
				</dd>
				<dt>
					<Glyph kind="promise" /> 1b promise
				</dt>
				<dd>A node promises to refuse every lower ballot from now on, and reports what it has accepted so far.</dd>
				<dt>
					<Glyph kind="accept" /> 2a accept
				</dt>
				<dd>
					With a quorum of promises, the node proposes the value of the highest ballot reported; its own only if none
					was.
				</dd>
				<dt>
					<Glyph kind="accepted" /> 2b accepted
				</dt>
				<dd>A node accepts the value, unless it has promised a higher ballot. A quorum of these makes it chosen.</dd>
				<dt>
					<Glyph kind="nack" /> nack
				</dt>
				<dd>A refusal, with the higher ballot that was promised. The proposer backs off and tries a new ballot.</dd>
				<dt>
					<Glyph kind="learn" /> learned
				</dt>
				<dd>A node knows that the value is chosen. A stable leader runs phase 1 once, for all later slots.</dd>
			</dl>
			<p class="muted">
				Ballots are times of the proposer’s clock with its name; point at one for the whole number, press it to copy. A
				node that does not answer is hatched: its last state is not shown as if it were current.
			</p>
			<p class="muted">
				In the mesh a node is half full once it has promised, full once it has voted, and green once it knows the value
				to be chosen. The ring around the proposer has a part for each voter whose answer it counted, and a mark at the
				quorum.
			</p>
			<p class="muted">
				The button Paper above a decision shows with each of its rows the sentence of “Paxos Made Simple” that the row
				carries out.
			</p>
			<p class="muted">
				The lamps below the mesh say what must never happen. The page finds that out itself, from what the nodes tell
				it, and a lamp that turns red names the fact that broke the rule.
			</p>
			<p class="muted">
				Everything on the page shows the same moment. The rail at the bottom moves it back, to any place and any event
				on it, and says how far behind the present you are.
			</p>
			<p class="muted">
				In the space-time view time runs to the right, and each message is an arrow from the line of its sender to that
				of its receiver. Clocks of nodes that contradict the messages are moved until none arrives before it is sent.
			</p>
			<p class="muted">
				<i>Why?</i> beside an event, a proposal or an open slot answers with one sentence, made of what was told up to
				the moment that the page shows. The facts behind it lead to their own moments, and what no fact tells is said
				so.
			</p>
			<p class="muted">
				The members may change. A new one has no vote and only learns: its ring in the mesh closes meanwhile, and an
				arrow points at the node whose place it takes. A change is chosen in a slot like any value, and the new members
				decide from a later slot on.
			</p>
			<dl class="help-keys">
				{KEYS.map(([key, what]) => (
					<div key={key}>
						<dt>
							<kbd>{key}</kbd>
						</dt>
						<dd>{what}</dd>
					</div>
				))}
			</dl>
		</>
	);
}

const KEYS = [
	['Space', 'play or pause'],
	[', .', 'step back, forward'],
	['[ ]', 'slower, faster'],
	['L', 'back to now, and to the newest slot'],
	['W', 'why the last event on the rail happened'],
	['← →', 'other slot, in the grid'],
	['I', 'into the inspector, where something is picked'],
	['Esc', 'close the inspector'],
	['/', 'filter the log'],
	['?', 'this help'],
] as const;
