/** The game without a page: each rule is taken out, the search breaks it, and its lamp is seen to turn red. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { agentWithout, loadAgent } from '../../dashboard/game/agents.ts';
import { broken, referee } from '../../dashboard/game/game.ts';
import { brokenText, RULES_TO_TAKE_OUT } from '../../dashboard/game/rules.ts';
import { type Found, Search } from '../../dashboard/game/search.ts';
import { Watch } from '../../dashboard/game/watch.ts';
import type { Asked } from '../../dashboard/game/worker.ts';
import { slotOf } from '../../dashboard/model/decision-index.ts';
import { RULES } from '../../dashboard/model/lamps.ts';
import { quoted } from '../../dashboard/model/why.ts';
import { addressOf, type RunAt, runOfAddress } from '../../dashboard/sandbox/address.ts';
import { openNew, openRun, sandbox } from '../../dashboard/sandbox/directed.ts';
import { actionText } from '../../dashboard/sandbox/possible.ts';
import type { Sandbox } from '../../dashboard/sandbox/sandbox.ts';
import { chosenSlot } from '../../dashboard/view/state.ts';
import { showSlot } from '../../dashboard/view/steering.ts';
import { withoutRules } from '../../dashboard/without-plugin.ts';
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Action } from '../../shared/simulation/action.ts';
import type { FlightNumber } from '../../shared/simulation/flights.ts';
import { one, patched } from '../../shared/simulation/mutant.ts';
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import { RULES_OUT } from '../../shared/simulation/rules-out.ts';
import { Stage } from '../../shared/simulation/stage.ts';
import { ALL_MUTANTS } from '../simulation/mutant-list-own.ts';
import { NEW_RUN, openSandbox } from './sandbox-page.ts';

/** Far more than any search needs, and so many are enough for a run with all rules. */
const STATES_MAX = 400_000;
const STATES_WITH_ALL_RULES = 20_000;
const LATER_US = 1_000_000;
/** Without one of its actions a list has so much longer to break something. */
const BY_THEN_US = 100_000;

function hunt(search: Search, statesMax: number): Found | null {
	while (search.visited < statesMax) {
		const found = search.next();
		if (found) return found;
	}
	return null;
}

/** Plays a run to its moment, and looks on. */
function watched({ without, script, at }: RunAt): Watch {
	const watch = new Watch(without);
	const stage: Stage = new Stage(
		script,
		{
			snapshot: () => undefined,
			batch: (_, { facts }) => watch.facts(facts),
			silent: () => undefined,
			answered: (of, answer) => watch.answered({ of, answer, at: stage.now }, stage.script.actions),
		},
		agentWithout(without),
	);
	stage.run(at);
	return watch;
}

const searches = new Map<RuleId, Found | null>();

/** What the search finds without the rule. @throws where it finds nothing */
async function foundWithout(id: RuleId, nodes: number): Promise<Found> {
	await loadAgent(id);
	const found = searches.get(id) ?? hunt(new Search(id, nodes), STATES_MAX);
	searches.set(id, found);
	if (!found) throw new Error('nothing is broken');
	return found;
}

