/**
 * Keeps the certificates of a running node: it reads the files again when they change, and takes new ones once they are
 * whole and valid. Until then the old ones stay. It tells in the log what it does, and when a certificate is about to
 * expire. Links and requests that began under an old certificate go on.
 */
import { statSync, watch } from 'node:fs';
import { Agent } from 'node:https';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { ConfigError } from '../config/errors.ts';
import type { TlsFiles } from '../config/tls.ts';
import type { NodeLogger } from '../log/logger.ts';
import { contextOptions } from './context.ts';
import {
	checkPem,
	dayOf,
	firstToExpire,
	type Held,
	type HeldChain,
	isSoonOver,
	type Owner,
	type Pem,
	readPem,
	untilMsOf,
} from './pem.ts';

/** The certificates that are in use. */
export interface TlsIdentity {
	readonly pem: Pem;
	readonly chain: HeldChain;
	/** When the first of them expires, milliseconds since 1970: no connection can be made after that. */
	readonly expiresMs: number;
	/** For links that this node dials. */
	readonly context: SecureContext;
	/** For requests to other nodes. */
	readonly agent: Agent;
}

/** Times in milliseconds. */
export interface KeeperClock {
	nowMs(): number;
	/** @returns a function that cancels it */
	after(ms: number, run: () => void): () => void;
	/** Calls `changed` when something in the folder may have changed. @returns a function that ends it */
	watch(folder: string, changed: () => void): () => void;
}

/** The files are looked at so often also where no change is told, as of files in other folders that links lead to. */
export const LOOK_EVERY_MS = 30_000;
/** A certificate and its key are written one after the other. */
export const SETTLE_MS = 200;
const DAY_MS = 86_400_000;

export class TlsKeeper {
	readonly #files: TlsFiles;
	readonly #owner: Owner;
	readonly #log: NodeLogger;
	readonly #clock: KeeperClock;
	readonly #takers: ((identity: TlsIdentity) => void)[] = [];
	readonly #ends: (() => void)[] = [];
	#identity: TlsIdentity;
	/** Why the newest files are not used, as it was told; '' for nothing. */
	#refusal = '';
	/** When it was last told that the certificate expires. */
	#toldMs = Number.NEGATIVE_INFINITY;
	#cancelLook: () => void = () => undefined;
	#cancelSettle: () => void = () => undefined;

	/** @throws ConfigError where the files cannot be used */
	constructor(files: TlsFiles, owner: Owner, log: NodeLogger, clock: KeeperClock = REAL_CLOCK) {
		this.#files = files;
		this.#owner = owner;
		this.#log = log;
		this.#clock = clock;
		this.#identity = this.#checked(readPem(files));
	}

	get identity(): TlsIdentity {
		return this.#identity;
	}

	/** Why nobody new lets this node in or is let in by it; null for nothing. */
	fault(): string | null {
		const { chain, expiresMs } = this.#identity;
		if (this.#clock.nowMs() < expiresMs) return null;
		const whose = firstToExpire(chain).file === this.#files.ca ? 'the certificate of the authority' : 'the certificate';
		return `${whose} has expired on ${dayOf(expiresMs)}`;
	}

	/** Calls `take` with each identity that comes in the place of this one. */
	onRenewed(take: (identity: TlsIdentity) => void): void {
		this.#takers.push(take);
	}

	/** Looks at the files from now on, until `stop`. */
	start(): void {
		const { key } = this.#files;
		if (isOpenToAll(key)) {
			this.#log.warn(
				`the key ${key} can be read by everybody on this machine: let only the node read it, by chmod 600`,
			);
		}
		for (const folder of new Set(Object.values(this.#files).map((file) => dirname(file)))) {
			this.#ends.push(this.#clock.watch(folder, () => this.#changed()));
		}
		this.#tellExpiry();
		this.#lookLater();
	}

	stop(): void {
		this.#cancelLook();
		this.#cancelSettle();
		for (const end of this.#ends.splice(0)) end();
	}

	#lookLater(): void {
		this.#cancelLook = this.#clock.after(LOOK_EVERY_MS, () => {
			this.#look();
			this.#lookLater();
		});
	}

	#changed(): void {
		this.#cancelSettle();
		this.#cancelSettle = this.#clock.after(SETTLE_MS, () => this.#look());
	}

	#look(): void {
		try {
			const pem = readPem(this.#files);
			const { ca, cert, key } = this.#identity.pem;
			if (pem.ca !== ca || pem.cert !== cert || pem.key !== key) this.#take(this.#checked(pem));
			this.#refusal = '';
		} catch (error) {
			if (!(error instanceof ConfigError)) throw error;
			if (error.message !== this.#refusal) {
				this.#refusal = error.message;
				this.#log.warn(`the new certificate cannot be used, and the old one stays in use: ${error.message}`);
			}
		}
		this.#tellExpiry();
	}

	#take(identity: TlsIdentity): void {
		this.#identity = identity;
		this.#toldMs = Number.NEGATIVE_INFINITY;
		for (const take of this.#takers) take(identity);
		this.#log.info(`the certificate is renewed, and is valid until ${dayOf(identity.expiresMs)}`);
	}

	#checked(pem: Pem): TlsIdentity {
		const chain = checkPem(pem, this.#files, this.#owner, this.#clock.nowMs());
		const options = contextOptions(pem);
		return {
			pem,
			chain,
			expiresMs: untilMsOf(firstToExpire(chain)),
			context: createSecureContext(options),
			agent: new Agent({ ...options, rejectUnauthorized: true }),
		};
	}

	/** Once a day. */
	#tellExpiry(): void {
		const nowMs = this.#clock.nowMs();
		const [due, ...more] = this.#identity.chain.filter(({ certificate }) => isSoonOver(certificate, nowMs));
		if (due === undefined || nowMs - this.#toldMs < DAY_MS) return;
		this.#toldMs = nowMs;
		const first: Held = firstToExpire([due, ...more]);
		const day = dayOf(untilMsOf(first));
		if (nowMs < untilMsOf(first)) this.#log.warn(`the certificate ${first.file} expires on ${day}: renew it before`);
		else
			this.#log.error(`the certificate ${first.file} has expired on ${day}, and no new connection is made: renew it`);
	}
}

/** Whether users that are neither the owner nor in the group of the file can read it. It may be about to be replaced. */
function isOpenToAll(file: string): boolean {
	const stats = statSync(file, { throwIfNoEntry: false });
	return process.platform !== 'win32' && stats !== undefined && (stats.mode & 0o004) !== 0;
}

const REAL_CLOCK: KeeperClock = {
	nowMs: Date.now,
	after: (ms, run) => {
		const timer = setTimeout(run, ms).unref();
		return () => clearTimeout(timer);
	},
	watch: (folder, changed) => {
		try {
			const watcher = watch(folder, { persistent: false }, changed);
			// Where the system cannot watch any more, the looks at intervals are left.
			watcher.on('error', () => watcher.close());
			return () => watcher.close();
		} catch {
			return () => undefined;
		}
	},
};
