/**
 * A small authority for the certificates of one swarm: its own certificate, those that it signs for nodes and clients, and
 * later ones for the same keys. It touches no file. All keys are of the curve P-256.
 */
// The package of the certificates needs this one, before itself.
import 'reflect-metadata';
import { createPrivateKey, KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { ConfigError } from '../config/errors.ts';
import { uriOf } from '../tls/names.ts';

/** A certificate and its key, as PEM. */
export interface Issued {
	readonly cert: string;
	readonly key: string;
}

/** What a certificate is for. */
export interface Subject {
	/** A node shows it to those that dial it and to those that it dials; a client only to nodes. */
	readonly kind: 'node' | 'client';
	readonly swarm: string;
	readonly name: string;
	/** The names and IP addresses at which a node is reached; none for a client. */
	readonly hosts: readonly string[];
}

/** From when until when a certificate is valid, milliseconds since 1970. */
export interface Life {
	readonly fromMs: number;
	readonly untilMs: number;
}

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

x509.cryptoProvider.set(webcrypto);

/** Makes an authority for the swarm of that name. */
export async function newAuthority(swarm: string, life: Life): Promise<Issued> {
	const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
	const cert = await x509.X509CertificateGenerator.createSelfSigned({
		name: [{ CN: [`authority of the swarm ${swarm}`] }],
		...validity(life),
		signingAlgorithm: SIGNING,
		keys,
		extensions: [
			new x509.BasicConstraintsExtension(true, 0, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
			await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
		],
	});
	return { cert: pemOf(cert), key: pemOfKey(keys.privateKey) };
}

export class Authority {
	readonly #cert: x509.X509Certificate;
	readonly #key: webcrypto.CryptoKey;

	private constructor(cert: x509.X509Certificate, key: webcrypto.CryptoKey) {
		this.#cert = cert;
		this.#key = key;
	}

	/** @param keyFile for the error @throws ConfigError where the key is not that of the certificate, or of another kind */
	static async open({ cert, key }: Issued, keyFile: string): Promise<Authority> {
		const held = privateKeyIn(key);
		if (held?.asymmetricKeyType !== 'ec' || held.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
			throw new ConfigError(
				`${keyFile} holds no key that paxos-swarm certs can sign with: it takes one of the curve P-256`,
			);
		}
		if (!new X509Certificate(cert).checkPrivateKey(held)) {
			throw new ConfigError(`${keyFile} is not the key of the authority beside it: give the two that belong together`);
		}
		const der = held.export({ format: 'der', type: 'pkcs8' });
		const imported = await webcrypto.subtle.importKey('pkcs8', der, CURVE, false, ['sign']);
		return new Authority(new x509.X509Certificate(cert), imported);
	}

	/** When the certificate of the authority itself expires, milliseconds since 1970. */
	get untilMs(): number {
		return this.#cert.notAfter.getTime();
	}

	/** Signs a certificate for a new key. It is valid for no longer than the authority, as a later one too. */
	async issue(subject: Subject, life: Life): Promise<Issued> {
		const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
		const names: x509.JsonGeneralNames = [
			{ type: 'url', value: uriOf(subject.swarm, subject.kind, subject.name) },
			...subject.hosts.map((host) => ({ type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const), value: host })),
		];
		const cert = await this.#sign(
			[{ CN: [subject.name] }],
			keys.publicKey,
			[
				new x509.BasicConstraintsExtension(false, undefined, true),
				new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
				new x509.ExtendedKeyUsageExtension(
					subject.kind === 'node'
						? [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]
						: [x509.ExtendedKeyUsage.clientAuth],
				),
				new x509.SubjectAlternativeNameExtension(names),
				await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
				await x509.AuthorityKeyIdentifierExtension.create(this.#cert.publicKey),
			],
			this.#within(life),
		);
		return { cert: pemOf(cert), key: pemOfKey(keys.privateKey) };
	}

	/** Signs a later certificate for the same key and names. @param cert that which it follows, as PEM @returns PEM */
	async renew(cert: string, life: Life): Promise<string> {
		return this.#renew(new x509.X509Certificate(cert), this.#within(life));
	}

	/** Signs a later certificate for the authority itself: what it has signed before is valid under that one too. @returns PEM */
	async renewOwn(life: Life): Promise<string> {
		return this.#renew(this.#cert, life);
	}

	async #renew({ subjectName, publicKey, extensions }: x509.X509Certificate, life: Life): Promise<string> {
		return pemOf(await this.#sign(subjectName.toJSON(), publicKey, extensions, life));
	}

	#within({ fromMs, untilMs }: Life): Life {
		return { fromMs, untilMs: Math.min(untilMs, this.untilMs) };
	}

	#sign(
		subject: x509.JsonName,
		publicKey: x509.PublicKeyType,
		extensions: x509.Extension[],
		life: Life,
	): Promise<x509.X509Certificate> {
		return x509.X509CertificateGenerator.create({
			subject,
			issuer: this.#cert.subjectName.toJSON(),
			...validity(life),
			signingAlgorithm: SIGNING,
			publicKey,
			signingKey: this.#key,
			extensions,
		});
	}
}

function validity({ fromMs, untilMs }: Life): { notBefore: Date; notAfter: Date } {
	return { notBefore: new Date(fromMs), notAfter: new Date(untilMs) };
}

function pemOf(cert: x509.X509Certificate): string {
	return `${cert.toString('pem')}\n`;
}

function pemOfKey(key: webcrypto.CryptoKey): string {
	return KeyObject.from(key).export({ format: 'pem', type: 'pkcs8' }).toString();
}

function privateKeyIn(text: string): KeyObject | null {
	try {
		return createPrivateKey(text);
	} catch {
		return null;
	}
}
