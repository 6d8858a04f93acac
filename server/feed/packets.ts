/**
 * Refuses packets that no page of ours sends, before socket.io looks into them: bytes, which it would keep until all parts
 * have come, long numbers and names, which it reads letter by letter, JSON of very many values, and bodies of very many
 * packets over polling. Their connection is closed as for a packet that does not parse.
 */
import type { Socket } from 'socket.io';
import { hasMoreItems } from '../front/json-items.ts';

type Connection = Socket['conn'];

/** A packet of engine.io. */
interface Packet {
	type: string;
	readonly data?: unknown;
}

/** The bound on the packets of one body. A page has as many proposals in flight at most, and answers pings. */
export const PACKETS_OF_BODY_MAX = 64;
/** The bound on the lists, objects and commas of a packet. A proposal has eight at most. */
const ITEMS_MAX = 64;
/** A packet of socket.io: its type, a namespace, a number, and JSON. The types of packets with bytes are 5 and 6. */
const GOOD = /^[0-4](?:\/[^,]{0,64}(?:,|$))?\d{0,15}(?:[[{"]|$)/;
const SEPARATOR = '\u001e';
/** It does not parse. */
const BAD_BODY = 'x';

/** @param connection one that has just been made */
export function boundPackets(connection: Connection): void {
	connection.on('packet', (packet: Packet) => {
		if (packet.type === 'message' && !isGood(packet.data)) packet.type = 'error';
	});
	if (connection.transport.name !== 'polling') return;
	const transport = connection.transport as unknown as { onData(body: string): void };
	const { onData } = transport;
	transport.onData = (body) => onData.call(transport, hasMorePackets(body) ? BAD_BODY : body);
}

function isGood(data: unknown): boolean {
	return typeof data === 'string' && GOOD.test(data) && !hasMoreItems(data, ITEMS_MAX);
}

function hasMorePackets(body: string): boolean {
	let at = -1;
	for (let packets = 0; packets < PACKETS_OF_BODY_MAX; packets++) {
		at = body.indexOf(SEPARATOR, at + 1);
		if (at < 0) return false;
	}
	return true;
}
