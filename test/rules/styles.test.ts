/** The style sheets of the page have one space of names: a class means one thing in all of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../dashboard/style', import.meta.url));
const sheets = readdirSync(folder).map((name) => ({
	name,
	selectors: selectorsOf(readFileSync(join(folder, name), 'utf8')),
}));

/** The selectors of a sheet, each of them alone. */
function selectorsOf(css: string): readonly string[] {
	const text = css.replace(/\/\*.*?\*\//gs, '');
	const heads = [...text.matchAll(/(?<head>[^{};]+)\{/g)].map(({ groups }) => groups?.head?.trim() ?? '');
	return heads.filter((head) => !head.startsWith('@')).flatMap((head) => head.split(',').map((one) => one.trim()));
}

/** The classes for which each sheet has a rule of their own. */
const alone = sheets.flatMap(({ name, selectors }) =>
	selectors.flatMap((one) => (/^\.[\w-]+$/.test(one) ? [{ name, of: one.slice(1) }] : [])),
);
/** Such as `td.held`: the class says what state an element of this kind is in. */
const ofElements = sheets.flatMap(({ name, selectors }) =>
	selectors.flatMap((one) =>
		[...one.matchAll(/(?<![.\w-])[a-z]\w*\.(?<of>[\w-]+)/g)].map(({ groups }) => ({ name, of: groups?.of })),
	),
);

test('what one sheet says of a class reaches no element of which another sheet says that it is of this class', () => {
	expect(alone.length).toBeGreaterThan(100);
	expect(ofElements.length).toBeGreaterThan(5);
	const reached = ofElements.filter(({ name, of }) => alone.some((each) => each.of === of && each.name !== name));
	expect(reached).toEqual([]);
});
