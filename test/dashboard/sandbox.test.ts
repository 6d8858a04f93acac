/** The sandbox without a page: its addresses, its branches, its time, and that the page shows what the nodes know. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NodeModel } from '../../dashboard/model/node-model.ts';
import type { Item } from '../../dashboard/model/tape.ts';
import { AddressError, addressOf, runOfAddress, VALUE_CHARS_MAX } from '../../dashboard/sandbox/address.ts';
import { act, openNew, sandbox } from '../../dashboard/sandbox/directed.ts';
import { actionText, answerText, possibleFor, titleOf } from '../../dashboard/sandbox/possible.ts';
import { RUN_IS_FULL, SHOWN_FROM_US } from '../../dashboard/sandbox/sandbox.ts';
import { delaysAt, situationAt } from '../../dashboard/sandbox/situation.ts';
import { moment } from '../../dashboard/view/state.ts';
import type { NodeSnapshot, ProposeRequest } from '../../shared/feed.ts';
import type { Action } from '../../shared/simulation/action.ts';
import { RULE_IDS } from '../../shared/simulation/rule-ids.ts';
import { DELAY_MS_MAX, RUN_US_MAX, STEP_CLOCK_MS_MAX } from '../../shared/simulation/stage.ts';
import { NEW_RUN, openSandbox, type SandboxPage } from './sandbox-page.ts';

const RED: ProposeRequest = { key: 'color', value: 'red', route: 'self', contest: 0 };

/** So many milliseconds of the run. */
function pass({ sandbox }: SandboxPage, ms: number): void {
	sandbox.speed = 1;
	sandbox.play();
	for (let left = ms; left > 0; left -= 50) sandbox.pass(Math.min(left, 50));
	sandbox.pause();
}

