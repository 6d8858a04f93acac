/** What nodes remember of each other's logs, and that a node which was put back from an older copy stops by it. */
import { describe, expect, it } from 'vitest';
import { FRAMES_BEHIND_MAX, HELD_MESSAGES_MAX, PeerMemory, PutBackError, Recall } from '../../shared/replica/memory.ts';

describe('what a node remembers of its peers', () => {
	it('is the furthest that each has said, whatever comes late', () => {
		const memory = new PeerMemory();
		for (const reached of [3, 7, 5]) memory.told('n1', reached);
		memory.told('n2', 1);
		expect([memory.of('n1'), memory.of('n2'), memory.of('n3')]).toEqual([7, 1, 0]);
	});

	it('is no number out of all proportion, whether that comes first or later', () => {
		const memory = new PeerMemory();
		for (const reached of [100, 2 ** 48 - 1, 101]) memory.told('n1', reached);
		for (const reached of [2 ** 48 - 1, 100, 101]) memory.told('n2', reached);
		expect([memory.of('n1'), memory.of('n2')]).toEqual([101, 101]);
	});
});

describe('a node that has just started', () => {
	it('waits until every peer has said what it remembers, and stops by the word of one', () => {
		const { recall, did } = recallOf('n1', 'n2');
		expect(did).toEqual(['timer 1500']);
		recall.said('n1', 10, 10);
		recall.said('n1', 10, 10);
		expect(recall.isWaiting).toBe(true);
		expect(() => recall.said('n2', 11, 10)).toThrow(new PutBackError('n2', 11, 10));
		expect(recall.isWaiting).toBe(true);
		recall.said('n2', 9, 10);
		expect(recall.isWaiting).toBe(false);
		expect(did).toEqual(['timer 1500', 'over']);
	});

	it('waits no longer than a link takes, and stops also by what it hears later', () => {
		const { recall, did } = recallOf('n1', 'n2');
		recall.fire();
		recall.fire();
		expect(recall.isWaiting).toBe(false);
		expect(did).toEqual(['timer 1500', 'over']);
		expect(() => recall.said('n2', 11, 10)).toThrow(PutBackError);
	});

	it('waits for nobody where it is alone', () => {
		const { recall, did } = recallOf();
		expect(recall.isWaiting).toBe(false);
		expect(did).toEqual([]);
	});

	it('says so of a number out of all proportion, and goes on', () => {
		const { recall, did } = recallOf('n1');
		recall.said('n1', 10 + FRAMES_BEHIND_MAX + 1, 10);
		expect(recall.isWaiting).toBe(false);
		expect(did[1]).toMatch(/^does not believe n1, which remembers frame \d+ of a log that ends with 10$/);
		const { recall: other } = recallOf('n1');
		expect(() => other.said('n1', 10 + FRAMES_BEHIND_MAX, 10)).toThrow(PutBackError);
	});

	it('lets only so many messages wait', () => {
		const { recall } = recallOf('n1');
		expect(recall.hasRoomFor(HELD_MESSAGES_MAX)).toBe(true);
		expect(recall.hasRoomFor(1)).toBe(false);
		recall.fire();
		expect(recall.hasRoomFor(1)).toBe(true);
	});
});

function recallOf(...peers: readonly string[]) {
	const did: string[] = [];
	const recall = new Recall(peers, {
		setTimer: (afterMs) => did.push(`timer ${afterMs}`),
		over: () => did.push('over'),
		disbelieved: (detail) => did.push(detail),
	});
	recall.start(1500);
	return { recall, did };
}
