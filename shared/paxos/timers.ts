/** How long each timer waits. The runtime draws the time from the range, and may add one observed round. */

import type { NodeId } from './ballot.ts';
import type { Context } from './config.ts';

/** An election period, which each role spends in its own way. */
export function armPeriod({ out, config }: Context, timer: 'election' | 'patience' | 'quorum'): void {
	const { electionMinMs, electionMaxMs } = config.timings;
	out.timer(timer, electionMinMs, electionMaxMs, true);
}

export function armHeartbeat({ out, config }: Context): void {
	const { heartbeatMs } = config.timings;
	out.timer('heartbeat', heartbeatMs, heartbeatMs);
}

/** A node has started and knows no leader. Nodes that start together do not all ask at once. */
export function armPoll({ out, config }: Context): void {
	out.timer('poll', 0, config.timings.pollMaxMs);
}

/**
 * The link to the leader has ended, and those of the other followers at about the same time. The voters ask one after
 * another, in their order after the lost one, so that the first of them is a candidate before the second asks. A voter that
 * asks too early, or is gone too, costs the others one turn.
 */
export function armPollInTurn(context: Context, lost: NodeId): void {
	const { out, config, members } = context;
	const { voters } = members;
	const place = voters.indexOf(config.id);
	if (place < 0) return armPoll(context);
	const turn = (voters.length + place - voters.indexOf(lost) - 1) % voters.length;
	const turnMs = config.timings.pollMaxMs / voters.length;
	const beginMs = Math.floor(turn * turnMs);
	out.timer('poll', beginMs, beginMs + Math.floor(turnMs / 2));
}

/** The leader is lost, or no poll had a result: the other nodes may only just have noticed. */
export function armPollSoon({ out, config }: Context): void {
	const { heartbeatMs } = config.timings;
	out.timer('poll', heartbeatMs, 2 * heartbeatMs);
}

/** The runtime answers with the time of its clock, which becomes the ballot. */
export function armCampaign({ out }: Context): void {
	out.timer('campaign', 0, 0);
}

/** The back-off outlasts a round, so that the other proposer can finish. */
export function armCampaignAfterHalts(context: Context, halts: number): void {
	if (halts === 0) return armCampaign(context);
	const { backoffMinMs, backoffMaxMs } = context.config.timings;
	context.out.timer('campaign', backoffMinMs, Math.min(backoffMaxMs, backoffMinMs * 2 ** halts), true);
}

export function armFetch({ out, config }: Context): void {
	const { retryMs } = config.timings;
	out.timer('fetch', retryMs, retryMs, true);
}

export function armForward({ out, config }: Context): void {
	const { retryMs } = config.timings;
	out.timer('forward', retryMs, 2 * retryMs, true);
}