describe('an address', () => {
	const node = fc.integer({ min: 1, max: 7 }).map((number) => `n${number}`);
	const pair = fc.uniqueArray(node, { minLength: 2, maxLength: 2 }) as fc.Arbitrary<[string, string]>;
	const flight = fc.integer({ min: 1, max: 10_000_000 });
	const key = fc.constantFrom('color', 'a.b', 'a~b', 'ä/ö', '100%', "it's", 'x y');
	const value = fc.option(fc.string({ unit: 'grapheme', maxLength: 60 }), { nil: null });
	const ofNode = fc.constantFrom(
		'crash',
		'losePower',
		'restart',
		'loseDisk',
		'pause',
		'resume',
		'removeMember' as const,
	);
	const action: fc.Arbitrary<Action> = fc.oneof(
		fc.record({ kind: ofNode, node }),
		fc.record({
			kind: fc.constant('propose' as const),
			node,
			key,
			value,
			route: fc.constant('leader' as const),
			contest: fc.constant(0),
		}),
		fc.record({
			kind: fc.constant('propose' as const),
			node,
			key,
			value,
			route: fc.constant('self' as const),
			contest: fc.nat(1000),
		}),
		fc.record({
			kind: fc.constant('propose' as const),
			node,
			key,
			value,
			route: fc.constant('leader' as const),
			contest: fc.constant(0),
			cas: fc.nat(1000),
		}),
		fc.record({ kind: fc.constant('read' as const), node, key }),
		fc.record({
			kind: fc.constant('stepClock' as const),
			node,
			byMs: fc.integer({ min: -STEP_CLOCK_MS_MAX, max: STEP_CLOCK_MS_MAX }),
		}),
		pair.map(([from, to]) => ({ kind: 'cut' as const, from, to })),
		pair.map(([a, b]) => ({ kind: 'heal' as const, a, b })),
		fc.constant({ kind: 'healAll' as const }),
		fc.tuple(pair, fc.nat(DELAY_MS_MAX)).map(([[a, b], ms]) => ({ kind: 'slow' as const, a, b, ms })),
		fc.record({ kind: fc.constantFrom('deliver', 'drop', 'duplicate' as const), flight }),
		fc.record({ kind: fc.constant('hold' as const), flight, ms: fc.nat(DELAY_MS_MAX) }),
		fc.record({ kind: fc.constant('addMember' as const), replaces: fc.option(node, { nil: null }) }),
	);
	const run = fc
		.record({
			without: fc.option(fc.constantFrom(...RULE_IDS), { nil: null }),
			seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
			nodes: fc.integer({ min: 3, max: 7 }),
			times: fc.array(fc.tuple(fc.nat(1_000_000), action), { maxLength: 30 }),
			rest: fc.nat(1_000_000),
		})
		.map(({ without, seed, nodes, times, rest }) => {
			let at = 0;
			const actions = times.map(([after, action]) => {
				at += after;
				return { at, action };
			});
			return { without, script: { seed, nodes, actions }, at: at + rest };
		});

	test('names one run at one moment, and needs no more escapes in a link', () => {
		fc.assert(
			fc.property(run, (run) => {
				const address = addressOf(run);
				expect(runOfAddress(address)).toEqual(run);
				expect(new URL(`http://host/#sandbox=${address}`).hash).toBe(`#sandbox=${address}`);
			}),
		);
	});

	test('that may come from anywhere is checked', () => {
		fc.assert(
			fc.property(run, fc.nat(), fc.string({ maxLength: 3 }), (run, at, piece) => {
				const address = addressOf(run);
				const place = at % (address.length + 1);
				const spoiled = address.slice(0, place) + piece + address.slice(place + 1);
				try {
					const found = runOfAddress(spoiled);
					expect(addressOf(found).length).toBeLessThanOrEqual(spoiled.length + 200);
					expect(found.at).toBeLessThanOrEqual(RUN_US_MAX);
				} catch (error) {
					expect(error).toBeInstanceOf(AddressError);
				}
			}),
		);
	});

	test.each([
		['', 'of another version'],
		['3~7~5~0', 'of another version'],
		['2~7~5~0', 'a rule that is not there'],
		['1~7~2~0', 'in the place of a number'],
		['1~7~8~0', 'in the place of a number'],
		['1~-1~5~0', 'in the place of a number'],
		['1~7~5~zzzzzzzz', 'in the place of a number'],
		['1~7~5', 'nothing in the place of a number'],
		['1~7~5~0~1.c.1', 'after its moment'],
		['1~7~5~9~1.c.a', 'in the place of a number'],
		['1~7~5~9~1.c.1.1', 'too many fields'],
		['1~7~5~9~1.c', 'lacks a field'],
		['1~7~5~9~1.j.1', 'no action j'],
		['1~7~5~9~1.x.1.1', 'no link to itself'],
		['1~7~5~9~1.r.1.%2', 'broken escapes'],
		['1~7~5~9~1.r.1.', 'a key is empty'],
		[`1~7~5~9~1.p.1.s.0.k.${'v'.repeat(VALUE_CHARS_MAX + 1)}`, 'a value has more than'],
		[`1~7~5~9${'~0.H'.repeat(501)}`, 'more than 500 actions'],
		['1'.repeat(16_001), 'more than 16000 characters'],
	])('%s is refused, and says why', (address, why) => {
		expect(() => runOfAddress(address)).toThrow(AddressError);
		expect(() => runOfAddress(address)).toThrow(why);
	});
});

test.each([
	['key', { key: 'half \ud83d', value: 'red' }],
	['value', { key: 'color', value: 'half \ud83d' }],
])('half a surrogate pair in a %s has no place in an address, and the run takes none', async (what, of) => {
	const { sandbox } = openSandbox();
	const answer = await sandbox.propose('n1', { ...of, route: 'self', contest: 0 }, null);
	expect(answer).toMatchObject({
		outcome: 'refused',
		why: expect.stringContaining(`the ${what} has half a surrogate`),
	});
	expect(() => addressOf(sandbox.runAt())).not.toThrow();
});

test('an address opens the same run at the same moment', async () => {
	const page = openSandbox();
	const answer = page.sandbox.propose('n2', RED, null);
	pass(page, 30);
	expect(await answer).toMatchObject({ outcome: 'chosen', slot: 1 });
	page.sandbox.act({ kind: 'cut', from: 'n2', to: 'n4' });
	page.sandbox.act({ kind: 'crash', node: 'n3' });
	pass(page, 700);
	const run = page.sandbox.runAt();
	const again = openSandbox(runOfAddress(addressOf(run)));
	expect(again.sandbox.nowMs()).toBe(page.sandbox.nowMs());
	expect(flying(again)).toEqual(flying(page));
	expect(flying(page)).not.toEqual([]);
	expect(told(again)).toEqual(told(page));
	expect(addressOf(again.sandbox.runAt())).toBe(addressOf(run));
});

