/** Certificates for tests, by the program's own authority, in a folder as a swarm has them. */
import 'reflect-metadata';
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { Authority, type Issued, type Life, newAuthority, type Subject } from '../../server/certs/authority.ts';
import type { TlsFiles } from '../../server/config/tls.ts';
import { SILENT } from '../../server/log/logger.ts';
import { TlsKeeper } from '../../server/tls/keeper.ts';

const DAY_MS = 86_400_000;

/** Valid from an hour ago on, for so many days. */
export function lifeOf(days: number): Life {
	return { fromMs: Date.now() - 3_600_000, untilMs: Date.now() + days * DAY_MS };
}

export class TestAuthority {
	readonly folder: string;
	readonly own: Issued;
	readonly #authority: Authority;

	private constructor(folder: string, own: Issued, authority: Authority) {
		this.folder = folder;
		this.own = own;
		this.#authority = authority;
		writeFileSync(join(folder, 'ca.crt'), own.cert);
	}

	static async create(): Promise<TestAuthority> {
		const own = await newAuthority('swarm', lifeOf(400));
		return new TestAuthority(mkdtempSync(join(tmpdir(), 'paxos-swarm-tls-')), own, await Authority.open(own, 'ca.key'));
	}

	issue(subject: Partial<Subject> & { readonly name: string }, life = lifeOf(10)): Promise<Issued> {
		return this.#authority.issue({ kind: 'node', swarm: 'swarm', hosts: ['127.0.0.1'], ...subject }, life);
	}

	renew(cert: string, life = lifeOf(20)): Promise<string> {
		return this.#authority.renew(cert, life);
	}

	/** A certificate of the authority itself, with the same key. @returns PEM */
	renewOwn(life: Life): Promise<string> {
		return this.#authority.renewOwn(life);
	}

	filesOf(name: string): TlsFiles {
		return {
			ca: join(this.folder, 'ca.crt'),
			cert: join(this.folder, `${name}.crt`),
			key: join(this.folder, `${name}.key`),
		};
	}

	/** Puts a certificate and its key into the folder. */
	write(name: string, { cert, key }: Issued): TlsFiles {
		const files = this.filesOf(name);
		writeFileSync(files.cert, cert);
		writeFileSync(files.key, key, { mode: 0o600 });
		return files;
	}

	/** The certificates of a node, as a keeper that was not started has them. */
	async keeper(node: string, hosts: readonly string[] = ['127.0.0.1']): Promise<TlsKeeper> {
		const files = this.write(node, await this.issue({ name: node, hosts }));
		return new TlsKeeper(files, { swarm: 'swarm', node }, SILENT);
	}

	remove(): void {
		rmSync(this.folder, { recursive: true, force: true });
	}
}

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** An authority, and another one below it that signs for it, as large companies have them. The program makes none. */
export async function authorityBelow(life = lifeOf(30)): Promise<{ readonly root: string; readonly below: Issued }> {
	const [upper, lower] = [await newKeys(), await newKeys()];
	const signs = [
		new x509.BasicConstraintsExtension(true, undefined, true),
		new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
	];
	const by = { issuer: 'CN=upper', signingKey: upper.privateKey, life };
	const [root, cert] = await Promise.all([
		signed({ ...by, subject: 'CN=upper', publicKey: upper.publicKey, extensions: signs }),
		signed({ ...by, subject: 'CN=lower', publicKey: lower.publicKey, extensions: signs }),
	]);
	return { root, below: { cert, key: pemOfKey(lower.privateKey) } };
}

/** A certificate as the authority of a swarm would never make it. */
export async function oddCertificate(
	{ cert, key }: Issued,
	odd: {
		readonly subject?: string;
		readonly uses?: readonly (keyof typeof x509.ExtendedKeyUsage)[];
		readonly names?: x509.JsonGeneralNames;
		/** The bits of a key of RSA; without them the key is of the usual kind. */
		readonly rsaBits?: number;
	},
): Promise<Issued> {
	const { subject = 'CN=odd', uses = ['clientAuth'], names = [], rsaBits } = odd;
	const der = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
	const own = rsaBits === undefined ? await newKeys() : await newRsaKeys(rsaBits);
	const extensions = [
		new x509.ExtendedKeyUsageExtension(uses.map((use) => x509.ExtendedKeyUsage[use])),
		...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
	];
	const issued = await signed({
		subject,
		issuer: new x509.X509Certificate(cert).subject,
		publicKey: own.publicKey,
		signingKey: await webcrypto.subtle.importKey('pkcs8', der, CURVE, false, ['sign']),
		extensions,
		life: lifeOf(30),
	});
	return { cert: issued, key: pemOfKey(own.privateKey) };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
	return webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
}

function newRsaKeys(modulusLength: number): Promise<webcrypto.CryptoKeyPair> {
	const kind = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: Uint8Array.of(1, 0, 1) };
	return webcrypto.subtle.generateKey({ ...kind, modulusLength }, true, ['sign', 'verify']);
}

/** @returns PEM */
async function signed({
	life: { fromMs, untilMs },
	...of
}: Pick<x509.X509CertificateCreateWithKeyParams, 'subject' | 'issuer' | 'publicKey' | 'signingKey' | 'extensions'> & {
	readonly life: Life;
}): Promise<string> {
	const dates = { notBefore: new Date(fromMs), notAfter: new Date(untilMs) };
	const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
	return `${(await x509.X509CertificateGenerator.create({ ...of, ...dates, signingAlgorithm })).toString('pem')}\n`;
}

function pemOfKey(key: webcrypto.CryptoKey): string {
	return KeyObject.from(key).export({ format: 'pem', type: 'pkcs8' }).toString();
}
