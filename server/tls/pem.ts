/**
 * The certificates of a node or a client: PEM files, which are checked as a whole before they are used, so that a mistake
 * is told here and not by a peer.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../config/errors.ts';
import { readText } from '../config/text-file.ts';
import type { TlsFiles } from '../config/tls.ts';
import { chainOf, isAuthorityOf } from './chain.ts';
import { contextOptions } from './context.ts';
import { nodesIn, uriOf } from './names.ts';

/** The texts of three files. */
export interface Pem {
	readonly ca: string;
	readonly cert: string;
	readonly key: string;
}

/** The node that a certificate has to name. */
export interface Owner {
	readonly swarm: string;
	readonly node: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A certificate that connections of this node depend on, and the file that it is in. */
export interface Held {
	readonly file: string;
	readonly certificate: X509Certificate;
}

/** The certificate of the node, those that lead from it to an authority, and that authority. */
export type HeldChain = readonly [Held, ...Held[]];

/** The uses that the certificate of a node must allow, by its extended key usage: a node listens, and it dials. */
const USES = { '1.3.6.1.5.5.7.3.1': 'servers', '1.3.6.1.5.5.7.3.2': 'clients' } as const;

/** The certificate of a node with its key, read and checked. @throws ConfigError */
export function loadPem(files: TlsFiles, owner: Owner, nowMs: number): Pem {
	const pem = readPem(files);
	checkPem(pem, files, owner, nowMs);
	return pem;
}

/** @throws ConfigError where one cannot be read */
export function readPem({ ca, cert, key }: TlsFiles): Pem {
	const missing = [ca, cert, key].find((file) => !existsSync(file));
	if (missing !== undefined) {
		throw new ConfigError(
			`${missing} is not there: paxos-swarm certs init makes certificates where swarm.json names them`,
		);
	}
	return { ca: readText(ca, 'tls.ca'), cert: readText(cert, 'tls.cert'), key: readText(key, 'tls.key') };
}

/** The files of a client, which may have no certificate, and then trusts the authorities of the system or that of `ca`. @throws ConfigError */
export function readClientPem({ ca, cert, key }: Partial<TlsFiles>): Partial<Pem> {
	const read = {
		...(ca !== undefined && { ca: readText(ca, 'the certificate of the authority') }),
		...(cert !== undefined && { cert: readText(cert, 'the certificate to show') }),
		...(key !== undefined && { key: readText(key, 'the key of the certificate') }),
	};
	if (ca !== undefined) certificatesIn(read.ca ?? '', ca);
	if (cert === undefined && key === undefined) return read;
	if (cert === undefined || key === undefined) {
		throw new ConfigError('A certificate is shown with its key: give both --cert and --key, or none of them');
	}
	const [leaf] = certificatesIn(read.cert ?? '', cert) as [X509Certificate];
	mustFit(leaf, keyIn(read.key ?? '', key), { cert, key });
	mustBeStrong(read, cert);
	return read;
}

/**
 * Checks that the three belong together, that every certificate up to the authority is valid now, and that the certificate
 * names its owner.
 *
 * @param files their paths, for the errors
 * @throws ConfigError
 */
export function checkPem(pem: Pem, files: TlsFiles, owner: Owner, nowMs: number): HeldChain {
	const authorities = certificatesIn(pem.ca, files.ca);
	const [leaf, ...others] = certificatesIn(pem.cert, files.cert) as [X509Certificate, ...X509Certificate[]];
	mustFit(leaf, keyIn(pem.key, files.key), files);
	mustBeStrong(pem, files.cert);
	const chain = chainOf(leaf, others, authorities);
	if (chain.length === 0) {
		throw new ConfigError(
			`${files.cert} is not signed by the authority of ${files.ca}: give the authority that has signed it, and put certificates between the two behind that of the node`,
		);
	}
	const top = chain[chain.length - 1] as X509Certificate;
	if (!isAuthorityOf(top, top)) {
		throw new ConfigError(
			`${files.ca} does not hold the authority that has signed the last certificate above ${files.cert}: put it into ${files.ca}`,
		);
	}
	const held = chain.map((certificate) => ({
		file: authorities.includes(certificate) ? files.ca : files.cert,
		certificate,
	})) as unknown as HeldChain;
	for (const each of held) mustBeValid(each, nowMs);
	if (!nodesIn(leaf.subjectAltName, owner.swarm).includes(owner.node)) {
		const uri = uriOf(owner.swarm, 'node', owner.node);
		throw new ConfigError(
			`${files.cert} does not name the node ${owner.node}: it needs the URI ${uri} among its alternative names, as paxos-swarm certs node ${owner.node} makes it`,
		);
	}
	mustServeAndDial(leaf, files.cert);
	return held;
}

/** The certificate that expires first. */
export function firstToExpire(held: readonly [Held, ...Held[]]): Held {
	return held.reduce((first, each) => (untilMsOf(each) < untilMsOf(first) ? each : first));
}

/** When a certificate expires, milliseconds since 1970. */
export function untilMsOf({ certificate }: Pick<Held, 'certificate'>): number {
	return Date.parse(certificate.validTo);
}

/** @throws ConfigError */
function mustBeValid({ file, certificate }: Held, nowMs: number): void {
	const [fromMs, untilMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
	if (nowMs >= untilMs) {
		throw new ConfigError(`${file} has expired on ${dayOf(untilMs)}: renew it, such as by paxos-swarm certs renew`);
	}
	if (nowMs < fromMs) {
		throw new ConfigError(`${file} is valid from ${dayOf(fromMs)} on: wait, or set the clock of this machine`);
	}
}

/** A certificate without an extended key usage is for everything. @throws ConfigError */
function mustServeAndDial({ keyUsage }: X509Certificate, file: string): void {
	const lack = keyUsage && Object.entries(USES).find(([use]) => !keyUsage.includes(use));
	if (!lack) return;
	throw new ConfigError(
		`${file} is not for ${lack[1]}: a node listens and dials, so its certificate has to be for servers and for clients`,
	);
}

/** @throws ConfigError */
function mustFit(leaf: X509Certificate, held: KeyObject, { cert, key }: Pick<TlsFiles, 'cert' | 'key'>): void {
	if (leaf.checkPrivateKey(held)) return;
	throw new ConfigError(`${key} is not the key of the certificate ${cert}: give the two that belong together`);
}

/** OpenSSL takes no key that is too short, and no signature that is too weak. @param file of the certificate @throws ConfigError */
function mustBeStrong(pem: Partial<Pem>, file: string): void {
	try {
		createSecureContext(contextOptions(pem));
	} catch (cause) {
		const { reason, message } = cause as Error & { readonly reason?: string };
		throw new ConfigError(
			`${file} is refused by OpenSSL (${reason ?? message}): have it signed anew, with a longer key or by a stronger signature`,
			{ cause },
		);
	}
}

/** A certificate is about to expire when less than this, and than this part of its life, is left. */
const SOON_MS = 30 * 86_400_000;
const SOON_PART = 1 / 6;

/** Whether it is time to renew the certificate. */
export function isSoonOver(
	{ validFrom, validTo }: Pick<X509Certificate, 'validFrom' | 'validTo'>,
	nowMs: number,
): boolean {
	const untilMs = Date.parse(validTo);
	return untilMs - nowMs <= Math.min(SOON_MS, (untilMs - Date.parse(validFrom)) * SOON_PART);
}

/** When a certificate expires, for people. */
export function dayOf(ms: number): string {
	return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** @throws ConfigError where there is none */
export function certificatesIn(text: string, file: string): X509Certificate[] {
	const found = text.match(CERTIFICATE) ?? [];
	try {
		const certificates = found.map((each) => new X509Certificate(each));
		if (certificates.length > 0) return certificates;
	} catch (cause) {
		throw new ConfigError(`${file} holds a damaged certificate: copy it again from the authority`, { cause });
	}
	throw new ConfigError(`${file} holds no certificate: it must be a PEM file, with -----BEGIN CERTIFICATE----- in it`);
}

/** The error has no part of the key. @throws ConfigError */
function keyIn(text: string, file: string): KeyObject {
	try {
		return createPrivateKey(text);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ERR_MISSING_PASSPHRASE') {
			throw new ConfigError(`${file} takes a passphrase: save the key without one, and let only the node read it`);
		}
		throw new ConfigError(
			`${file} holds no private key: it must be a PEM file, with -----BEGIN PRIVATE KEY----- in it`,
		);
	}
}