test('at every moment the page shows of each node what the node itself knew then', () => {
	const page = openSandbox();
	const { sandbox } = page;
	const moments: Item[] = [];
	/** By node, life and number of the last fact: what the node itself knew then. */
	const own = new Map<string, NodeSnapshot>();
	const look = () => {
		const item = page.story.tape.last;
		if (item) moments.push(item);
		for (const id of sandbox.stage.nodes) {
			const snapshot = sandbox.stage.snapshot(id);
			if (snapshot) own.set(`${id} ${snapshot.epoch} ${snapshot.seq}`, snapshot);
		}
	};
	void sandbox.propose('n2', RED, null);
	for (let i = 0; i < 12; i++) {
		pass(page, 0.4);
		look();
	}
	sandbox.act({ kind: 'crash', node: 'n2' });
	for (let i = 0; i < 12; i++) {
		pass(page, 45);
		look();
	}
	sandbox.act({ kind: 'restart', node: 'n2' });
	sandbox.act({ kind: 'addMember', replaces: null });
	for (let i = 0; i < 12; i++) {
		pass(page, 150);
		look();
	}
	let compared = 0;
	for (const item of moments) {
		for (const node of page.story.at(item).nodes) {
			const snapshot = own.get(`${node.id} ${node.epoch} ${node.seq}`);
			if (!node.isUp || !snapshot) continue;
			expect(shown(node), `${node.id} at ${item.at}`).toEqual(known(snapshot));
			compared++;
		}
	}
	expect(compared).toBeGreaterThan(4 * moments.length);
	for (const node of page.story.live.nodes) expect(shown(node)).toEqual(known(sandbox.stage.snapshot(node.id)));
});

test('who acts in the past goes on from there, and the other branch is kept', () => {
	const page = openSandbox();
	const { sandbox } = page;
	void sandbox.propose('n2', RED, null);
	pass(page, 10);
	const first = { run: sandbox.runAt(), told: told(page) };
	const past = SHOWN_FROM_US + 1_500;
	sandbox.act({ kind: 'crash', node: 'n2' }, past);
	expect(sandbox.branches).toMatchObject([{ number: 1 }, { number: 2, forked: { from: 1, at: past } }]);
	expect(sandbox.stage.now).toBe(past);
	expect(sandbox.stage.script.actions.map(({ action }) => action.kind)).toEqual(['propose', 'crash']);
	pass(page, 2_000);
	expect(page.story.live.node('n2')?.status).toBe('unknown');

	sandbox.openBranch(0);
	expect(sandbox.runAt()).toEqual(first.run);
	expect(told(page)).toEqual(first.told);
	sandbox.openBranch(1);
	expect(sandbox.stage.presence('n2')).toBe('crashed');
});

test('a proposal in the past is a fork too, and one that a run cannot hold is refused', async () => {
	const page = openSandbox();
	void page.sandbox.propose('n2', RED, null);
	pass(page, 10);
	const answer = page.sandbox.propose('n3', { ...RED, value: 'blue' }, page.sandbox.nowMs() - 9);
	pass(page, 1_000);
	expect(await answer).toMatchObject({ outcome: 'chosen' });
	expect(page.sandbox.branches).toHaveLength(2);
	const tooLong = { ...RED, value: 'v'.repeat(VALUE_CHARS_MAX + 1) };
	expect(await page.sandbox.propose('n2', tooLong, page.sandbox.nowMs() - 9)).toMatchObject({ outcome: 'refused' });
	expect(page.sandbox.branches).toHaveLength(2);
	expect(await page.sandbox.propose('n2', { ...RED, key: '' }, null)).toMatchObject({ why: 'the key is empty' });
});

