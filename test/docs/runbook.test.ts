/** The runbook has each text that may be printed, each alert, and nothing else. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestNode } from '../api/node.ts';
import { errorTexts } from './texts.ts';

const runbook = readFileSync(new URL('../../server/RUNBOOK.md', import.meta.url), 'utf8');
/** The texts in the lists of the runbook. One may have several lines. */
const told = [...runbook.matchAll(/^- `([^`]+)`$/gm)].map(([, text]) => text as string);
const printed = errorTexts();
const rules = readFileSync(new URL('../../server/deploy/alerts.yaml', import.meta.url), 'utf8');
const alerts = [...rules.matchAll(/^ *- alert: (\w+)$/gm)].map(([, name]) => name as string);

describe('the runbook', () => {
	it('is compared with what the sources say', () => {
		expect(printed.length).toBeGreaterThan(90);
	});

	it.each(printed)('has "$text" of $file', ({ text }) => {
		expect(told).toContain(text.trimEnd());
	});

	it('has each alert', () => {
		expect(alerts.length).toBeGreaterThan(9);
		expect(alerts.filter((name) => !told.includes(name))).toEqual([]);
	});

	it('has no text that nothing prints, and none twice', () => {
		const known = [...printed.map(({ text }) => text.trimEnd()), ...alerts];
		expect(told.filter((text) => !known.includes(text) && !/^[a-z-]+ failed$/.test(text))).toEqual([]);
		expect(told.filter((text, index) => told.indexOf(text) !== index)).toEqual([]);
	});

	it('says the cause and the cure of each', () => {
		const parts = runbook
			.split(/^## .*$/m)
			.slice(1)
			.flatMap((section) => section.trim().split(/\n\n(?=- `)/));
		for (const part of parts) expect(part).toMatch(/^- `[\s\S]+\n\n\*\*Cause\.\*\* [\s\S]+\n\*\*Cure\.\*\* [\s\S]+$/);
	});
});

describe('the checks of a node', () => {
	let node: TestNode;
	beforeAll(async () => {
		node = await new TestNode().start();
	});
	afterAll(() => node.stop());

	it.each(['/livez', '/readyz'])('of %s are in the runbook', async (path) => {
		const { text } = await node.get(`${path}?verbose`);
		const names = [...text.matchAll(/^\[[+-]\](\S+)/gm)].map(([, name]) => `${name} failed`);
		expect(names.length).toBeGreaterThan(1);
		expect(names.filter((name) => !told.includes(name))).toEqual([]);
	});
});