describe.each(RULES_TO_TAKE_OUT.map((rule) => [rule.id, rule] as const))('without the rule %s', (id, { nodes }) => {
	test('the search breaks it, and its address shows the red lamp', async () => {
		const { run, lamp } = await foundWithout(id, nodes);
		const address = addressOf(run);
		expect(runOfAddress(address)).toEqual(run);
		for (const timed of run.script.actions) expect(actionText(timed)).not.toBe('');

		const { broken } = watched(run);
		expect(broken?.lamp).toBe(lamp);
		const said = broken ? brokenText(broken) : '';
		expect(said).not.toContain('“no-op”');
		expect(said.replaceAll(/“[^”]*”/g, '')).toMatch(/^[^.]+\.$/);
		// Of two values both are named, and they are not the same.
		const values = said.match(/“[^”]*”|a no-op/g) ?? [];
		if (lamp === 'oneValue' || lamp === 'oneProposal') expect(new Set(values).size).toBe(2);
		expect(watched({ ...run, at: run.at - 1 }).broken).toBeNull();

		const page = openSandbox(runOfAddress(address));
		const red = RULES.filter((rule) => page.story.lamps.breach(rule, Number.POSITIVE_INFINITY) !== null);
		expect(red).toEqual(RULES.filter((rule) => rule === lamp));
		if (lamp === 'oneValue' && broken?.lamp === lamp && broken.fact.kind === 'chosen') {
			const { values: chosen } = page.story.decision(page.story.gather(broken.fact.slot, []));
			for (const value of chosen) expect(values).toContain(quoted(value));
			expect(chosen).toHaveLength(2);
		}
		expect(addressOf(page.sandbox.runAt())).toBe(address);
	});

	test('no action of it can be left out', async () => {
		const { run } = await foundWithout(id, nodes);
		const { actions } = run.script;
		for (const action of actions) {
			const others = actions.filter((other) => other !== action);
			const without = { ...run, script: { ...run.script, actions: others }, at: run.at + BY_THEN_US };
			expect(watched(without).broken).toBeNull();
		}
	});

	test('with the rule in, the same actions break nothing', async () => {
		const { run } = await foundWithout(id, nodes);
		expect(watched({ ...run, without: null, at: run.at + LATER_US }).broken).toBeNull();
	});

	test('the page is built with the patches of the mutants', () => {
		const mutants = RULES_OUT[id];
		for (const mutant of mutants) expect(ALL_MUTANTS).toContain(mutant);
		const edits = mutants.flatMap((mutant) => mutant.edits);
		const sound = new Map(edits.map(({ file }) => [file, readFileSync(file, 'utf8')]));
		for (const [file, source] of sound) {
			const here = edits.filter((edit) => edit.file === file);
			const bad = here.reduce((text, { find, replace }) => text.replace(find, () => replace), source);
			expect(bad).not.toBe(source);
			expect(loaded(`${resolve(file)}?without=${id}`)).toBe(bad);
		}
	});
});

test('the page shows the slot in which a rule was broken, and not a later one', async () => {
	referee();
	for (const id of ['reported', 'votes'] as const) {
		const { run } = await foundWithout(id, 3);
		showSlot(null);
		await openRun(run);
		const { value } = broken;
		const slot = value && 'fact' in value ? slotOf(value.fact) : 0;
		expect(slot).toBeGreaterThan(0);
		expect(openSandbox(run).story.live.newestSlot).toBeGreaterThan(slot);
		expect(chosenSlot.value).toBe(slot);
	}
});

test('a lamp turns red also where another one was red before', () => {
	const watch = new Watch(null);
	const stamp = { node: 'n1', epoch: '1', seq: 1, time: 0 };
	const chosen = (digest: string): Fact => {
		const value = { digest, bytes: 3, commands: 1, text: digest };
		return { ...stamp, kind: 'chosen', slot: 1, value, how: 'told', ballot: '1@n1' } as Fact;
	};
	const vote = { kind: 'voteCounted', slot: 2, ballot: '1@n1', from: 'n2', voters: ['n2'], needed: 2 } as const;
	watch.facts([chosen('red'), chosen('blue'), { ...stamp, ...vote }]);
	expect(watch.broken?.lamp).toBe('oneValue');
	expect([...watch.byLamp.keys()]).toEqual(['oneValue', 'votes']);
});

test.each([
	['another rule', () => openRun(NEW_RUN)],
	['a new run', () => openNew(3, 1)],
])('where %s is chosen while a rule is being taken out, that is what is shown', async (_, choose) => {
	const rule = openRun({ ...NEW_RUN, without: 'votes' });
	await choose();
	expect(await rule).toBe(false);
	expect(sandbox.without).toBeNull();
});

test('a search that cannot begin says so to the page', async () => {
	const handlers: ((event: { data: Asked }) => void)[] = [];
	vi.stubGlobal('addEventListener', (_: string, handler: (event: { data: Asked }) => void) => handlers.push(handler));
	const reported = new Promise((resolve) => vi.stubGlobal('reportError', resolve));
	await import('../../dashboard/game/worker.ts');
	handlers[0]?.({ data: { without: 'nothing' as RuleId, nodes: 3, statesMax: 1 } });
	expect(await reported).toBeInstanceOf(Error);
	vi.unstubAllGlobals();
});

