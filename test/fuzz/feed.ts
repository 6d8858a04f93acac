/** Bad input at the feed: of engine.io, of socket.io, and of watchers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { MALFORMED_MAX, PROPOSALS_IN_FLIGHT_MAX } from '../../server/feed/requests.ts';
import type { ProposeAnswer } from '../../shared/feed.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { until } from '../process/swarm.ts';
import { framingKinds } from './frames.ts';
import { bytesOf, isAnswered, type Kind, type Target, textOf } from './kind.ts';

const PATH = '/socket.io/?EIO=4&transport=websocket';
const POLLING = '/socket.io/?EIO=4&transport=polling';
/** The largest frame: a proposal whose bytes JSON writes as six each. */
const LARGE = 3_100_000;

/** A connection to the feed that sends any packets that a kind wants. */
class Page {
	readonly ws: WebSocket;
	readonly closed: Promise<number>;
	readonly received: string[] = [];
	#waiting: (() => void)[] = [];

	private constructor(ws: WebSocket) {
		this.ws = ws;
		this.closed = new Promise((resolve) => ws.on('close', resolve));
		ws.on('error', () => undefined);
		ws.on('message', (data: Buffer) => {
			const packet = data.toString();
			if (packet === '2' && ws.readyState === WebSocket.OPEN) ws.send('3');
			else this.received.push(packet);
			this.#wake();
		});
		void this.closed.then(() => this.#wake());
	}

	/** @param sid of a session that began over polling; '' for a new one */
	static async at(target: Target, sid = ''): Promise<Page> {
		const query = sid === '' ? '' : `&sid=${sid}`;
		const page = new Page(new WebSocket(target.node.url.replace('http', 'ws') + PATH + query));
		target.atEnd(() => page.ws.terminate());
		await once(page.ws, 'open');
		return page;
	}

	/** A watcher, which has joined. */
	static async joined(target: Target): Promise<Page> {
		const page = await Page.at(target);
		page.ws.send('40');
		await page.hears(/^40\{/);
		await page.hears(/^42\["snapshot"/);
		return page;
	}

	/** The first packet that matches. Rejects where the connection is closed before. */
	async hears(pattern: RegExp): Promise<string> {
		for (;;) {
			const packet = this.received.find((each) => pattern.test(each));
			if (packet !== undefined) return packet;
			if (this.ws.readyState >= WebSocket.CLOSING)
				throw new Error(`closed with ${await this.closed} before ${pattern}`);
			await new Promise<void>((resolve) => this.#waiting.push(resolve));
		}
	}

	#wake(): void {
		for (const resolve of this.#waiting.splice(0)) resolve();
	}

	/** The answer to the packet with this number. */
	async answer(id: number): Promise<ProposeAnswer> {
		const start = `43${id}[`;
		const packet = await this.hears(new RegExp(`^43${id}\\[`));
		return (JSON.parse(packet.slice(start.length - 1)) as [ProposeAnswer])[0];
	}
}

function proposal(id: number | '', request: unknown): string {
	return `42${id}${JSON.stringify(['propose', request])}`;
}

/** Sends each packet of a watcher of its own, and checks that it is cut off. */
async function isCutOff(target: Target, packets: readonly (string | Uint8Array)[]): Promise<void> {
	for (const packet of packets) {
		const page = await Page.joined(target);
		target.inputs++;
		page.ws.send(packet);
		await page.closed;
	}
}

async function answerOf(
	target: Target,
	path: string,
	init: RequestInit = {},
): Promise<{ status: number; text: string }> {
	const answer = await target.node.fetch(path, init);
	return { status: answer.status, text: await answer.text() };
}

async function sessionOf(target: Target): Promise<string> {
	const answer = await target.node.fetch(POLLING);
	const sid = /"sid":"([^"]+)"/.exec(await answer.text())?.[1];
	assert.ok(sid !== undefined);
	return sid;
}

/** Checks that a page can still watch. */
async function watches(target: Target): Promise<void> {
	const page = await Page.joined(target);
	page.ws.close();
	await page.closed;
}

export const FEED: readonly Kind[] = [
	...framingKinds(PATH),
	{
		name: 'handshakes that are none',
		answer: '400 in JSON that says why',
		async throwAt(target) {
			const queries = [
				'',
				'EIO=4',
				'EIO=x&transport=polling',
				'EIO=3&transport=polling',
				'EIO=4&transport=carrier-pigeon',
				'EIO=4&transport=__proto__',
			];
			const sid = textOf(target.random, 20, 'abcdef');
			for (const query of [
				...queries,
				`EIO=4&transport=polling&sid=${sid}`,
				`EIO=4&transport=polling&sid=`,
				'EIO=4&transport=polling&sid=__proto__',
			]) {
				target.inputs++;
				const { status, text } = await answerOf(target, `/socket.io/?${query}`);
				if (query.endsWith('sid=')) assert.ok([200, 400].includes(status));
				else assert.match(`${status} ${text}`, /^400 \{"code":\d,"message":"[\w ]+"\}$/);
			}
			for (const method of ['PUT', 'DELETE', 'PATCH', 'POST']) {
				const { status, text } = await answerOf(target, POLLING, { method });
				assert.match(`${status} ${text}`, /^400 \{"code":\d,/);
			}
		},
	},
	{
		name: 'packets that are none, of a page that has not joined',
		answer: 'the connection is closed',
		async throwAt(target) {
			for (const packet of [
				'',
				'9',
				'x',
				'2',
				'b!!!',
				'4',
				'49',
				'42["propose"]',
				'431[]',
				'44{}',
				'40[]',
				bytesOf(target.random, 20),
			]) {
				const page = await Page.at(target);
				target.inputs++;
				page.ws.send(packet);
				await page.closed;
			}
		},
	},
	{
		name: 'namespaces that there are not',
		answer: 'refused by name',
		async throwAt(target) {
			for (const name of ['/admin', '/__proto__', '/constructor', `/${textOf(target.random, 60, 'abc')}`]) {
				const page = await Page.at(target);
				target.inputs++;
				page.ws.send(`40${name},`);
				assert.equal(await page.hears(/^44/), `44${name},{"message":"Invalid namespace"}`);
				page.ws.terminate();
			}
		},
	},
	{
		name: 'very many namespaces at once',
		answer: 'each is refused by name, or the page is cut off, and others watch on',
		async throwAt(target) {
			const page = await Page.at(target);
			const count = target.random.integer(300, 3_000);
			target.inputs += count;
			for (let index = 0; index < count; index++) page.ws.send(`40/${index},`);
			await Promise.race([page.closed, page.hears(new RegExp(`^44/${count - 1},`))]);
			await watches(target);
		},
	},
	{
		name: 'very many small packets at once, of a watcher',
		answer: 'pongs that nobody asked for are ignored, without a long step',
		async throwAt(target) {
			const page = await Page.joined(target);
			const count = target.random.integer(3_000, 15_000);
			target.inputs += count;
			for (let left = count; left > 0; left--) page.ws.send('3');
			page.ws.send(proposal(1, { key: target.key(), value: 'x', route: 'leader', contest: 0 }));
			assert.equal((await page.answer(1)).outcome, 'chosen');
		},
	},
	{
		name: 'a session that becomes a WebSocket twice, and is polled beside it',
		answer: 'the first WebSocket goes on, the second is closed, and a poll is refused with 400',
		async throwAt(target) {
			const sid = await sessionOf(target);
			const [one, two] = (await Promise.all([Page.at(target, sid), Page.at(target, sid)])) as [Page, Page];
			target.inputs += 3;
			one.ws.send('2probe');
			await one.hears(/^3probe$/);
			one.ws.send('5');
			two.ws.send('2probe');
			two.ws.send('5');
			await two.closed;
			const { status } = await answerOf(target, `${POLLING}&sid=${sid}`);
			assert.equal(status, 400);
			await watches(target);
		},
	},
	{
		name: 'namespaces with long names',
		answer: 'the connection is closed',
		async throwAt(target) {
			for (const length of [1000, target.random.integer(100_000, LARGE)]) {
				const page = await Page.at(target);
				target.inputs++;
				page.ws.send(`40/${'a'.repeat(length)},`);
				await page.closed;
			}
		},
	},
	{
		name: 'pages that do not join',
		answer: 'closed after a while, and others can watch meanwhile',
		async throwAt(target) {
			const all = await Promise.all(Array.from({ length: target.random.integer(10, 40) }, () => Page.at(target)));
			target.inputs += all.length;
			await watches(target);
			for (const { closed } of all) await closed;
		},
	},
	{
		name: 'packets that are none, of a watcher',
		answer: 'it is cut off',
		throwAt: (target) =>
			isCutOff(target, [
				'',
				'9',
				'garbage',
				'2',
				'42{}',
				'42["propose"',
				'42[]',
				'42[null]',
				'42["connect"]',
				'42["disconnecting"]',
				'4',
				'45-[]',
				'48',
				'41x',
			]),
	},
	{
		name: 'packets that mean nothing, of a watcher',
		answer: 'it watches on',
		async throwAt(target) {
			const page = await Page.joined(target);
			for (const packet of ['42', '43', '42[7]', '431[]', '3', '6']) {
				target.inputs++;
				page.ws.send(packet);
			}
			page.ws.send(proposal(1, { key: target.key(), value: 'x', route: 'leader', contest: 0 }));
			assert.equal((await page.answer(1)).outcome, 'chosen');
		},
	},
	{
		name: 'a watcher that joins again, or leaves',
		answer: 'it watches on, or is let go',
		async throwAt(target) {
			const again = await Page.joined(target);
			target.inputs += 3;
			again.ws.send('40');
			again.ws.send('431["nobody asked"]');
			again.ws.send(proposal(7, { key: target.key(), value: 'x', route: 'leader', contest: 0 }));
			const end = await Promise.race([again.closed, again.answer(7)]);
			assert.ok(typeof end === 'number' || end.outcome === 'chosen', JSON.stringify(end));
			for (const packet of ['41', '1']) {
				const page = await Page.joined(target);
				page.ws.send(packet);
				page.ws.close();
				await page.closed;
			}
			await watches(target);
		},
	},
	{
		name: 'events that there are not',
		answer: `refused, and after ${MALFORMED_MAX} of them the watcher is cut off`,
		async throwAt(target) {
			const page = await Page.joined(target);
			const events = [
				'frobnicate',
				'__proto__',
				'constructor',
				'snapshot',
				'error',
				7,
				textOf(target.random, 1000, 'xyz'),
			];
			for (let id = 1; id < MALFORMED_MAX; id++) {
				target.inputs++;
				page.ws.send(`42${id}${JSON.stringify([target.random.pick(events), id])}`);
				assert.equal((await page.answer(id)).outcome, 'refused');
			}
			page.ws.send('42["one too many"]');
			await page.closed;
		},
	},
	{
		name: 'proposals that are none',
		answer: 'refused in words, and the watcher watches on',
		async throwAt(target) {
			const page = await Page.joined(target);
			const good = { key: target.key(), value: 'x', route: 'leader', contest: 0 };
			const bad = [
				null,
				7,
				[],
				'x',
				{},
				{ ...good, key: '' },
				{ ...good, key: '../x' },
				{ ...good, key: 'k'.repeat(5000) },
				{ ...good, value: 7 },
				{ ...good, value: '\ud800' },
				{ ...good, value: 'x'.repeat(VALUE_BYTES_MAX + 1) },
				{ ...good, route: 'both' },
				{ ...good, contest: -1 },
				{ ...good, route: 'self', contest: 2 ** 53 - 1 },
				{ ...good, contest: 2 ** 60 },
				{ ...good, contest: 5 },
				{ ...good, [textOf(target.random, 3000, 'abc')]: 1 },
			];
			for (const [id, request] of bad.entries()) {
				target.inputs++;
				page.ws.send(proposal(id, request));
				const answer = await page.answer(id);
				assert.ok(answer.outcome === 'refused' && answer.why.length <= 500, JSON.stringify(answer).slice(0, 600));
			}
			page.ws.send(proposal(100, good));
			assert.equal((await page.answer(100)).outcome, 'chosen');
			assert.equal(await target.read(good.key), 'x');
		},
	},
	{
		name: 'proposals without an acknowledgement, or with more than a request',
		answer: 'nothing is written',
		async throwAt(target) {
			const page = await Page.joined(target);
			const request = { key: target.key(), value: 'x', route: 'leader', contest: 0 };
			target.inputs += 3;
			page.ws.send(proposal('', request));
			page.ws.send(`425${JSON.stringify(['propose', request, request])}`);
			page.ws.send(`426${JSON.stringify(['propose'])}`);
			for (const id of [5, 6]) assert.equal((await page.answer(id)).outcome, 'refused');
			assert.equal(await target.read(request.key), null);
		},
	},
	{
		name: 'a flood of proposals',
		answer: `the first ${PROPOSALS_IN_FLIGHT_MAX} are proposed, each of the others is proposed or refused in words`,
		async throwAt(target) {
			const page = await Page.joined(target);
			const key = target.key();
			const count = target.random.integer(100, 400);
			target.inputs += count;
			for (let id = 0; id < count; id++)
				page.ws.send(proposal(id, { key, value: `${id}`, route: 'leader', contest: 0 }));
			const answers = await Promise.race([
				Promise.all(Array.from({ length: count }, (_, id) => page.answer(id))),
				page.closed.then(() => [] as ProposeAnswer[]),
			]);
			for (const answer of answers) {
				const isFull = answer.outcome === 'refused' && answer.why.includes(`${PROPOSALS_IN_FLIGHT_MAX} proposals`);
				assert.ok(answer.outcome === 'chosen' || isFull, JSON.stringify(answer));
			}
			await watches(target);
		},
	},
	{
		name: 'bytes where the feed has only text',
		answer: 'the connection is closed, and no bytes are kept',
		async throwAt(target) {
			await isCutOff(target, [bytesOf(target.random, 100), 'bAAAA']);
			for (const count of [1, 10, 11, 1_000_000]) {
				const page = await Page.joined(target);
				target.inputs++;
				page.ws.send(`45${count}-["propose",{"_placeholder":true,"num":0}]`);
				page.ws.send(Buffer.alloc(1_000_000));
				await page.closed;
			}
		},
	},
	{
		name: 'packets with numbers that are very long',
		answer: 'it is cut off, at once',
		throwAt: (target) => {
			const length = target.random.integer(1_000_000, LARGE);
			return isCutOff(target, [
				`42${'9'.repeat(length)}["propose"]`,
				`42${' '.repeat(length)}[]`,
				`45${'9'.repeat(length)}-[]`,
				`43${'0'.repeat(length)}[]`,
			]);
		},
	},
	{
		name: 'packets that are large for what they say',
		answer: 'it is cut off, at once',
		throwAt: (target) => {
			const names = Array.from({ length: 200_000 }, (_, index) => `"k${index}":0`).join(',');
			return isCutOff(target, [
				`421["propose",{${names}}]`,
				`421["propose",${'['.repeat(LARGE / 2)}${']'.repeat(LARGE / 2)}]`,
				`421["propose",[${'0,'.repeat(LARGE / 2)}0]]`,
				`421["propose",[${'{},'.repeat(LARGE / 3)}0]]`,
				`420[${'"",'.repeat(LARGE / 3)}""]`,
			]);
		},
	},
	{
		name: 'packets of too many bytes',
		answer: 'closed with 1009',
		async throwAt(target) {
			const page = await Page.joined(target);
			target.inputs++;
			page.ws.send(proposal(1, { key: 'x', value: 'x'.repeat(4_000_000), route: 'leader', contest: 0 }));
			assert.equal(await page.closed, 1009);
		},
	},
	{
		name: 'the largest proposal, in as many bytes as JSON may take for it',
		answer: 'chosen',
		async throwAt(target) {
			const page = await Page.joined(target);
			const key = target.key();
			target.inputs++;
			page.ws.send(
				`421["propose",{"key":"${key}","value":"${'\\u0001'.repeat(VALUE_BYTES_MAX)}","route":"leader","contest":0}]`,
			);
			assert.equal((await page.answer(1)).outcome, 'chosen');
			isAnswered(await target.ask('DELETE', `/v1/kv/${key}`), 200, 'true');
		},
	},
	{
		name: 'a flood of requests for snapshots',
		answer: 'one snapshot for several of them, or the watcher is cut off; others watch on',
		async throwAt(target) {
			const page = await Page.joined(target);
			const count = target.random.integer(1000, 5000);
			target.inputs += count;
			for (let left = count; left > 0; left--) page.ws.send('42["resync"]');
			page.ws.send(proposal(1, { key: target.key(), value: 'x', route: 'leader', contest: 0 }));
			await Promise.race([page.closed, page.answer(1)]);
			const snapshots = page.received.filter((packet) => packet.startsWith('42["snapshot"')).length;
			assert.ok(snapshots < count / 10, `${snapshots} snapshots`);
		},
	},
	{
		name: 'watchers that never read',
		answer: 'the node holds one packet for each of them, and the swarm goes on',
		async throwAt(target) {
			// A node has 16 places for those that have not joined yet.
			const all = await Promise.all(Array.from({ length: target.random.integer(5, 16) }, () => Page.joined(target)));
			target.inputs += all.length;
			for (const { ws } of all) ws.pause();
			for (let count = 0; count < 50; count++) {
				isAnswered(await target.ask('PUT', `/v1/kv/${target.key()}`, { body: 'x'.repeat(1000) }), 200, 'true');
			}
			await watches(target);
		},
	},
	{
		name: 'more watchers than there may be',
		answer: 'the others are told that the feed is full',
		async throwAt(target) {
			const all = [];
			for (let count = 0; count < 64; count++) all.push(await Page.joined(target));
			const late = await Page.at(target);
			target.inputs += 65;
			late.ws.send('40');
			assert.match(
				await late.hears(/^44/),
				/^44\{"message":"the feed is full","data":\{"reason":"full","watchersMax":64\}\}$/,
			);
			for (const { ws } of [...all, late]) ws.terminate();
			await until('there is room again', async () => {
				const page = await Page.at(target);
				page.ws.send('40');
				const said = await page.hears(/^4[04]/);
				page.ws.terminate();
				return said.startsWith('40') || undefined;
			});
		},
	},
	{
		name: 'bodies of very many packets over polling',
		answer: 'the session is closed, at once',
		async throwAt(target) {
			for (const packet of ['3\x1e', '\x1e', '42["resync"]\x1e', '6\x1e', 'x\x1e']) {
				const sid = await sessionOf(target);
				await (await target.node.fetch(`${POLLING}&sid=${sid}`, { method: 'POST', body: '40' })).text();
				target.inputs++;
				const body = packet.repeat(Math.floor(target.random.integer(2_000_000, LARGE) / packet.length));
				const posted = await target.node.fetch(`${POLLING}&sid=${sid}`, { method: 'POST', body });
				await posted.text();
				const { status, text } = await answerOf(target, `${POLLING}&sid=${sid}`);
				assert.match(`${status} ${text}`, /^400 .*Session ID unknown/);
			}
		},
	},
	{
		name: 'bodies over polling that are none',
		answer: '400, or 413 for one that is too large',
		async throwAt(target) {
			const post = async (body: string, type: string): Promise<number> => {
				const sid = await sessionOf(target);
				target.inputs++;
				const answer = await target.node.fetch(`${POLLING}&sid=${sid}`, {
					method: 'POST',
					body,
					headers: { 'content-type': type },
				});
				await answer.text();
				return answer.status;
			};
			assert.equal(await post('40', 'application/octet-stream'), 400);
			assert.equal(await post('4'.repeat(3_300_000), 'text/plain'), 413);
			assert.equal(await post('', 'text/plain'), 200);
			assert.equal(await post('40\x1e\x1e\x1e', 'text/plain;charset=UTF-8'), 200);
		},
	},
	{
		name: 'two polls of one session',
		answer: 'the second one is refused with 400, and the session ends',
		async throwAt(target) {
			const sid = await sessionOf(target);
			await (await target.node.fetch(`${POLLING}&sid=${sid}`, { method: 'POST', body: '40' })).text();
			target.inputs += 20;
			const all = await Promise.all(Array.from({ length: 20 }, () => target.node.fetch(`${POLLING}&sid=${sid}`)));
			await Promise.all(all.map((answer) => answer.text()));
			assert.ok(all.some(({ status }) => status === 400));
			await watches(target);
		},
	},
];