test('what is asked for while the run plays for another answer is answered too', async () => {
	openNew(3, 7);
	sandbox.speed = 1;
	const playsOn = () => {
		for (let pass = 0; sandbox.isPlaying && pass < 100; pass++) sandbox.pass(50);
	};
	// A change of members is answered sooner than either of the others.
	act([{ kind: 'addMember', replaces: null }]);
	act([{ kind: 'read', node: 'n1', key: 'color' }]);
	playsOn();
	expect(sandbox.answers.map(({ of }) => of.action.kind).sort()).toEqual(['addMember', 'read']);
	act([{ kind: 'removeMember', node: 'n3' }]);
	const proposed = sandbox.propose('n2', RED, null);
	playsOn();
	expect(await proposed).toMatchObject({ outcome: 'chosen' });
	expect(sandbox.isPlaying).toBe(false);
});

test('what is asked for plays on until it is answered, however much was answered before, and also in the past', () => {
	openNew(3, 7);
	const asked = () => act([{ kind: 'read', node: 'n1', key: 'color' }]);
	const answered = () => {
		sandbox.speed = 1;
		for (let pass = 0; sandbox.isPlaying && pass < 10; pass++) sandbox.pass(50);
		return !sandbox.isPlaying && sandbox.answers[0]?.of === sandbox.stage.script.actions.at(-1);
	};
	for (let count = 0; count < 25; count++) {
		asked();
		expect(answered()).toBe(true);
	}
	const item = { at: 0, index: 0, node: 'n1', told: { kind: 'heard' as const }, whenMs: sandbox.nowMs() - 1 };
	moment.value = item;
	asked();
	expect(sandbox.branches).toHaveLength(2);
	expect(answered()).toBe(true);
});

test('a key is written on condition, the page lists what is there, and the address keeps the condition', async () => {
	const page = openSandbox();
	const red = page.sandbox.propose('n2', RED, null);
	pass(page, 500);
	expect(await red).toMatchObject({ ok: true });
	const [entry] = (await page.sandbox.list('n2', 'col'))?.entries ?? [];
	expect(entry).toMatchObject({ key: 'color', value: 'red', isWhole: true });
	const late = page.sandbox.propose('n2', { ...RED, value: 'late', cas: (entry?.modifyRevision ?? 0) + 1 }, null);
	pass(page, 500);
	expect(await late).toMatchObject({ outcome: 'chosen', ok: false });
	const blue = page.sandbox.propose('n2', { ...RED, value: 'blue', cas: entry?.modifyRevision }, null);
	pass(page, 500);
	expect(await blue).toMatchObject({ outcome: 'chosen', ok: true });
	expect((await page.sandbox.list('n2', ''))?.entries).toMatchObject([{ value: 'blue' }]);
	const run = page.sandbox.runAt();
	expect(runOfAddress(addressOf(run))).toEqual(run);
});

test('nothing is done in a run that its address could not name', async () => {
	const { sandbox } = openSandbox();
	for (const contest of [1_000_001, 1.5, -1, Number.NaN]) {
		expect(await sandbox.propose('n2', { ...RED, route: 'self', contest }, null)).toMatchObject({
			outcome: 'refused',
			why: expect.stringMatching(/^a slot .* is a whole number up to 1000000 here$/),
		});
	}
	expect(await sandbox.propose('n2', { ...RED, cas: 1e9 }, null)).toMatchObject({
		why: expect.stringMatching(/^a revision /),
	});
	expect(sandbox.stage.script.actions).toEqual([]);

	const long: ProposeRequest = { ...RED, key: 'ключ'.repeat(200), value: '值'.repeat(VALUE_CHARS_MAX) };
	const answers = Array.from({ length: 4 }, () => sandbox.propose('n2', long, null));
	expect(await answers.at(-1)).toEqual({ outcome: 'refused', why: RUN_IS_FULL, attempts: [] });
	expect(sandbox.isFull).toBe(true);
	expect(sandbox.stage.script.actions).toHaveLength(2);
	do sandbox.act({ kind: 'healAll' });
	while (!sandbox.isFull);
	expect(sandbox.stage.script.actions.length).toBeGreaterThan(100);
	expect(runOfAddress(addressOf(sandbox.runAt()))).toEqual(sandbox.runAt());
});

