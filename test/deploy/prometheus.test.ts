/** The alert rules and the board of `server/deploy` ask for nothing that a node does not tell. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { BALLOT, TestNode } from '../api/node.ts';
import { type Selector, samplesOf, selectorsOf } from './scrape.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(`../../server/deploy/${name}`, import.meta.url));
const fileOf = (name: string): string => readFileSync(pathOf(name), 'utf8');

const rules = z
	.strictObject({
		groups: z.array(
			z.strictObject({
				name: z.string(),
				rules: z.array(
					z.strictObject({
						alert: z.string().regex(/^Swarm\w+$/),
						expr: z.string(),
						for: z
							.string()
							.regex(/^\d+[sm]$/)
							.optional(),
						labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
						annotations: z.strictObject({ summary: z.string().endsWith('.'), action: z.string().endsWith('.') }),
					}),
				),
			}),
		),
	})
	.parse(parse(fileOf('alerts.yaml')))
	.groups.flatMap((group) => group.rules);

const { panels } = z
	.looseObject({
		panels: z.array(
			z.looseObject({
				title: z.string(),
				description: z.string().endsWith('.'),
				gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
				targets: z.array(z.looseObject({ refId: z.string(), expr: z.string(), legendFormat: z.string() })).min(1),
			}),
		),
	})
	.parse(JSON.parse(fileOf('grafana.json')));

/** Grafana puts a span of time in its place. */
const withoutVariables = (expression: string): string => expression.replaceAll('$__rate_interval', '1m');
const targets = panels.flatMap(({ title, targets }) => targets.map((target) => ({ title, ...target })));

/** The labels that Prometheus gives to each sample by itself. */
const OF_PROMETHEUS = ['job', 'instance'];
/** The metrics that Prometheus makes by itself. */
const MADE_BY_PROMETHEUS = ['up'];

let node: TestNode;
let samples: Map<string, Record<string, string>[]>;
beforeAll(async () => {
	const certificate = { identity: { expiresMs: Date.now() }, fault: () => null };
	node = await new TestNode().start({ certificate });
	node.metrics.answered('n1', 1);
	node.metrics.flushes.observe(1);
	node.replica.peersKnown = [
		{ id: 'n1', linked: true, role: 'leader', ballot: BALLOT, chosenThrough: 1, heardMs: 5, clockAheadMs: 2 },
	];
	await node.get('/v1/kv/a');
	samples = samplesOf((await node.get('/metrics')).text);
});
afterAll(() => node.stop());

/** Whether some sample of the page has the metric with the labels. */
function isTold({ metric, labels }: Selector): boolean {
	if (MADE_BY_PROMETHEUS.includes(metric)) return true;
	const wanted = Object.entries(labels).filter(([label]) => !OF_PROMETHEUS.includes(label));
	return (samples.get(metric) ?? []).some((sample) => wanted.every(([label, value]) => sample[label] === value));
}

describe('alerts.yaml', () => {
	it.each(rules)('$alert asks for what a node tells', ({ expr }) => {
		const selectors = selectorsOf(expr);
		expect(selectors.length).toBeGreaterThan(0);
		expect(selectors.filter((selector) => !isTold(selector))).toEqual([]);
		expect(selectors.map(({ labels }) => labels.job)).toEqual(selectors.map(() => 'paxos-swarm'));
	});

	it('is understood by promtool, where that is installed', () => {
		const checked = spawnSync('promtool', ['check', 'rules', pathOf('alerts.yaml')], { encoding: 'utf8' });
		if (checked.error) return expect(checked.error).toMatchObject({ code: 'ENOENT' });
		expect([checked.status, checked.stderr]).toEqual([0, '']);
	});

	it('has a name for each alert', () => {
		expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
	});

	it.each(rules)('$alert names in its texts only labels that its expression keeps', ({ expr, annotations }) => {
		const named = [
			...Object.values(annotations)
				.join(' ')
				.matchAll(/\$labels\.(\w+)/g),
		].map(([, label]) => label);
		const [, kept] = /\bby \(([^)]*)\)/.exec(expr) ?? [];
		const labels = kept?.split(', ') ?? ['instance', ...selectorsOf(expr).flatMap((each) => Object.keys(each.labels))];
		expect(named.filter((label) => !labels.includes(label as string))).toEqual([]);
	});
});

describe('grafana.json', () => {
	it.each(targets)('$title: $expr', ({ expr, legendFormat }) => {
		const selectors = selectorsOf(withoutVariables(expr));
		expect(selectors.length).toBeGreaterThan(0);
		expect(selectors.filter((selector) => !isTold(selector))).toEqual([]);
		const known = selectors.flatMap(({ metric }) => Object.keys(samples.get(metric)?.[0] ?? {}));
		const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label as string);
		expect(named.filter((label) => ![...known, ...OF_PROMETHEUS].includes(label))).toEqual([]);
	});

	it('shows every metric of a node', () => {
		const shown = targets.flatMap(({ expr }) => selectorsOf(withoutVariables(expr)).map(({ metric }) => metric));
		const family = (name: string): string => name.replace(/_(bucket|sum|count)$/, '');
		const families = new Set(shown.map(family));
		const missing = [...samples.keys()].map(family).filter((name) => !families.has(name));
		expect([...new Set(missing)]).toEqual(['swarm_server_has_leader']);
	});

	it('has its panels side by side, none over another', () => {
		const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
			Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
		);
		expect(new Set(cells).size).toBe(cells.length);
	});
});

describe('selectorsOf', () => {
	it('refuses what Prometheus refuses', () => {
		expect(() => selectorsOf('rate(a{b="c"}[5m]')).toThrow('wrong at character');
		expect(() => selectorsOf('a{b=c}')).toThrow('is no label');
	});

	it('finds every metric, with its labels', () => {
		expect(selectorsOf('sum by (x) (rate(a{b="c"}[5m])) > scalar(d)')).toEqual([
			{ metric: 'a', labels: { b: 'c' } },
			{ metric: 'd', labels: {} },
		]);
	});
});
