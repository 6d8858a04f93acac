/** What certificates a node takes, when it takes new ones, and what it says of them. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Issued } from '../../server/certs/authority.ts';
import type { NodeLogger } from '../../server/log/logger.ts';
import { type KeeperClock, LOOK_EVERY_MS, SETTLE_MS, TlsKeeper } from '../../server/tls/keeper.ts';
import { uriOf } from '../../server/tls/names.ts';
import { checkPem, readClientPem, readPem } from '../../server/tls/pem.ts';
import { authorityBelow, lifeOf, oddCertificate, TestAuthority } from './certificates.ts';

const OWNER = { swarm: 'swarm', node: 'n1' };
const DAY_MS = 86_400_000;

let authority: TestAuthority;
let other: TestAuthority;
beforeAll(async () => {
	[authority, other] = [await TestAuthority.create(), await TestAuthority.create()];
});
afterAll(() => {
	for (const each of [authority, other]) each.remove();
});

/** Time passes only where the test says so. */
class FakeClock implements KeeperClock {
	#nowMs = Date.now();
	#timers: { readonly atMs: number; readonly run: () => void }[] = [];
	readonly watched = new Map<string, () => void>();

	nowMs(): number {
		return this.#nowMs;
	}

	after(ms: number, run: () => void): () => void {
		const timer = { atMs: this.#nowMs + ms, run };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter((each) => each !== timer);
		};
	}

	watch(folder: string, changed: () => void): () => void {
		this.watched.set(folder, changed);
		return () => this.watched.delete(folder);
	}

	pass(ms: number): void {
		this.#nowMs += ms;
		const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
		this.#timers = this.#timers.filter((timer) => !due.includes(timer));
		for (const { run } of due) run();
	}

	get timersCount(): number {
		return this.#timers.length;
	}
}

let clock: FakeClock;
let lines: string[];
let log: NodeLogger;
beforeEach(() => {
	clock = new FakeClock();
	lines = [];
	const method = (level: string) => (text: unknown) => void lines.push(`${level}: ${text}`);
	const [info, warn, error] = ['info', 'warn', 'error'].map(method) as [() => void, () => void, () => void];
	log = { debug: () => undefined, info, warn, error, fatal: error };
});

async function begin(days = 300): Promise<TlsKeeper> {
	const files = authority.write('n1', await authority.issue({ name: 'n1' }, lifeOf(days)));
	const keeper = new TlsKeeper(files, OWNER, log, clock);
	keeper.start();
	return keeper;
}

/** A certificate for n1 whose key is too short. */
function weak(): Promise<Issued> {
	return oddCertificate(authority.own, { names: [{ type: 'url', value: uriOf('swarm', 'node', 'n1') }], rsaBits: 512 });
}

