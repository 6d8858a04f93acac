/** Who asks for another leader is answered once: when another node leads, or when the time is over. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type Ballot, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { Deadlines } from '../../shared/replica/deadlines.ts';
import { Succession } from '../../shared/replica/succession.ts';

const ballotOf = (node: string): Ballot => ({ ms: 1, ns: 0, node });

describe('a request for another leader', () => {
	let nowMs: number;
	let leader: Ballot;
	/** What the agent was asked for. */
	let asked: (string | null)[];
	let answers: string[];
	let deadlines: Deadlines;
	let succession: Succession;

	beforeEach(() => {
		nowMs = 0;
		leader = ballotOf('n1');
		asked = [];
		answers = [];
		deadlines = new Deadlines({ nowMs: () => nowMs, setTimer: () => undefined });
		const loop = { handOver: (to: string | null) => void asked.push(to), leader: () => leader };
		succession = new Succession('n1', loop, deadlines);
	});

	function ask(to: string | null, timeoutMs = 100): void {
		succession.begin(to, timeoutMs, ({ node }) => answers.push(node));
		succession.endTurn();
	}

	it('is made again with each heartbeat until another node leads', () => {
		ask('n2');
		succession.beat();
		expect(asked).toEqual(['n2', 'n2']);
		leader = NO_BALLOT;
		succession.endTurn();
		expect(answers).toEqual([]);
		leader = ballotOf('n2');
		succession.endTurn();
		expect(answers).toEqual(['n2']);
		succession.beat();
		expect(asked).toHaveLength(2);
		expect(deadlines.count).toBe(0);
	});

	it('is answered with no leader when its time is over, and is not made again', () => {
		ask(null);
		nowMs = 100;
		deadlines.fire();
		expect(answers).toEqual(['']);
		succession.beat();
		expect(asked).toEqual([null]);
		leader = ballotOf('n2');
		succession.endTurn();
		expect(answers).toEqual(['']);
	});

	it('stands behind an earlier one, and all are told who leads', () => {
		ask('n2', 100);
		ask('n3', 200);
		succession.beat();
		expect(asked).toEqual(['n2', 'n3', 'n2']);
		nowMs = 100;
		deadlines.fire();
		succession.beat();
		expect(asked.at(-1)).toBe('n3');
		ask(null);
		leader = ballotOf('n4');
		succession.endTurn();
		expect(answers).toEqual(['', 'n4', 'n4']);
	});

	it('is answered when the node stops', () => {
		ask('n2');
		succession.stop();
		expect(answers).toEqual(['']);
		expect([succession.count, deadlines.count]).toEqual([0, 0]);
	});
});
