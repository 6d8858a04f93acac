/** Says a fact in one line, and tells to which kind of the event log it belongs. */
import { type BallotText, type Fact, GIVEN_UP, isBeat, membersText } from '../../shared/fact.ts';
import { ACTED, faultText } from '../../shared/lab.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { skewText } from '../../shared/skew.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';
import type { BallotNames } from './ballot-names.ts';
import { list, quoted } from './why.ts';
import { words } from './words.ts';

/** The kinds of facts that the log can be filtered by. */
export type FactGroup =
	| 'phase1'
	| 'phase2'
	| 'nack'
	| 'chosen'
	| 'members'
	| 'snapshots'
	| 'leader'
	| 'messages'
	| 'beats'
	| 'links'
	| 'disk'
	| 'health';

type JsonMessage = Message<BallotText, ValueSummary>;

export function groupOf(fact: Fact): FactGroup {
	switch (fact.kind) {
		case 'campaign':
		case 'promised':
		case 'promiseCounted':
			return 'phase1';
		case 'proposed':
		case 'accepted':
		case 'voteCounted':
			return 'phase2';
		case 'refused':
		case 'halted':
		case 'givenUp':
			return 'nack';
		case 'chosen':
		case 'fetching':
			return 'chosen';
		case 'members':
			return 'members';
		case 'installed':
		case 'snapshot':
			return 'snapshots';
		case 'role':
		case 'pollHeld':
		case 'handsOver':
			return 'leader';
		case 'sent':
		case 'received':
			return isBeat(fact) ? 'beats' : 'messages';
		case 'linkUp':
		case 'linkDown':
		case 'linkFault':
		case 'nodeFault':
		case 'malformed':
		case 'ignored':
			return 'links';
		case 'flushed':
		case 'applied':
			return 'disk';
		case 'clockSkew':
		case 'disk':
		case 'state':
		case 'stall':
			return 'health';
	}
}

export function factText(fact: Fact, names: BallotNames): string {
	switch (fact.kind) {
		case 'campaign':
			return `prepares ${names.full(fact.ballot)}${CAMPAIGN_WHY[fact.why]}${fact.contest > 0 ? ` ${fact.contest}` : ''}`;
		case 'promised':
			return fact.previous === ''
				? `promises ${names.full(fact.ballot)}`
				: `promises ${names.full(fact.ballot)}, up from ${names.short(fact.previous)}`;
		case 'refused':
			return `refuses ${fact.refused}${fact.slot > 0 ? ` of slot ${fact.slot}` : ''}: ${names.short(fact.ballot)} < promised ${names.short(fact.promised)}`;
		case 'promiseCounted':
			return `counts the promise of ${fact.from}: it has ${fact.voters.length}, ${fact.needed} are needed${fact.reported.length > 0 ? `, ${fact.reported.length} reported` : ''}`;
		case 'halted':
			return `gives up ${names.short(fact.ballot)}: ${fact.from} told it of ${names.full(fact.by)}`;
		case 'givenUp':
			return `gives up ${names.full(fact.ballot)}: ${GIVEN_UP[fact.why]}`;
		case 'handsOver':
			return `asks ${fact.to} to lead in its place, because it ${HANDS_OVER[fact.why]}`;
		case 'proposed':
			return `proposes ${quoted(fact.value)} in slot ${fact.slot} under ${names.short(fact.ballot)}`;
		case 'accepted':
			return `accepts ${quoted(fact.value)} in slot ${fact.slot} under ${names.short(fact.ballot)}`;
		case 'voteCounted':
			return `counts the vote of ${fact.from} for slot ${fact.slot}: it has ${fact.voters.length}, ${fact.needed} are needed`;
		case 'chosen':
			return `knows slot ${fact.slot} chosen: ${quoted(fact.value)} (${HOW[fact.how]})`;
		case 'role':
			return `is ${fact.role}: ${ROLE_WHY[fact.why]}${byText(fact)}`;
		case 'pollHeld':
			return `does not campaign: ${list(fact.hearing)} still hear${fact.hearing.length === 1 ? 's' : ''} a leader, ${list(fact.silent)} not`;
		case 'fetching':
			return `fetches slots ${fact.slot} to ${fact.through} from ${fact.from}`;
		case 'installed':
			return `has taken over a snapshot, and so knows every slot through ${fact.through}`;
		case 'members':
			return `knows a change, chosen in slot ${fact.chosenAt}: members ${membersText(fact.members)} from slot ${fact.from} on`;
		case 'clockSkew':
			return skewText(fact.peer, fact.aheadMs);
		case 'ignored':
			return `ignores ${words(fact.message)} of ${fact.from}: ${fact.why}`;
		case 'sent':
			return `→ ${fact.to}: ${messageText(fact.message, names)}`;
		case 'received':
			return `← ${fact.from}: ${messageText(fact.message, names)}`;
		case 'linkUp':
			return `is linked with ${fact.peer}`;
		case 'linkDown':
			return `lost the link with ${fact.peer}: ${fact.why}`;
		case 'linkFault':
			return `lab: the messages of ${fact.from} to it ${faultText(fact)}`;
		case 'nodeFault':
			return `lab: ${fact.target} is ${ACTED[fact.act]}`;
		case 'malformed':
			return `refused what ${fact.from} sent to its ${fact.door} door: ${fact.why}`;
		case 'flushed':
			return `flushed ${fact.records} record${fact.records === 1 ? '' : 's'}, ${fact.bytes} B in ${fact.ms.toFixed(2)} ms`;
		case 'disk':
		case 'snapshot':
		case 'state':
		case 'stall':
			return fact.detail;
		case 'applied':
			return `applied through slot ${fact.through}, revision ${fact.revision}`;
	}
}

