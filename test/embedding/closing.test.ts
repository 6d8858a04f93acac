/** The parts of a node are closed once, in order, also those that are added while others are closed. */
import { expect, test } from 'vitest';
import { Closing } from '../../server/node/closing.ts';

function parts() {
	const closed: string[] = [];
	const part = (name: string) => async () => {
		await Promise.resolve();
		closed.push(name);
	};
	return { closed, part };
}

test('clients are let go first, and the parts are closed once, whoever asks', async () => {
	const { closed, part } = parts();
	const closing = new Closing(part('front'), part('home'));
	closing.first(part('replica'), part('mesh'));
	closing.last(part('log'));
	closing.drainsBy(part('drain'));
	expect(closing.hasBegun).toBe(false);
	const [first, second] = [closing.close(true), closing.close(false)];
	expect(closing.hasBegun).toBe(true);
	await first;
	await second;
	expect(closed).toEqual(['drain', 'replica', 'mesh', 'front', 'home', 'log']);
});

test('a node that broke waits for no client, and what it adds meanwhile is closed too', async () => {
	const { closed, part } = parts();
	const closing = new Closing(part('front'), part('home'));
	closing.drainsBy(part('drain'));
	const end = closing.close(false);
	closing.first(part('replica'));
	closing.last(part('log'));
	await end;
	expect(closed).toEqual(['front', 'replica', 'home', 'log']);
});

test('what comes behind a part that fails is closed all the same, and its error is told', async () => {
	const { closed, part } = parts();
	const fail = (why: string) => () => Promise.reject(new Error(why));
	const closing = new Closing(part('front'), fail('first'), fail('second'), part('log'));
	closing.drainsBy(fail('drain'));
	await expect(closing.close(true)).rejects.toThrow('drain');
	expect(closed).toEqual(['front', 'log']);
	await expect(new Closing(fail('first'), fail('second')).close(false)).rejects.toThrow('first');
});
