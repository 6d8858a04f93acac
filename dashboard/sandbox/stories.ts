/** The stories, in the order in which they are told. */
import type { StagedStory } from './scene.ts';
import { CHAIN } from './stories/chain.ts';
import { DEAD_PROPOSER } from './stories/dead-proposer.ts';
import { FIRST_DECISION } from './stories/first-decision.ts';
import { GAP } from './stories/gap.ts';
import { LEADER_KILLED } from './stories/leader-killed.ts';
import { LOST_DISK } from './stories/lost-disk.ts';
import { MINORITY } from './stories/minority.ts';
import { NEW_MEMBER } from './stories/new-member.ts';
import { NO_QUORUM } from './stories/no-quorum.ts';
import { OLD_LEADER_READ } from './stories/old-leader-read.ts';
import { RIVALS } from './stories/rivals.ts';
import { STAR } from './stories/star.ts';

export const STORIES: readonly StagedStory[] = [
	FIRST_DECISION,
	RIVALS,
	DEAD_PROPOSER,
	NO_QUORUM,
	MINORITY,
	LEADER_KILLED,
	OLD_LEADER_READ,
	GAP,
	LOST_DISK,
	NEW_MEMBER,
	STAR,
	CHAIN,
];
