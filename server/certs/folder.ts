/** The files of an authority and of the certificates that it has signed, where `swarm.json` has them. */
import type { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, sep } from 'node:path';
import { NewFile } from '../backup/new-file.ts';
import { ConfigError } from '../config/errors.ts';
import type { TlsConfig } from '../config/swarm-file.ts';
import { readText } from '../config/text-file.ts';
import { type TlsFiles, tlsFilesOf } from '../config/tls.ts';
import { isAuthorityOf } from '../tls/chain.ts';
import { certificatesIn, dayOf } from '../tls/pem.ts';
import { Authority, type Issued, type Life, newAuthority, type Subject } from './authority.ts';

const DAY_MS = 86_400_000;
/** The clock of another machine may be behind this one. */
const BEFORE_MS = 300_000;
const AUTHORITY_DAYS = 3650;

/** Only the owner may read a key. Everybody may read a certificate. */
const KEY_MODE = 0o600;
const CERT_MODE = 0o644;

export class CertsFolder {
	readonly #swarm: string;
	readonly #tls: TlsConfig;
	readonly #nowMs: number;

	constructor(swarm: string, tls: TlsConfig, nowMs: number) {
		this.#swarm = swarm;
		this.#tls = tls;
		this.#nowMs = nowMs;
	}

	get authority(): { readonly cert: string; readonly key: string } {
		const { ca } = this.#tls;
		return { cert: ca, key: join(dirname(ca), `${basename(ca, extname(ca))}.key`) };
	}

	filesOf(name: string): TlsFiles {
		return tlsFilesOf(this.#tls, name);
	}

	/** The files of certificates that this authority may have signed, and those of the authority are not among them. */
	certificates(): string[] {
		return namesIn(this.#tls.cert)
			.map((name) => this.filesOf(name).cert)
			.filter((file) => file !== this.#tls.ca && existsSync(file))
			.toSorted();
	}

	/** Makes the authority, unless there is one. @returns whether it did */
	async makeAuthority(): Promise<boolean> {
		const files = this.authority;
		if (existsSync(files.cert)) return false;
		await this.#write(files, await newAuthority(this.#swarm, this.#life(AUTHORITY_DAYS)), false);
		return true;
	}

	/** Makes a key with its certificate. @param replaces whether it may take the place of those that there are */
	async issue(subject: Pick<Subject, 'kind' | 'name' | 'hosts'>, days: number, replaces: boolean): Promise<TlsFiles> {
		const files = this.filesOf(subject.name);
		if (files.cert === this.#tls.ca) {
			throw new ConfigError(`${files.cert} is the authority itself: choose another name than ${subject.name}`);
		}
		const authority = await this.#signer();
		const issued = await authority.issue({ ...subject, swarm: this.#swarm }, this.#life(days));
		await this.#write(files, issued, replaces);
		return files;
	}

	/**
	 * Signs a later certificate for the authority itself.
	 *
	 * @returns false where it is not this program's: another authority has signed it, or its file holds others too
	 */
	async renewAuthority(): Promise<boolean> {
		const { ca } = this.#tls;
		const [own, ...more] = certificatesIn(readText(ca, 'the authority'), ca) as [X509Certificate, ...X509Certificate[]];
		if (more.length > 0 || !isAuthorityOf(own, own)) return false;
		await write(ca, await (await this.#open()).renewOwn(this.#life(AUTHORITY_DAYS)), CERT_MODE, true);
		return true;
	}

	/** Signs a later certificate for the key of `file`. */
	async renew(file: string, days: number): Promise<void> {
		const authority = await this.#signer();
		await write(file, await authority.renew(readFileSync(file, 'utf8'), this.#life(days)), CERT_MODE, true);
	}

	#life(days: number): Life {
		return { fromMs: this.#nowMs - BEFORE_MS, untilMs: this.#nowMs + days * DAY_MS };
	}

	/** @throws ConfigError where what the authority signs would not be valid */
	async #signer(): Promise<Authority> {
		const authority = await this.#open();
		if (authority.untilMs > this.#nowMs) return authority;
		const day = dayOf(authority.untilMs);
		throw new ConfigError(`${this.#tls.ca} has expired on ${day}: renew it, such as by paxos-swarm certs renew`);
	}

	async #open(): Promise<Authority> {
		const { cert, key } = this.authority;
		const issued = { cert: readText(cert, 'the authority'), key: readText(key, 'the key of the authority') };
		return Authority.open(issued, key);
	}

	/** The key comes first, so that a certificate is never there without its key. */
	async #write({ cert, key }: Pick<TlsFiles, 'cert' | 'key'>, issued: Issued, replaces: boolean): Promise<void> {
		await write(key, issued.key, KEY_MODE, replaces);
		await write(cert, issued.cert, CERT_MODE, replaces);
	}
}

async function write(path: string, text: string, mode: number, replaces: boolean): Promise<void> {
	mkdirSync(dirname(path), { recursive: true });
	const file = await NewFile.create(path, replaces, mode);
	try {
		await file.write(Buffer.from(text));
		await file.finish();
	} catch (error) {
		await file.abandon();
		throw error;
	}
}

/** The names that may stand for `{id}` in a path: in the name of the file, or in that of a folder on the way to it. */
function namesIn(path: string): string[] {
	const [start = '', end = ''] = path.split('{id}');
	const [folder, before] = [dirname(`${start}x`), basename(`${start}x`).slice(0, -1)];
	const [behind = ''] = end.split(sep);
	if (!existsSync(folder)) return [];
	return readdirSync(folder)
		.filter((entry) => entry.startsWith(before) && entry.endsWith(behind))
		.map((entry) => entry.slice(before.length, entry.length - behind.length));
}
