/** Certificates for tests, by the program's own authority, in a folder as a swarm has them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority, type Issued, type Life, newAuthority, type Subject } from '../../server/certs/authority.ts';
import type { TlsFiles } from '../../server/config.ts';
import { SILENT } from '../../server/logger.ts';
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
		const own = await newAuthority('swarm', lifeOf(30));
		return new TestAuthority(mkdtempSync(join(tmpdir(), 'paxos-swarm-tls-')), own, await Authority.open(own, 'ca.key'));
	}

	issue(subject: Partial<Subject> & { readonly name: string }, life = lifeOf(10)): Promise<Issued> {
		return this.#authority.issue({ kind: 'node', swarm: 'swarm', hosts: ['127.0.0.1'], ...subject }, life);
	}

	renew(cert: string, life = lifeOf(20)): Promise<string> {
		return this.#authority.renew(cert, life);
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
