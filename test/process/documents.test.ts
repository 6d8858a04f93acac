/**
 * The commands in the documents do what the documents say. Each block marked `console` is run against a new swarm, command
 * by command, and what is printed is compared.
 *
 * In a document, `…` stands for any text. The numbers of indexes and the ids of sessions are examples: where a document
 * prints one, it is bound to what was printed in its place, and from then on it stands for that.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { Collector } from './collector.ts';
import { Swarm } from './swarm.ts';

let swarm: Swarm;
let collector: Collector;
beforeAll(async () => {
	collector = await Collector.listen();
	swarm = await Swarm.create({ size: 3 });
	const environment = { NODE_OPTIONS: `--import ${TRACING}`, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
	for (const node of swarm.nodes) node.launch({ environment: { ...environment, OTEL_BSP_SCHEDULE_DELAY: '50' } });
	await Promise.all(swarm.nodes.map((node) => node.ready()));
});
afterAll(async () => {
	await swarm.dispose();
	await collector.close();
});

/** As `server/tracing/README.md` lists them, where the put comes to a follower of three nodes. */
const SPANS_OF_A_PUT = 18;
const TRACING = new URL('../../server/deploy/tracing.mjs', import.meta.url).href;

interface Step {
	readonly command: string;
	readonly printed: string;
}

const SESSION = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** What stands for something else in printed text: a session, the number of an index, or any text. */
const PRINTED = new RegExp(`(${SESSION})|((?<=(?:Create|Modify)Index":|index |^id: )\\d+)|…`, 'gm');
/** The same in a command. */
const ASKED = new RegExp(`${SESSION}|(?<=cas=|index=|"Index":)\\d+`, 'g');

/** The blocks of a document that are marked so, or otherwise. */
function blocksOf(document: string, isConsole: boolean): string[] {
	const all = [...document.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
	return all.filter(([, mark]) => (mark === 'console') === isConsole).map(([, , block]) => block as string);
}

/** The steps of all blocks of a document, in order. */
function stepsOf(document: string): Step[] {
	return blocksOf(document, true).flatMap((block) => {
		expect(block.startsWith('$ ')).toBe(true);
		return block
			.split(/^\$ /m)
			.slice(1)
			.map((step) => {
				const [, command, printed] = /^((?:.*\\\n)*.*)\n?([\s\S]*)$/.exec(step) as RegExpExecArray;
				return { command: command as string, printed: (printed as string).trimEnd() };
			});
	});
}

/** Example values of a document, and those that they stand for. */
class Bindings {
	readonly #actual = new Map<string, string>();

	commandOf(text: string): string {
		return text.replace(ASKED, (example) => this.#actual.get(example) ?? example);
	}

	/** Compares what was printed, and binds the examples that are new. */
	expectPrinted(expected: string, printed: string): void {
		const fresh: string[] = [];
		let pattern = '';
		let at = 0;
		for (const match of expected.matchAll(PRINTED)) {
			const [example, session] = match;
			pattern += escaped(expected.slice(at, match.index));
			at = match.index + example.length;
			const bound = this.#actual.get(example);
			const earlier = fresh.indexOf(example);
			if (example === '…') pattern += '[\\s\\S]*?';
			else if (bound !== undefined) pattern += escaped(bound);
			else if (earlier >= 0) pattern += `\\${earlier + 1}`;
			else {
				fresh.push(example);
				pattern += session === undefined ? '(\\d+)' : `(${SESSION})`;
			}
		}
		const match = new RegExp(`^${pattern}${escaped(expected.slice(at))}$`).exec(printed);
		if (match === null) expect(printed).toBe(expected);
		for (const [index, example] of fresh.entries()) this.#actual.set(example, match?.[index + 1] as string);
	}
}

function escaped(text: string): string {
	return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** @returns what the command printed @throws Error where it fails; one that is ended by its own time limit does not */
async function run(command: string): Promise<string> {
	const [first, second, third] = swarm.nodes.map(({ port }) => String(port));
	const here = command
		.replaceAll('npx paxos-swarm', `"${process.execPath}" "${swarm.main}"`)
		.replace(/\b710([123])\b/g, (_, number) => [first, second, third][Number(number) - 1] as string);
	const options = { cwd: swarm.folder, env: { ...swarm.environment } as NodeJS.ProcessEnv };
	const { stdout } = await promisify(execFile)('sh', ['-c', here], options).catch((error) => {
		if (command.includes('--max-time') && error.code === CURL_TIMED_OUT) return error as { stdout: string };
		throw error;
	});
	return stdout.trimEnd();
}

const CURL_TIMED_OUT = 28;

test.each(['README.md', 'server/api/README.md', 'server/cli/README.md'])(
	'the commands in %s print what it says',
	async (name) => {
		onTestFailed(() => swarm.report());
		const document = readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
		// No command escapes.
		const others = blocksOf(document, false);
		expect(others.filter((block) => /^\W*(curl|npx paxos-swarm kv)\b/m.test(block))).toEqual([]);
		const steps = stepsOf(document);
		expect(steps.length).toBeGreaterThan(3);
		const bindings = new Bindings();
		for (const { command, printed } of steps) bindings.expectPrinted(printed, await run(bindings.commandOf(command)));
		await swarm.nodes[0]?.fetch('/v1/kv/?recurse', { method: 'DELETE' });
	},
);

test('the commands in the documents that list the members, and that save and restore, do so', async () => {
	onTestFailed(() => swarm.report());
	const documents = ['server/MEMBERS.md', 'server/backup/README.md'].map((name) =>
		readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'),
	);
	const lines = documents.flatMap((document) => blocksOf(document, false)).flatMap((block) => block.split('\n'));
	const commands = lines.filter((line) => /^npx paxos-swarm (member list|snapshot)\b/.test(line));
	expect(commands).toHaveLength(4);
	for (const command of commands) expect(await run(command)).toMatch(/\S/);
});

test('a put at a follower is one trace of three processes, which server/deploy/tracing.mjs sends to a collector', async () => {
	onTestFailed(() => swarm.report());
	const leader = await swarm.leader();
	const follower = swarm.nodes.find((node) => node !== leader);
	const traceId = randomBytes(16).toString('hex');
	const headers = { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` };
	await follower?.fetch('/v1/kv/traced', { method: 'PUT', body: 'x', headers });
	const spans = await collector.until(traceId, SPANS_OF_A_PUT);
	expect(new Set(spans.map(({ node }) => node))).toEqual(new Set(swarm.nodes.map(({ id }) => id)));
	const [vote] = spans.filter(({ name }) => name === 'paxos vote');
	const names: string[] = [];
	for (let span = vote; span; span = spans.find(({ id }) => id === span?.parent)) names.unshift(span.name);
	expect(names).toEqual([
		'PUT /v1/kv',
		'paxos propose',
		'paxos forward',
		'paxos lead',
		'paxos phase 2',
		'paxos accept',
		'paxos vote',
	]);
	await follower?.fetch('/v1/kv/traced', { method: 'DELETE' });
});