test('with all rules in the search breaks nothing, whatever it does', () => {
	const search = new Search(null, 3);
	expect(hunt(search, STATES_WITH_ALL_RULES)).toBeNull();
	expect(search.visited).toBeGreaterThanOrEqual(STATES_WITH_ALL_RULES);
});

test('a patch that does not fit, and a rule that is not there, end the build', () => {
	expect(() => loaded(`${resolve('shared/paxos/agent.ts')}?without=nothing`)).toThrow('there is no rule nothing');
	const misfit = one(0, 'a bug', 'shared/paxos/quorum.ts', 'not there', '');
	expect(patched(misfit, (file) => readFileSync(file, 'utf8'))).toMatch('holds the text to replace 0 times');
});

test.each(['half', null] as const)('the page says how many nodes are needed in a run without %s', async (without) => {
	await loadAgent(without);
	const { sandbox, story } = openSandbox({ ...NEW_RUN, without });
	const counted: Fact[] = [];
	sandbox.listen({ changed: () => undefined, batch: ({ facts }) => counted.push(...facts) });
	sandbox.act({ kind: 'propose', node: 'n1', key: 'color', value: 'red', route: 'self', contest: 0 });
	sandbox.speed = 1;
	sandbox.play();
	sandbox.pass(100);
	const needed = without === 'half' ? 2 : 3;
	const votes = counted.filter(({ kind }) => kind === 'voteCounted' || kind === 'promiseCounted');
	expect(votes).not.toEqual([]);
	for (const vote of votes) expect(vote).toMatchObject({ needed });
	expect(story.live.health).toEqual([{ up: 5, of: 5, needed, from: 1 }]);
	expect(story.decision(story.gather(1, [])).rounds.at(-1)?.electorate).toMatchObject({ needed });
});

/** A person with a swarm of three nodes that lacks a rule. */
class Hand {
	readonly #sandbox: Sandbox;
	#told: readonly Fact[] = [];

	constructor(without: RuleId) {
		this.#sandbox = openSandbox({ ...NEW_RUN, without, script: { ...NEW_RUN.script, nodes: 3 } }).sandbox;
		this.#sandbox.listen({
			changed: () => undefined,
			batch: ({ facts }) => {
				this.#told = [...this.#told, ...facts];
			},
		});
	}

	/** Plays the run a moment further, and tells what is broken then. */
	get broken(): Watch['broken'] {
		const run = this.#sandbox.runAt();
		return watched({ ...run, at: run.at + BY_THEN_US }).broken;
	}

	act(...actions: readonly Action[]): void {
		for (const action of actions) this.#sandbox.act(action);
	}

	propose(node: NodeId, value: string, route: 'self' | 'leader' = 'self'): void {
		this.act({ kind: 'propose', node, key: 'color', value, route, contest: 0 });
	}

	/** Lets time pass until the node tells of such a thing that happens from now on. */
	until(node: NodeId, kind: Fact['kind']): void {
		this.#told = [];
		this.#play(() => this.#told.some((fact) => fact.node === node && fact.kind === kind));
	}

	/** Lets time pass until a message of that kind is on its way to the node. */
	flight(to: NodeId, kind: 'accepted'): FlightNumber {
		const find = () => [...this.#sandbox.flights].find((flight) => flight.to === to && flight.kinds.includes(kind));
		this.#play(() => find() !== undefined);
		return find()?.number ?? 0;
	}

	#play(isEnough: () => boolean): void {
		this.#sandbox.speed = 1;
		this.#sandbox.play(isEnough);
		while (this.#sandbox.isPlaying) this.#sandbox.pass(1);
	}
}

const HOUR_MS = 3_600_000;

