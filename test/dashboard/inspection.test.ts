/** The inspector: what a thing is, why it is so, what it changed, and the facts before and behind it. */
import { describe, expect, test } from 'vitest';
import { Causes } from '../../dashboard/model/causes.ts';
import { type Inspection, inspect } from '../../dashboard/model/inspection.ts';
import { Story } from '../../dashboard/model/story.ts';
import { type Entry, isEntry } from '../../dashboard/model/tape.ts';
import { LEADER_KILLED } from '../../dashboard/sandbox/stories/leader-killed.ts';
import { RIVALS } from '../../dashboard/sandbox/stories/rivals.ts';
import type { FactKind } from '../../shared/fact.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';
import { perform } from './sandbox-page.ts';
import { START_MS, toldSwarm } from './told.ts';

function entriesOf(story: Story): Entry[] {
	return [...story.tape.between(-1, Number.POSITIVE_INFINITY)].filter(isEntry);
}

function decided() {
	const told = toldSwarm();
	told.swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const entries = entriesOf(told.story);
	const find = (kind: FactKind, node: string): Entry => {
		const found = entries.find(({ fact }) => fact.kind === kind && fact.node === node);
		if (!found) throw new Error(`${node} tells no ${kind}`);
		return found;
	};
	return { ...told, entries, find };
}

function linksOf({ links }: Inspection, label: string): string[] {
	return links.find((each) => each.label === label)?.facts.map(({ text }) => text) ?? [];
}

describe('causes', () => {
	test.each([RIVALS, LEADER_KILLED])(
		'in the story “$title” each stands before its effect, and a choice goes back to a prepare',
		(story) => {
			const entries = entriesOf(perform(story).story);
			const causes = new Causes(entries);
			for (const entry of entries) {
				for (const cause of causes.causesOf(entry)) {
					expect(cause.at).toBeLessThan(entry.at);
					expect(causes.effectsOf(cause)).toContain(entry);
				}
			}
			const received = entries.filter(({ fact }) => fact.kind === 'received');
			expect(received.filter((entry) => causes.causesOf(entry).length !== 1)).toEqual([]);
			const chosen = entries.filter(({ fact }) => fact.kind === 'chosen' && fact.how === 'counted');
			expect(chosen.length).toBeGreaterThan(0);
			for (const entry of chosen) {
				const before = new Set<Entry>();
				const walk = (each: Entry): void => {
					if (before.has(each)) return;
					before.add(each);
					for (const cause of causes.causesOf(each)) walk(cause);
				};
				walk(entry);
				const kinds = [...before].map(({ fact }) => fact.kind);
				for (const kind of ['voteCounted', 'accepted', 'proposed', 'promiseCounted', 'promised', 'campaign'] as const)
					expect(kinds).toContain(kind);
			}
		},
	);

	test('a choice has the votes of its quorum as causes, and no later one', () => {
		const { entries, find } = decided();
		const causes = new Causes(entries).causesOf(find('chosen', 'n4'));
		expect(causes.map(({ fact }) => fact.kind)).toEqual(['voteCounted', 'voteCounted', 'voteCounted']);
	});
});

describe('a fact', () => {
	test('tells why in the words of its decision, what it changed, and what came of it', () => {
		const { story, find } = decided();
		const promised = inspect({ kind: 'fact', entry: find('promised', 'n2') }, story, null, 1);
		expect(promised.title).toMatch(/^n2 promises n4 /);
		expect(promised.why.join()).toMatch(/are needed/);
		expect(promised.changes.map(({ term }) => term)).toContain('promised');
		expect(promised.changes.find(({ term }) => term === 'promised')?.before).toBe('none');
		expect(linksOf(promised, 'Because').join()).toContain('n2 ← n4: prepare');
		expect(linksOf(promised, 'And so').join()).toContain('n2 → n4: promise');
		const proposed = inspect({ kind: 'fact', entry: find('proposed', 'n4') }, story, null, 1);
		expect(proposed.why).toEqual(['No promise reported a value for slot 1, so n4 is free to propose its own.']);
		expect(proposed.raw).toBe(find('proposed', 'n4').fact);
		expect(proposed.fields).toContainEqual({ term: 'value', value: 'put color = red (15 bytes)' });
	});

	test('at a moment of the past nothing has come of it that comes later', () => {
		const { story, find } = decided();
		const campaign = find('campaign', 'n4');
		expect(linksOf(inspect({ kind: 'fact', entry: campaign }, story, null, 1), 'And so').length).toBeGreaterThan(3);
		expect(linksOf(inspect({ kind: 'fact', entry: campaign }, story, campaign, 1), 'And so')).toEqual([]);
	});
});

