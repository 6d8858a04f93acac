/** What there is to see, in one sentence: of the sandbox, or of the scene of the story that is staged in it. */
import { Banner, BrokenText, Demonstration } from '../game/banner.tsx';
import { broken } from '../game/game.ts';
import { ruleOf } from '../game/rules.ts';
import { taskText } from '../model/task-text.ts';
import { useCopy } from '../view/copying.ts';
import {
	act,
	addressFault,
	addressShown,
	answers,
	director,
	leaveStory,
	nextScene,
	notLoaded,
	openRun,
	scene,
	size,
	stage,
	toggle,
	violation,
	without,
} from './directed.ts';
import type { Director } from './director.ts';
import { answerText } from './possible.ts';
import { STORIES } from './stories.ts';

export function Head() {
	scene.value;
	const staged = director.value;
	const again = notLoaded.value;
	return (
		<section class="panel head-panel" id="stage" aria-labelledby="stage-title">
			<Banner />
			{staged ? <Staged staged={staged} /> : <Free />}
			<Demonstration />
			<BrokenText />
			<EndedByCheck />
			{addressFault.value !== '' && (
				<p class="notice bad" data-testid="address-fault">
					<span>The run cannot be opened: {addressFault.value}.</span>
					{again && (
						<button type="button" class="quiet small" data-testid="load-again" onClick={() => void openRun(again)}>
							Try again
						</button>
					)}
				</p>
			)}
		</section>
	);
}

function Free() {
	const [first] = STORIES;
	const [newest] = answers.value;
	const said = newest ? answerText(newest.of, newest.answer, without.value !== 'reads') : '';
	const out = without.value;
	const isGame = out !== null;
	const hint = !out
		? 'Pick a node, a link or a message in the mesh, and break what you like.'
		: broken.value
			? 'Put the rule back and try the same again, or take another rule out.'
			: `A hint: ${ruleOf(out).hint}`;
	return (
		<>
			<div class="head-line">
				<h2 id="stage-title" class="headline">
					{!isGame
						? taskText(size.value)
						: broken.value
							? 'A lamp is red: without its rule the swarm is broken.'
							: 'Pick what to crash, cut or hold in the mesh, and make a lamp red.'}
				</h2>
				<CopyAddress />
			</div>
			<p class="head-text" data-testid="answer" aria-live="polite">
				{said || hint}
			</p>
			<div class="buttons">
				{first && !isGame && (
					<button type="button" class="primary" data-testid="watch" onClick={() => stage(first, true)}>
						Watch a decision
					</button>
				)}
				{!isGame && <ToGame />}
				<button type="button" data-testid="heal-all" onClick={() => act([{ kind: 'healAll' }])}>
					Heal all links
				</button>
				<button type="button" data-testid="add-node" onClick={() => act([{ kind: 'addMember', replaces: null }])}>
					Add a node
				</button>
			</div>
		</>
	);
}

function ToGame({ isNext = false }: { isNext?: boolean }) {
	return (
		<button type="button" class={isNext ? 'primary' : ''} data-testid="to-game" onClick={toGame}>
			Can you break it?
		</button>
	);
}

function toGame(): void {
	const title = document.getElementById('game-title');
	title?.scrollIntoView({ block: 'start' });
	title?.focus({ preventScroll: true });
}

function Staged({ staged }: { staged: Director }) {
	const { story, scene, isOver, isDone, isPlaying } = staged;
	const following = STORIES[STORIES.indexOf(story) + 1];
	return (
		<>
			<div class="head-line">
				<h2 id="stage-title">{story.title}</h2>
				<span class="muted">{isOver ? 'the end' : `scene ${scene + 1} of ${story.scenes.length}`}</span>
				<CopyAddress />
			</div>
			<p
				class="headline"
				data-testid="scene-text"
				data-scene={isOver ? 'end' : scene + 1}
				data-done={isDone}
				aria-live="polite"
			>
				{staged.says}
			</p>
			<progress
				max={story.scenes.length}
				value={isOver ? story.scenes.length : scene + (isDone ? 1 : 0)}
				aria-label="Scenes"
			/>
			<div class="buttons">
				{isOver ? (
					<>
						<button type="button" data-testid="story-again" onClick={() => stage(story, true)}>
							Watch it again
						</button>
						{following ? (
							<button type="button" class="primary" data-testid="story-next" onClick={() => stage(following, true)}>
								Next: {following.title}
							</button>
						) : (
							<ToGame isNext />
						)}
					</>
				) : (
					<>
						<button type="button" class="primary" data-testid="scene-next" onClick={nextScene}>
							{isDone ? 'Next scene' : 'Finish scene'}
						</button>
						<button type="button" data-testid="story-play" aria-pressed={isPlaying} onClick={toggle}>
							{isPlaying ? 'Pause' : 'Play all'}
						</button>
					</>
				)}
				<button type="button" data-testid="story-leave" onClick={leaveStory}>
					Take over
				</button>
			</div>
		</>
	);
}

/** The rules of Paxos are checked at every step of every node, as in the simulator. */
function EndedByCheck() {
	const broken = violation.value;
	if (!broken) return null;
	return (
		<p class="notice bad" data-testid="violation" role="alert">
			A rule is broken, and the run ends here: {broken.message}
		</p>
	);
}

function CopyAddress() {
	const [isCopied, copy] = useCopy();
	return (
		<button
			type="button"
			class="quiet small copy"
			data-testid="copy-address"
			title="It opens this run at this moment"
			onClick={() => {
				const { origin, pathname, search } = location;
				void copy(origin + pathname + search + addressShown());
			}}
		>
			{isCopied ? 'Copied' : 'Copy the link'}
		</button>
	);
}
