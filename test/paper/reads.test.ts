/** Reads that are under way when a leader is deposed, or when its process ends. */
import { describe, expect, it } from 'vitest';
import { type Filter, Lab } from './lab.ts';

describe('a linearizable read', () => {
	it('is not answered by a confirm of an earlier ballot, though its round has the same number', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.restart('n1');
		lab.elect('n1', 20);
		lab.drop();
		lab.step('n1', { kind: 'read', read: 1 });
		lab.timer('n1', 'heartbeat');
		const [heartbeat] = lab.inFlight('heartbeat').filter(({ to }) => to === 'n2');
		lab.deliver((envelope) => envelope === heartbeat);
		const [confirm] = lab.inFlight('confirm').map(({ message }) => message);
		if (confirm?.kind !== 'confirm') throw new Error('it was not confirmed');
		const late = { ...confirm, ballot: { ...confirm.ballot, ms: 10 } };
		lab.step('n1', { kind: 'receive', from: 'n2', message: late });
		expect(lab.outcomes('n1', 'readAt')).toEqual([]);
		lab.step('n1', { kind: 'receive', from: 'n2', message: confirm });
		expect(lab.outcomes('n1', 'readAt')).toMatchObject([{ read: 1 }]);
	});

	it('is not answered by a late answer to an earlier life, though its ask has the same number', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		const isNoAnswer: Filter = ({ message }) => message.kind !== 'readIndex';
		const ask = (read: number): void => {
			lab.timer('n1', 'heartbeat');
			lab.deliver(isNoAnswer);
			lab.step('n2', { kind: 'read', read });
			lab.deliver(isNoAnswer);
		};
		ask(1);
		lab.restart('n2');
		ask(2);
		const [late, answer] = lab.inFlight('readIndex');
		expect(late?.message).toEqual({ ...answer?.message, epoch: 2 });
		lab.deliver((envelope) => envelope === late);
		expect(lab.outcomes('n2', 'readAt')).toEqual([]);
		lab.deliver((envelope) => envelope === answer);
		expect(lab.outcomes('n2', 'readAt')).toMatchObject([{ read: 2 }]);
	});

	it('that waits for a round is asked of the next leader when its own is deposed', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.step('n1', { kind: 'read', read: 1 });
		expect(lab.inFlight('heartbeat')).not.toEqual([]);
		lab.drop();
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.deliver();
		lab.timer('n3', 'heartbeat');
		lab.deliver();
		expect(lab.outcomes('n1', 'readAt')).toMatchObject([{ read: 1 }]);
	});

	it('that a follower asked of a leader is asked of the next one that it hears', () => {
		const lab = new Lab(3);
		lab.elect('n1', 10);
		lab.deliver();
		lab.step('n2', { kind: 'read', read: 1 });
		expect(lab.inFlight('readAsk')).toMatchObject([{ to: 'n1' }]);
		lab.drop();
		lab.propose('n3', 'blue', 'self');
		lab.campaign('n3', 20);
		lab.deliver();
		expect(lab.outcomes('n2', 'readAt')).toMatchObject([{ read: 1 }]);
	});
});
