/** A node that hears no leader sends its forwards and reads to the leader through one neighbour that hears it. */
import { describe, expect, it } from 'vitest';
import { among, Lab, ofKind } from './lab.ts';

/** n1 leads five nodes; n5 has no link to it, and has polled. */
function cutOff(): Lab {
	const lab = new Lab(5);
	lab.elect('n1', 10);
	lab.deliver();
	for (const [id, peer] of [
		['n5', 'n1'],
		['n1', 'n5'],
	] as const)
		lab.step(id, { kind: 'linkDown', peer });
	lab.timer('n5', 'poll');
	deliver(lab);
	return lab;
}

function deliver(lab: Lab): void {
	const isCut = ({ from, to }: { from: string; to: string }) =>
		(from === 'n1' && to === 'n5') || (from === 'n5' && to === 'n1');
	for (let found = 1; found > 0; ) {
		lab.drop(isCut);
		found = lab.net.length;
		lab.deliver((envelope) => !isCut(envelope));
	}
}

const via = (lab: Lab) => lab.inFlight('forward').find(({ from }) => from === 'n5')?.to as string;

describe('a node that does not reach the leader', () => {
	it('has its proposals chosen through a neighbour, and learns that they are', () => {
		const lab = cutOff();
		const proposal = lab.propose('n5', 'red');
		deliver(lab);
		expect(lab.chosen('n1')).toEqual(['red']);
		expect(lab.chosen('n5')).toEqual(['red']);
		lab.applied('n5', [proposal]);
		expect(lab.agent('n5').view().pendingCount).toBe(0);
	});

	it('has its reads answered through a neighbour, from what was chosen before', () => {
		const lab = cutOff();
		lab.propose('n1', 'red');
		deliver(lab);
		lab.step('n5', { kind: 'read', read: 1 });
		deliver(lab);
		expect(lab.outcomes('n5', 'readAt')).toEqual([{ kind: 'readAt', read: 1, slot: 1 }]);
		expect(lab.chosen('n5')).toEqual(['red']);
	});

	it('goes through another neighbour when the first is lost, and is not proposed for twice', () => {
		const lab = cutOff();
		lab.propose('n5', 'red');
		const first = via(lab);
		lab.deliver(ofKind('forward'));
		lab.drop();
		lab.step('n5', { kind: 'linkDown', peer: first });
		lab.timer('n5', 'poll');
		lab.drop(({ to }) => to === first);
		deliver(lab);
		lab.timer('n1', 'heartbeat');
		deliver(lab);
		lab.timer('n5', 'poll');
		lab.drop(({ to }) => to === first);
		deliver(lab);
		expect(lab.chosen('n1')).toEqual(
			lab
				.chosen('n1')
				.filter((value) => value === 'red')
				.slice(0, 1),
		);
		for (const peer of ['n2', 'n3', 'n4']) lab.step('n1', { kind: 'linkUp', peer });
		deliver(lab);
		expect(lab.chosen('n1')).toEqual(['red']);
	});

	it('is told when its neighbour hears no leader any more, and waits', () => {
		const lab = cutOff();
		lab.propose('n5', 'red');
		const neighbour = via(lab);
		deliver(lab);
		lab.step(neighbour, { kind: 'linkDown', peer: 'n1' });
		expect(lab.inFlight('hears')).toMatchObject([{ to: 'n5', message: { relays: false } }]);
		deliver(lab);
		lab.propose('n5', 'blue');
		expect(lab.inFlight('forward')).toEqual([]);
	});

	it('asks again where its neighbour has lost the leader and what it passed on, and did not tell it any more', () => {
		const lab = cutOff();
		lab.step('n5', { kind: 'read', read: 1 });
		const neighbour = lab.inFlight('readAsk')[0]?.to as string;
		lab.deliver(({ from }) => from === 'n5');
		lab.drop();
		// n5 stands still, and polls nobody.
		const beat = (): void => {
			lab.timer('n1', 'heartbeat');
			lab.deliver((envelope) => among('n1', neighbour)(envelope));
		};
		for (let period = 0; period < 2; period++) {
			lab.timer(neighbour, 'election');
			beat();
		}
		for (const [id, peer] of [
			[neighbour, 'n1'],
			['n1', neighbour],
		] as const) {
			lab.step(id, { kind: 'linkDown', peer });
			lab.step(id, { kind: 'linkUp', peer });
		}
		beat();
		deliver(lab);
		lab.timer('n5', 'poll');
		deliver(lab);
		expect(lab.outcomes('n5', 'readAt')).toMatchObject([{ read: 1 }]);
	});

	it('asks the leader itself again, for everything, once it hears it', () => {
		const lab = cutOff();
		lab.propose('n5', 'red');
		lab.drop();
		for (const [id, peer] of [
			['n5', 'n1'],
			['n1', 'n5'],
		] as const)
			lab.step(id, { kind: 'linkUp', peer });
		lab.timer('n1', 'heartbeat');
		lab.deliver();
		expect(lab.chosen('n1')).toEqual(['red']);
	});
});

describe('a leader that is asked by one node in two ways', () => {
	const ask = { kind: 'readAsk', origin: 'n5', epoch: 7 } as const;
	it.each([
		['an earlier ask that a neighbour passed on', 'n2', { ...ask, round: 10 }],
		['an ask of an earlier life that a neighbour passed on', 'n2', { ...ask, epoch: 6, round: 12 }],
		['an earlier ask that was overtaken on the same way', 'n5', { ...ask, round: 10 }],
	])('answers the newest ask, although %s comes last', (_, from, earlier) => {
		const lab = new Lab(5);
		lab.elect('n1', 10);
		lab.deliver();
		// A round is under way, so both asks wait for the next one.
		lab.step('n1', { kind: 'read', read: 1 });
		lab.step('n1', { kind: 'receive', from: 'n5', message: { ...ask, round: 11 } });
		lab.step('n1', { kind: 'receive', from, message: earlier });
		lab.deliver((envelope) => envelope.message.kind !== 'readIndex');
		const answers = lab.inFlight('readIndex').filter(({ to }) => to === 'n5');
		expect(answers).toContainEqual(
			expect.objectContaining({ message: expect.objectContaining({ epoch: 7, round: 11 }) }),
		);
	});
});

describe('a neighbour', () => {
	it('passes on for the node that it came from only: one hop', () => {
		const lab = cutOff();
		lab.propose('n5', 'red');
		const [forward] = lab.inFlight('forward');
		lab.drop();
		if (!forward) throw new Error('no forward');
		lab.step('n2', { kind: 'receive', from: 'n3', message: forward.message });
		expect(lab.inFlight('forward')).toEqual([]);
		lab.step('n2', { kind: 'receive', from: 'n5', message: forward.message });
		expect(lab.inFlight('forward')).toMatchObject([{ from: 'n2', to: 'n1' }]);
	});

	it('stops telling a node that polls it no more', () => {
		const lab = cutOff();
		lab.propose('n5', 'red');
		const neighbour = via(lab);
		deliver(lab);
		for (let period = 0; period < 2; period++) lab.timer(neighbour, 'election');
		expect(lab.inFlight('hears')).toMatchObject([{ to: 'n5', message: { relays: false } }]);
		lab.drop();
		lab.propose('n1', 'blue');
		lab.deliver(({ message }) => message.kind !== 'hears');
		expect(lab.inFlight('hears')).toEqual([]);
	});
});