/** These hands do what the hints of the rules say. */
const AS_HINTED: Partial<Record<RuleId, (hand: Hand) => void>> = {
	promises: (hand) => {
		hand.act({ kind: 'stepClock', node: 'n2', byMs: -HOUR_MS });
		hand.act({ kind: 'crash', node: 'n2' }, { kind: 'restart', node: 'n2' });
		hand.propose('n2', 'blue');
		hand.until('n2', 'promised');
	},
	disk: (hand) => {
		hand.act({ kind: 'cut', from: 'n2', to: 'n3' }, { kind: 'cut', from: 'n3', to: 'n2' });
		hand.propose('n2', 'red');
		hand.until('n1', 'accepted');
		hand.act({ kind: 'losePower', node: 'n1' });
		hand.until('n2', 'chosen');
		hand.act({ kind: 'crash', node: 'n2' }, { kind: 'restart', node: 'n1' });
		hand.propose('n3', 'blue');
		hand.until('n3', 'chosen');
	},
	ballots: (hand) => {
		hand.act({ kind: 'stepClock', node: 'n2', byMs: -HOUR_MS }, { kind: 'stepClock', node: 'n3', byMs: -HOUR_MS });
		hand.act({ kind: 'slow', a: 'n2', b: 'n3', ms: 50 });
		hand.propose('n2', 'red');
		hand.propose('n3', 'blue');
		hand.until('n3', 'proposed');
	},
	votes: (hand) => {
		hand.act({ kind: 'crash', node: 'n1' });
		hand.propose('n3', 'red', 'leader');
		hand.until('n3', 'applied');
		hand.propose('n3', 'amber', 'leader');
		hand.until('n2', 'accepted');
		const flight = hand.flight('n3', 'accepted');
		hand.act({ kind: 'hold', flight, ms: 20 });
		hand.propose('n3', 'blue');
		hand.until('n3', 'proposed');
		hand.act({ kind: 'deliver', flight });
	},
};

test.each(Object.entries(AS_HINTED))(
	'without the rule %s a hand that does what the hint says turns a lamp red',
	async (id, play) => {
		const rule = id as RuleId;
		await loadAgent(rule);
		const hand = new Hand(rule);
		play(hand);
		expect(hand.broken).not.toBeNull();
	},
);

test('a run without a rule goes on as a new run, and is put back', async () => {
	await loadAgent('half');
	const page = openSandbox({ ...NEW_RUN, without: 'half' });
	expect(page.sandbox.runAt().without).toBe('half');
	page.sandbox.act({ kind: 'crash', node: 'n2' }, page.sandbox.stage.now - 1000);
	expect(page.sandbox.branches.map(({ run }) => run.without)).toEqual(['half', 'half']);
	page.sandbox.open(NEW_RUN);
	expect(page.sandbox.runAt().without).toBeNull();
});

/** The text that the build makes of a module. */
function loaded(id: string): string {
	const { load } = withoutRules() as { load: (this: object, id: string) => { readonly code: string } };
	return load.call({ addWatchFile: () => undefined }, id).code;
}

test('a write whose condition does not hold is not missed by a later read', async () => {
	const { sandbox } = openSandbox({ ...NEW_RUN, script: { ...NEW_RUN.script, nodes: 3 } });
	const watch = new Watch(null);
	sandbox.listen({
		changed: () => undefined,
		batch: ({ facts }) => watch.facts(facts),
		answered: (answered) => watch.answered(answered, sandbox.stage.script.actions),
	});
	sandbox.speed = 1;
	const ask = async (value: string, cas: number) => {
		const answer = sandbox.propose('n1', { key: 'color', value, route: 'leader', contest: 0, cas }, null);
		while (sandbox.isPlaying) sandbox.pass(50);
		return answer;
	};
	expect(await ask('red', 0)).toMatchObject({ outcome: 'chosen', ok: true });
	expect(await ask('blue', 0)).toMatchObject({ outcome: 'chosen', ok: false });
	sandbox.act({ kind: 'read', node: 'n2', key: 'color' });
	sandbox.play(() => sandbox.answers[0]?.of.action.kind === 'read');
	while (sandbox.isPlaying) sandbox.pass(50);
	expect(sandbox.answers[0]?.answer).toEqual({ kind: 'read', value: 'red', isConfirmed: true });
	expect(watch.broken).toBeNull();
});