test('time passes as fast as it is asked to, and slowly by itself while a message flies', () => {
	const { sandbox } = openSandbox();
	void sandbox.propose('n2', RED, null);
	sandbox.speed = 0.001;
	sandbox.pass(100);
	sandbox.pass(100);
	expect(sandbox.stage.now).toBe(SHOWN_FROM_US + 200);
	sandbox.speed = 'auto';
	while (!sandbox.flights.some(({ kinds }) => kinds.includes('prepare'))) sandbox.pass(1);
	const before = sandbox.stage.now;
	sandbox.pass(100);
	expect(sandbox.stage.now - before).toBeLessThan(100);
	sandbox.pause();
	sandbox.pass(100);
	const paused = sandbox.stage.now;
	sandbox.step();
	expect(sandbox.stage.now).toBeGreaterThan(paused);
});

test('messages of the past are seen as they flew, and lost ones as lost', () => {
	const page = openSandbox();
	const { sandbox } = page;
	sandbox.act({ kind: 'cut', from: 'n2', to: 'n4' });
	void sandbox.propose('n2', RED, null);
	sandbox.speed = 0.001;
	while (sandbox.flights.filter(({ kinds }) => kinds.includes('prepare')).length < 3) sandbox.pass(10);
	const ms = sandbox.nowMs();
	const flying = sandbox.flightsAt(ms).filter(({ kind }) => kind === 'prepare');
	expect(flying.map(({ to, lost }) => [to, lost])).toEqual(
		expect.arrayContaining([
			['n1', false],
			['n3', false],
			['n5', false],
			['n4', true],
		]),
	);
	pass(page, 20);
	expect(sandbox.flightsAt(ms).filter(({ kind }) => kind === 'prepare')).toHaveLength(4);
	expect(sandbox.flightsAt(ms).filter(({ lost }) => lost)).toMatchObject([{ from: 'n2', to: 'n4' }]);
});

test('only what can be done is offered, and all that is offered can be said', () => {
	const page = openSandbox();
	const { sandbox } = page;
	const { stage } = sandbox;
	const labels = (picked: Parameters<typeof possibleFor>[0]) => possibleFor(picked, stage).map(({ label }) => label);
	const ofNode = labels({ kind: 'node', node: 'n3' });
	expect(ofNode).toContain('Crash it');
	expect(ofNode).toContain('Cut its power: unflushed data is lost');
	expect(labels({ kind: 'node', node: 'n3' })).not.toContain('Restart it');
	sandbox.act({ kind: 'crash', node: 'n3' });
	expect(labels({ kind: 'node', node: 'n3' })).toEqual(['Restart it', 'Lose its disk']);
	expect(titleOf({ kind: 'node', node: 'n3' }, stage)).toBe('n3, crashed');
	expect(labels({ kind: 'link', a: 'n1', b: 'n2' })[0]).toBe('Cut it');
	sandbox.act({ kind: 'cut', from: 'n1', to: 'n2' });
	expect(labels({ kind: 'link', a: 'n1', b: 'n2' })).not.toContain('Cut n1 → n2 only');
	expect(labels({ kind: 'flight', flight: 10_000_000 })).toEqual([]);
	void sandbox.propose('n5', RED, null);
	sandbox.speed = 0.001;
	while (sandbox.flights.length === 0) sandbox.pass(10);
	const [flight] = sandbox.flights;
	const ofFlight = { kind: 'flight', flight: flight?.number ?? 0 } as const;
	expect(labels(ofFlight)).toContain('Drop it: its connection ends');
	const all = [ofFlight, { kind: 'node', node: 'n1' } as const, { kind: 'link', a: 'n1', b: 'n4' } as const];
	for (const { actions } of all.flatMap((one) => possibleFor(one, stage))) {
		for (const action of actions) expect(actionText({ at: 0, action })).toMatch(/^[\w→– ]+/);
	}
	const read = { at: 0, action: { kind: 'read', node: 'n1', key: 'color' } } as const;
	expect(answerText(read, { kind: 'read', isConfirmed: true, value: null })).toContain('color is not there');
	expect(answerText(read, { kind: 'read', isConfirmed: false, value: null })).toContain('no quorum confirms');
});

