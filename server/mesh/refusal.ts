/**
 * The reasons for which one end of a link closes it, as WebSocket close codes. People are shown the text of this table
 * for a code, never a text that the other end has sent.
 */

export const REFUSALS = {
	stopping: { code: 1001, text: 'the node stops' },
	textFrame: { code: 1003, text: 'a text frame: only binary frames are allowed' },
	tooLarge: { code: 1009, text: 'a frame above the largest allowed' },
	malformedHandshake: { code: 4400, text: 'not a handshake of this mesh' },
	malformedFrame: { code: 4401, text: 'a frame that does not parse' },
	noCommonVersion: { code: 4402, text: 'no common protocol version' },
	otherSwarm: { code: 4403, text: 'another swarm: the swarm ids of the data folders differ' },
	otherNode: { code: 4404, text: 'not the node that was dialled: another one has this address' },
	sameNode: { code: 4405, text: 'the same node: it has the id of the node that it dials' },
	wrongDirection: { code: 4406, text: 'the wrong node dials: of two nodes the one with the higher id dials' },
	tooManyGuests: { code: 4407, text: 'too many links of nodes that are no members' },
	wrongSecret: { code: 4408, text: 'wrong secret' },
	secretOnOneSide: { code: 4409, text: 'a secret is set on one side only' },
	tooSlow: { code: 4410, text: 'the handshake took too long' },
	crowded: { code: 4411, text: 'too many connections that are not proven yet' },
	replaced: { code: 4412, text: 'replaced by a new connection of the same node' },
	otherCertificate: { code: 4413, text: 'the certificate is that of another node' },
	predecessor: { code: 4414, text: 'an earlier process of the same node may still be there' },
	twice: { code: 4415, text: 'another process of the same node is there' },
} as const satisfies Record<string, { readonly code: number; readonly text: string }>;

export type Refusal = keyof typeof REFUSALS;

/** The text of a close code; undefined for one that is not in the table. */
export function refusalText(code: number): string | undefined {
	return Object.values(REFUSALS).find((refusal) => refusal.code === code)?.text;
}