test('a node tells its state at the moment, and what changed it last', () => {
	const { story, swarm, find } = decided();
	const now = inspect({ kind: 'node', node: 'n4' }, story, null, 1);
	const value = (term: string, of: Inspection) => of.fields.find((field) => field.term === term)?.value;
	expect(value('chosen through', now)).toBe(String(swarm.snapshot('n4').chosenThrough));
	expect(value('role', now)).toBe('leader');
	expect(now.changes.length).toBeGreaterThan(0);
	expect(now.why[0]).toMatch(/^n4 became leader because its ballot n4 .* was promised by /);
	const before = inspect({ kind: 'node', node: 'n4' }, story, find('campaign', 'n4'), 1);
	expect(value('role', before)).toBe('candidate');
	expect(value('accepted last', before)).toBe('nothing');
	expect(before.changes).toContainEqual({ term: 'role', value: 'candidate', before: 'follower' });
});

test('of a node that is none of the swarm it says so, and nothing that the node would hold', () => {
	const { story } = toldSwarm();
	const inspection = inspect({ kind: 'node', node: 'n9' }, story, null, 1);
	expect(inspection.subtitle).toBe('It is no member.');
	expect(inspection.fields).toEqual([]);
});

test('a slot tells why row by row, and who holds what', () => {
	const { story, find } = decided();
	const slot = inspect({ kind: 'slot', slot: 1 }, story, null, 1);
	expect(slot.subtitle).toBe('chosen: “put color = red”');
	expect(slot.why).toHaveLength(5);
	expect(linksOf(slot, 'How it went').at(0)).toMatch(/^n4 prepares/);
	const open = inspect({ kind: 'slot', slot: 1 }, story, find('proposed', 'n4'), 1);
	expect(open.subtitle).toBe('no value is known to be chosen');
});

test('a link tells what went over it each way', () => {
	const { story, facts } = decided();
	const link = inspect({ kind: 'link', a: 'n4', b: 'n2' }, story, null, 1);
	const sent = facts.filter((fact) => fact.kind === 'sent' && fact.node === 'n4' && fact.to === 'n2').length;
	expect(link.fields[0]).toEqual({ term: 'n4 → n2', value: `linked, ${sent} sent, ${sent} received` });
});

test('a link tells in words what a lab does to its messages', () => {
	const { swarm, story } = toldSwarm();
	const fault = { from: 'n2', cut: false, delayMs: 40, loss: 0.25, hold: false };
	story.snapshot('n1', { ...swarm.snapshot('n1'), faults: [fault] });
	const { fields } = inspect({ kind: 'link', a: 'n1', b: 'n2' }, story, null, 0);
	expect(fields.map(({ term }) => term)).toEqual(['n1 → n2', 'n2 → n1', 'lab, n2 → n1']);
	expect(fields.at(-1)?.value).toBe(
		'messages come 40 ms late, and are lost once with a chance of 25 %, and sent again',
	);
});

test('what a fact has changed is said also where the heartbeats before it are not kept', () => {
	const story = new Story(() => 0, 4_500);
	const swarm = new FakeSwarm(fakeMembers(5), START_MS, (fact) => {
		story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	});
	for (const { id } of swarm.nodes) story.snapshot(id, swarm.snapshot(id));
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	swarm.heartbeat();
	swarm.campaign('n3', 'noLeader');
	const campaign = entriesOf(story).findLast(({ fact }) => fact.kind === 'campaign');
	if (!campaign) throw new Error('no campaign');
	const changes = () => inspect({ kind: 'fact', entry: campaign }, story, null, 0).changes;
	const before = changes();
	expect(before.map(({ term }) => term)).toContain('role');
	while (entriesOf(story).some(({ at }) => at === campaign.at - 1)) for (let i = 0; i < 100; i++) swarm.heartbeat();
	expect(changes()).toEqual(before);
});

test('of a slot that is chosen no node that knows it is said to hold nothing', () => {
	const { swarm, story } = toldSwarm();
	for (let i = 0; i < 3; i++) swarm.propose('n4', { key: 'color', value: `${i}`, route: 'self', contest: 0 });
	swarm.trim('n2', 2);
	const { fields } = inspect({ kind: 'slot', slot: 1 }, story, null, 0);
	const held = (node: string) => fields.find(({ term }) => term === node)?.value;
	expect(held('n1')).toMatch(/^accepted under n4 .*, knows it chosen$/);
	expect(held('n2')).toBe('knows it chosen, and keeps only its snapshot');
});