function messageText(message: JsonMessage, names: BallotNames): string {
	switch (message.kind) {
		case 'prepare':
			return `prepare ${names.short(message.ballot)}`;
		case 'promise':
			return `promise ${names.short(message.ballot)}, ${message.accepted.length} reported`;
		case 'accept':
			return `accept slot ${message.slot} ${quoted(message.value)}`;
		case 'accepted':
			return `accepted slot ${message.slot}`;
		case 'nack':
			return `nack ${names.short(message.ballot)} < ${names.short(message.promised)}`;
		case 'heartbeat':
			return `heartbeat ${message.round}, chosen through ${message.chosenThrough}`;
		case 'confirm':
			return `confirm ${message.round}`;
		case 'handOver':
			return 'stand in my place';
		case 'poll':
			return 'poll: do you hear a leader?';
		case 'pollReply':
			return message.leader === '' ? 'no leader heard' : `hears ${names.short(message.leader)}`;
		case 'hears':
			return message.leader === '' ? 'hears no leader any more' : `hears ${names.short(message.leader)}`;
		case 'fetch':
			return `fetch from slot ${message.from}`;
		case 'decisions':
			return `${message.decisions.length} decisions from slot ${message.from}`;
		case 'trimmed':
			return `keeps no slot up to ${message.trimmedThrough} any more`;
		case 'forward':
			return `forward ${quoted(message.value)}`;
		case 'noRoom':
			return 'has no room for what was forwarded';
		case 'readAsk':
			return `read ${message.round}`;
		case 'readIndex':
			return `read ${message.round} at slot ${message.slot}`;
		case 'digest':
			return `digest of its state after slot ${message.slot}`;
		case 'snapshotAsk':
			return message.through === 0 ? 'send me your snapshot' : `snapshot from byte ${message.offset}`;
		case 'snapshotPart':
			return `snapshot through slot ${message.through}, ${message.bytes.bytes} of ${message.bytesOfAll} bytes`;
	}
}

const CAMPAIGN_WHY = {
	noLeader: ' because it hears no leader',
	handedOver: ' because the leader asked it to lead instead',
	proposal: ' for a proposal of its own',
	contest: ' to contest slot',
} as const;

/** Why a leader asks another node to lead: the rest of a sentence that begins with the leader. */
export const HANDS_OVER = {
	leaving: 'is about to stop or has no vote any more',
	wanted: 'was told to by people',
	noRoom: 'has no room on its disk',
	unsteady: 'stands still again and again',
} as const;

const HOW = { counted: 'counted a quorum', told: 'told by the leader', fetched: 'fetched' } as const;

/** The nodes by which it came, where some did. */
function byText({ why, by }: Fact & { readonly kind: 'role' }): string {
	if (by.length === 0) return '';
	const before = why === 'lostQuorum' ? '; last heard' : why === 'leaderSilent' ? ':' : '';
	return `${before} ${list(by)}`;
}

const ROLE_WHY = {
	started: 'just started',
	campaign: 'campaigning',
	promisedByQuorum: 'promised by',
	heardLeader: 'hears',
	higherBallot: 'a higher ballot is at',
	lostQuorum: 'no quorum answered',
	leaderSilent: 'the leader fell silent',
	leaderLinkDown: 'lost the link with',
} as const;
