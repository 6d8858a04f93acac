import { expect, test } from 'vitest';
import { plain } from '../../shared/fact.ts';
import { membersValue, NOOP } from '../../shared/paxos/value.ts';

test('two changes of members are told apart by their digests, also where their texts are the same', () => {
	const change = (follows: number) =>
		membersValue({ follows, members: [{ id: 'n1', url: 'http://h', isVoter: true, replaces: null }] });
	const [first, same, second] = [plain(change(0)), plain(change(0)), plain(change(1))];
	expect(first).toEqual({ digest: expect.stringMatching(/^[0-9a-f]{8}$/), bytes: 10, commands: 0, text: 'members n1' });
	expect(same).toEqual(first);
	expect(second).toMatchObject({ text: 'members n1' });
	expect(second.digest).not.toBe(first.digest);
	expect(plain(NOOP)).toMatchObject({ bytes: 0, text: 'no-op' });
});