describe('a node', () => {
	it('takes a later certificate that is put in the place of its own, once both files fit', async () => {
		const keeper = await begin();
		const before = keeper.identity;
		const taken: unknown[] = [];
		keeper.onRenewed((identity) => taken.push(identity));
		const next = await authority.issue({ name: 'n1' });
		const { cert, key } = authority.filesOf('n1');
		writeFileSync(cert, next.cert);
		clock.watched.get(authority.folder)?.();
		clock.pass(SETTLE_MS);
		expect(keeper.identity).toBe(before);
		expect(lines).toEqual([expect.stringMatching(/^warn: the new certificate cannot be used.*is not the key of/)]);
		clock.pass(LOOK_EVERY_MS);
		expect(lines).toHaveLength(1);
		writeFileSync(key, next.key);
		clock.watched.get(authority.folder)?.();
		clock.pass(SETTLE_MS);
		expect(keeper.identity.pem.cert).toBe(next.cert);
		expect(taken).toEqual([keeper.identity]);
		expect(lines.slice(1)).toEqual([expect.stringMatching(/^info: the certificate is renewed, and is valid until 20/)]);
	});

	it('looks by itself where the system tells no change, and takes an authority that is put beside the old one', async () => {
		const keeper = await begin();
		const { ca } = authority.filesOf('n1');
		writeFileSync(ca, `${authority.own.cert}${other.own.cert}`);
		clock.pass(LOOK_EVERY_MS);
		expect(keeper.identity.pem.ca).toContain(other.own.cert);
		writeFileSync(ca, authority.own.cert);
	});

	it('keeps its certificate while a file is not there', async () => {
		const keeper = await begin();
		const { cert } = authority.filesOf('n1');
		rmSync(cert);
		clock.pass(LOOK_EVERY_MS);
		expect(keeper.identity.pem.cert).toMatch(/BEGIN CERTIFICATE/);
		expect(lines).toEqual([expect.stringMatching(/the old one stays in use: .*n1\.crt is not there/)]);
	});

	it('keeps its certificate where OpenSSL refuses the new one', async () => {
		const keeper = await begin();
		authority.write('n1', await weak());
		clock.pass(LOOK_EVERY_MS);
		expect(keeper.identity.pem.cert).not.toBe(readPem(authority.filesOf('n1')).cert);
		expect(lines).toEqual([
			expect.stringMatching(/the old one stays in use: .*n1\.crt is refused by OpenSSL \(ee key too small\)/),
		]);
	});

	it('says once a day that its certificate expires, and is at fault once it has', async () => {
		const keeper = await begin(31);
		expect([lines, keeper.fault()]).toEqual([[], null]);
		// The clock of the keeper goes on by a look at a time.
		clock.pass(DAY_MS * 5);
		clock.pass(LOOK_EVERY_MS);
		expect(lines).toEqual([]);
		clock.pass(DAY_MS * 22);
		clock.pass(LOOK_EVERY_MS);
		expect(lines).toEqual([expect.stringMatching(/^warn: the certificate .*n1\.crt expires on .*: renew it before$/)]);
		clock.pass(DAY_MS * 5);
		expect(lines[1]).toMatch(/^error: the certificate .* has expired on .*, and no new connection is made: renew it$/);
		expect(keeper.fault()).toMatch(/^the certificate has expired on /);
		writeFileSync(authority.filesOf('n1').cert, await authority.renew(keeper.identity.pem.cert, lifeOf(300)));
		clock.pass(LOOK_EVERY_MS);
		expect(keeper.fault()).toBe(null);
	});

	it('says so of its authority too, without which its own certificate is worth nothing', async () => {
		const { ca } = authority.filesOf('n1');
		writeFileSync(ca, await authority.renewOwn(lifeOf(20)));
		const keeper = await begin();
		writeFileSync(ca, authority.own.cert);
		expect([lines, keeper.fault()]).toEqual([[], null]);
		const { chain, expiresMs } = keeper.identity;
		expect(expiresMs).toBe(Date.parse(chain[1]?.certificate.validTo ?? ''));
		writeFileSync(ca, await authority.renewOwn(lifeOf(20)));
		clock.pass(DAY_MS * 18);
		expect(lines).toEqual([
			expect.stringMatching(/^info: the certificate is renewed/),
			expect.stringMatching(/^warn: the certificate .*ca\.crt expires on .*: renew it before$/),
		]);
		clock.pass(DAY_MS * 2);
		expect(lines[2]).toMatch(/^error: the certificate .*ca\.crt has expired on /);
		expect(keeper.fault()).toMatch(/^the certificate of the authority has expired on /);
		writeFileSync(ca, `${await authority.renewOwn(lifeOf(20))}${authority.own.cert}`);
		clock.pass(LOOK_EVERY_MS);
		expect(keeper.fault()).toBe(null);
	});

	it('says that everybody could take its key', async () => {
		const files = authority.write('n1', await authority.issue({ name: 'n1' }));
		chmodSync(files.key, 0o644);
		new TlsKeeper(files, OWNER, log, clock).start();
		expect(lines).toEqual([expect.stringMatching(/n1\.key can be read by everybody on this machine/)]);
		rmSync(files.key);
	});

	it('starts also while its key is being replaced', async () => {
		const files = authority.write('n1', await authority.issue({ name: 'n1' }));
		const keeper = new TlsKeeper(files, OWNER, log, clock);
		rmSync(files.key);
		keeper.start();
		expect([lines, keeper.fault()]).toEqual([[], null]);
	});

	it('looks at nothing any more once it has stopped', async () => {
		const keeper = await begin();
		keeper.stop();
		expect([clock.timersCount, clock.watched.size]).toEqual([0, 0]);
	});
});

