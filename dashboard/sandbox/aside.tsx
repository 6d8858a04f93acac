/** The stories; and, below the nodes, the game and the run: how it was made, what was done in it, and the branches that came of acting in the past. */
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { type Instant, US_PER_MS } from '../../shared/simulation/schedule.ts';
import { NODES_MAX, NODES_MIN } from '../../shared/simulation/stage.ts';
import { Game } from '../game/panel.tsx';
import { usePressedInView } from '../view/pressed-in-view.ts';
import { saveTrace, TraceFiles } from '../view/trace-files.tsx';
import {
	actionsCount,
	branch,
	branches,
	director,
	isFull,
	openBranch,
	openNew,
	runShown,
	seed,
	size,
	stage,
} from './directed.ts';
import { actionText } from './possible.ts';
import { RUN_IS_FULL } from './sandbox.ts';
import { savedRun } from './saved.ts';
import { STORIES } from './stories.ts';

const SIZES = Array.from({ length: NODES_MAX - NODES_MIN + 1 }, (_, i) => NODES_MIN + i);
const ACTIONS_SHOWN_MAX = 12;

export function Aside({ children }: { children: ComponentChildren }) {
	return (
		<>
			<Stories />
			{children}
		</>
	);
}

export function Below() {
	return (
		<>
			<Game />
			<Run />
		</>
	);
}

function Stories() {
	const staged = director.value?.story;
	const list = useRef<HTMLOListElement>(null);
	usePressedInView(list, staged);
	return (
		<section class="panel stories-panel" id="stories" aria-labelledby="stories-title">
			<h2 id="stories-title">Stories</h2>
			<ol class="stories" ref={list}>
				{STORIES.map((story) => (
					<li key={story.id}>
						<button
							type="button"
							data-testid={`story-${story.id}`}
							aria-pressed={story === staged}
							onClick={() => stage(story, true)}
						>
							{story.title}
							<small>{story.about}</small>
						</button>
					</li>
				))}
			</ol>
		</section>
	);
}

function Run() {
	actionsCount.value;
	const { actions } = runShown().script;
	return (
		<section class="panel run-panel" aria-labelledby="run-title">
			<h2 id="run-title">Run</h2>
			<div class="run-new">
				<label class="field">
					<span>nodes</span>
					<select
						data-testid="run-nodes"
						value={size.value}
						onChange={(event) => openNew(Number(event.currentTarget.value), seed.value)}
					>
						{SIZES.map((size) => (
							<option key={size} value={size}>
								{size}
							</option>
						))}
					</select>
				</label>
				<button type="button" data-testid="run-new" onClick={() => openNew(size.value)}>
					New run
				</button>
			</div>
			<p class="muted">
				Seed <span class="mono">{seed.value}</span>
				{actions.length === 0 ? ', and nothing was done in it yet.' : ', and what was done in it:'}
			</p>
			<ol class="run-actions" data-testid="run-actions">
				{actions.slice(-ACTIONS_SHOWN_MAX).map((timed, i) => (
					<li key={i}>
						<span class="mono">{msText(timed.at)}</span> {actionText(timed)}
					</li>
				))}
			</ol>
			{isFull.value && (
				<p class="notice bad" role="alert" data-testid="run-full">
					It was not done: {RUN_IS_FULL}.
				</p>
			)}
			<Branches />
			<TraceFiles onSave={save} />
		</section>
	);
}

function Branches() {
	if (branches.value.length < 2) return null;
	return (
		<fieldset class="branches" aria-label="Branches of the run">
			{branches.value.map(({ number, forked }, index) => (
				<button
					type="button"
					key={number}
					data-testid={`branch-${number}`}
					aria-pressed={index === branch.value}
					onClick={() => openBranch(index)}
				>
					Branch {number}
					<small>{forked ? `off ${forked.from} at ${msText(forked.at)}` : 'the first one'}</small>
				</button>
			))}
		</fieldset>
	);
}

/** What is told in the run up to the moment that is shown, as a trace file. */
function save(): void {
	const run = runShown();
	saveTrace(savedRun(run, `A run of the sandbox, up to ${msText(run.at)}`), `run-${run.script.seed}`);
}

function msText(us: Instant): string {
	return `${(us / US_PER_MS).toFixed(1)} ms`;
}