test('a moment of the past offers what could be done then', () => {
	const page = openSandbox();
	const { sandbox } = page;
	const moments: { readonly at: number; readonly presence: string; readonly isCut: boolean }[] = [];
	const actions: Action[] = [
		{ kind: 'pause', node: 'n3' },
		{ kind: 'cut', from: 'n3', to: 'n1' },
		{ kind: 'resume', node: 'n3' },
		{ kind: 'crash', node: 'n3' },
		{ kind: 'heal', a: 'n1', b: 'n3' },
		{ kind: 'restart', node: 'n3' },
		{ kind: 'losePower', node: 'n3' },
		{ kind: 'restart', node: 'n3' },
		{ kind: 'cut', from: 'n3', to: 'n1' },
		{ kind: 'loseDisk', node: 'n3' },
		{ kind: 'crash', node: 'n3' },
		{ kind: 'healAll' },
	];
	for (const action of actions) {
		pass(page, 5);
		sandbox.act(action);
		const { now } = sandbox.stage;
		moments.push({ at: now, presence: sandbox.stage.presence('n3'), isCut: sandbox.stage.isCut('n3', 'n1') });
	}
	for (const { at, presence, isCut } of moments) {
		const past = situationAt(sandbox.stage.script, at);
		expect([past.presence('n3'), past.isCut('n3', 'n1')], `at ${at}`).toEqual([presence, isCut]);
	}
	expect(situationAt(sandbox.stage.script, 0).presence('n6')).toBe('spare');
});

test('a link is slow from the moment on at which it was made so, until it is healed', () => {
	const { sandbox } = openSandbox();
	const at: number[] = [];
	const actions: readonly Action[] = [
		{ kind: 'slow', a: 'n1', b: 'n3', ms: 20 },
		{ kind: 'slow', a: 'n2', b: 'n3', ms: 20 },
		{ kind: 'heal', a: 'n3', b: 'n1' },
		{ kind: 'healAll' },
	];
	const known = [];
	for (const action of actions) {
		const before = sandbox.stage.now;
		sandbox.act(action);
		at.push(before);
		sandbox.step();
	}
	for (const moment of at) {
		const delayOf = delaysAt(sandbox.stage.script, moment);
		known.push([delayOf('n1', 'n3'), delayOf('n3', 'n1'), delayOf('n3', 'n2'), delayOf('n1', 'n2')]);
	}
	expect(known).toEqual([
		[20, 20, 0, 0],
		[20, 20, 20, 0],
		[0, 0, 20, 0],
		[0, 0, 0, 0],
	]);
});

test('another run begins with nothing of the one before', () => {
	const page = openSandbox();
	void page.sandbox.propose('n2', RED, null);
	pass(page, 20);
	page.sandbox.open({ ...NEW_RUN, script: { seed: 8, nodes: 3, actions: [] } });
	expect(page.story.live.nodes.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3']);
	expect(page.story.live.newestSlot).toBe(0);
	expect(page.sandbox.branches).toHaveLength(1);
});

/** All facts of a page in their order. */
function told({ story }: SandboxPage): string[] {
	return story.tape.newest(Number.POSITIVE_INFINITY, () => true).map(({ fact }) => JSON.stringify(fact));
}

/** What is on its way, as the page shows it. */
function flying({ sandbox }: SandboxPage) {
	return [...sandbox.flights].map(({ number, from, to, kinds, departed, due }) => ({
		number,
		from,
		to,
		kinds,
		departed,
		due,
	}));
}

/** What the panels show of a node, in the words of its own snapshot. */
function shown(node: NodeModel | undefined) {
	if (!node?.isUp) return node?.status;
	const { role, promised, leader, chosenThrough, appliedThrough, revision, linked, slots, seq, epoch } = node;
	const accepted = [...slots.values()].map(({ slot, acceptedBallot, chosen }) => [slot, acceptedBallot, chosen]);
	accepted.sort(([a], [b]) => Number(a) - Number(b));
	return {
		role,
		promised,
		leader,
		chosenThrough,
		appliedThrough,
		revision,
		seq,
		epoch,
		linked: [...linked].sort(),
		accepted,
	};
}

/** What the node says itself. */
function known(snapshot: NodeSnapshot | null) {
	if (!snapshot) return 'unknown';
	const { role, promised, leader, chosenThrough, appliedThrough, revision, linked, slots, seq, epoch } = snapshot;
	const accepted = slots.map(({ slot, acceptedBallot, chosen }) => [slot, acceptedBallot, chosen]);
	return {
		role,
		promised,
		leader,
		chosenThrough,
		appliedThrough,
		revision,
		seq,
		epoch,
		linked: [...linked].sort(),
		accepted,
	};
}