describe('the files of a node are refused', () => {
	const refused = async (change: (files: ReturnType<TestAuthority['filesOf']>) => unknown): Promise<string> => {
		const files = authority.write('n1', await authority.issue({ name: 'n1' }));
		await change(files);
		try {
			checkPem(readPem(files), files, OWNER, Date.now());
			return 'taken';
		} catch (error) {
			return (error as Error).message;
		} finally {
			writeFileSync(files.ca, authority.own.cert);
		}
	};

	it('unless there is no fault in them', async () => {
		expect(await refused(() => undefined)).toBe('taken');
	});

	it('where the key is that of another certificate', async () => {
		const { key } = await authority.issue({ name: 'n1' });
		expect(await refused((files) => writeFileSync(files.key, key))).toMatch(/is not the key of the certificate/);
	});

	it('where the authority has expired', async () => {
		const past = { fromMs: Date.now() - 2 * DAY_MS, untilMs: Date.now() - DAY_MS };
		const expired = await authority.renewOwn(past);
		expect(await refused((files) => writeFileSync(files.ca, expired))).toMatch(
			/ca\.crt has expired on 20.* UTC: renew it/,
		);
		const both = `${expired}${authority.own.cert}`;
		expect(await refused((files) => writeFileSync(files.ca, both))).toBe('taken');
	});

	it('where the authority is there, but not the one that has signed that', async () => {
		const { root, below } = await authorityBelow();
		const names = [{ type: 'url' as const, value: uriOf('swarm', 'node', 'n1') }];
		const issued = await oddCertificate(below, { names, uses: ['serverAuth', 'clientAuth'] });
		const put = (ca: string) => (files: ReturnType<TestAuthority['filesOf']>) => {
			authority.write('n1', issued);
			writeFileSync(files.ca, ca);
		};
		expect(await refused(put(below.cert))).toMatch(/ca\.crt does not hold the authority that has signed the last/);
		expect(await refused(put(`${below.cert}${root}`))).toBe('taken');
		expect(await refused(put(root))).toMatch(/is not signed by the authority of/);
	});

	it.each([
		['servers', 'clientAuth'],
		['clients', 'serverAuth'],
	] as const)('where it is not for %s', async (whom, use) => {
		const names = [{ type: 'url' as const, value: uriOf('swarm', 'node', 'n1') }];
		const issued = await oddCertificate(authority.own, { names, uses: [use] });
		expect(await refused(() => authority.write('n1', issued))).toMatch(
			new RegExp(`n1\\.crt is not for ${whom}: a node`),
		);
	});

	it('where another authority has signed it', async () => {
		expect(await refused((files) => writeFileSync(files.ca, other.own.cert))).toMatch(
			/is not signed by the authority of/,
		);
	});

	it('where it has expired, or is not valid yet', async () => {
		const past = { fromMs: Date.now() - 2 * DAY_MS, untilMs: Date.now() - DAY_MS };
		const later = { fromMs: Date.now() + DAY_MS, untilMs: Date.now() + 2 * DAY_MS };
		const put = async (life: typeof past): Promise<unknown> =>
			authority.write('n1', await authority.issue({ name: 'n1' }, life));
		expect(await refused(() => put(past))).toMatch(/has expired on 20.* UTC: renew it/);
		expect(await refused(() => put(later))).toMatch(/is valid from 20.* UTC on: wait/);
	});

	it.each([
		['another node', { name: 'n2' }],
		['a node of another swarm', { name: 'n1', swarm: 'other' }],
		['a client', { name: 'n1', kind: 'client' }],
	] as const)('where it is that of %s', async (_, subject) => {
		const issued = await authority.issue(subject);
		expect(await refused(() => authority.write('n1', issued))).toMatch(
			/does not name the node n1: it needs the URI spiffe:\/\/swarm\/node\/n1 /,
		);
	});

	it('where one of them is no PEM file', async () => {
		expect(await refused(({ cert }) => writeFileSync(cert, 'x'))).toMatch(/n1\.crt holds no certificate/);
		expect(await refused(({ key }) => writeFileSync(key, 'x'))).toMatch(/n1\.key holds no private key/);
		const damaged = authority.own.cert.replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA');
		expect(await refused(({ ca }) => writeFileSync(ca, damaged))).toMatch(/ca\.crt holds a damaged certificate/);
	});

	it('where OpenSSL would refuse them', async () => {
		const issued = await weak();
		expect(await refused(() => authority.write('n1', issued))).toMatch(/n1\.crt is refused by OpenSSL/);
		const files = authority.filesOf('n1');
		expect(() => readClientPem(files)).toThrow(/n1\.crt is refused by OpenSSL/);
	});

	it('without telling the key', async () => {
		const { key } = await authority.issue({ name: 'n1' });
		const secret = key.split('\n')[1] as string;
		const broken = key.replace('MI', 'XX');
		const told = await refused((files) => writeFileSync(files.key, broken));
		expect(told).toMatch(/n1\.key holds no private key/);
		expect(told).not.toContain(secret.slice(4, 20));
	});
});
