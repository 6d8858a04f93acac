/** `certs`: makes a small authority for a swarm, and certificates for its nodes and clients; shows and renews them. */
import type { X509Certificate } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { NewFileError } from '../backup/new-file.ts';
import { CertsFolder } from '../certs/folder.ts';
import { type LoadedConfig, loadConfig } from '../config/config.ts';
import type { ConfigFlags } from '../config/settings.ts';
import type { NodeConfig, TlsConfig } from '../config/swarm-file.ts';
import { readText } from '../config/text-file.ts';
import { ANY_ADDRESS } from '../front/doors.ts';
import { namesIn } from '../tls/names.ts';
import { certificatesIn, dayOf, isSoonOver } from '../tls/pem.ts';
import { OWN_CLIENT } from './credentials.ts';
import { tableOf } from './table.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface IssueOptions extends ConfigFlags {
	readonly days: number;
	readonly force?: true;
}

export interface NodeOptions extends IssueOptions {
	readonly host?: readonly string[];
}

export interface RenewOptions extends ConfigFlags {
	readonly days: number;
	readonly all?: true;
}

/** The paths of the files where `swarm.json` names none. */
const USUAL = { ca: 'certs/ca.crt', cert: 'certs/{id}.crt', key: 'certs/{id}.key' } as const;
/** The names by which a program on the machine of a node, such as a health check, reaches it. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1'] as const;

/** Makes the files that are missing: those of the authority, of each node, and of the commands of this program. */
export async function init(options: IssueOptions, terminal: Terminal): Promise<ExitStatus> {
	const { loaded, folder, say } = opened(options, terminal);
	const { config } = loaded;
	if (await made(folder.makeAuthority())) say(`Made the authority ${folder.authority.cert}`);
	const wanted = [
		...config.nodes.map((node) => ({ kind: 'node' as const, name: node.id, hosts: hostsOf(node, loaded) })),
		{ kind: 'client' as const, name: OWN_CLIENT, hosts: [] },
	];
	for (const subject of wanted) {
		const { cert } = folder.filesOf(subject.name);
		if (options.force !== true && isThere(cert)) {
			say(`There is ${cert} already`);
			continue;
		}
		await made(folder.issue(subject, options.days, options.force === true));
		say(`Made ${cert}`);
	}
	say(`Keep ${folder.authority.key} away from the nodes: everybody who has it can make certificates.`);
	if (!config.tls) say(`Add to swarm.json: "tls": ${JSON.stringify(USUAL)}`);
	return EXIT.ok;
}

export async function node(id: string, options: NodeOptions, terminal: Terminal): Promise<ExitStatus> {
	const { loaded, folder, say } = opened(options, terminal);
	const known = loaded.config.nodes.find((candidate) => candidate.id === id);
	if (!known && options.host === undefined) {
		throw new CommandError(`swarm.json does not name the node "${id}": say where it is reached, by --host`, {
			status: EXIT.usage,
		});
	}
	const hosts = [...(known ? hostsOf(known, loaded) : LOOPBACK), ...(options.host ?? [])];
	const files = await made(folder.issue({ kind: 'node', name: id, hosts }, options.days, options.force === true));
	say(`Made ${files.cert} and ${files.key}`);
	return EXIT.ok;
}

export async function client(name: string, options: IssueOptions, terminal: Terminal): Promise<ExitStatus> {
	const { folder, say } = opened(options, terminal);
	const files = await made(folder.issue({ kind: 'client', name, hosts: [] }, options.days, options.force === true));
	say(`Made ${files.cert} and ${files.key}`);
	return EXIT.ok;
}

/**
 * Renews the certificates that expire soon, that of the authority first. Their keys stay, so that one file changes for each,
 * and what the authority has signed stays valid.
 */
export async function renew(options: RenewOptions, terminal: Terminal): Promise<ExitStatus> {
	const { folder, say } = opened(options, terminal);
	const files = folder.certificates();
	if (files.length === 0) throw noCertificate(folder.filesOf('{id}').cert);
	const { cert: authority } = folder.authority;
	const [own] = certificatesAt(authority);
	if (isSoonOver(own, Date.now())) {
		const day = dayOf(Date.parse(own.validTo));
		const isRenewed = await made(folder.renewAuthority());
		say(
			isRenewed
				? `Renewed ${authority}: give it to every node and client`
				: `${authority} expires on ${day}: have it renewed where it was made`,
		);
	}
	for (const file of files) {
		const [certificate] = certificatesAt(file);
		if (options.all !== true && !isSoonOver(certificate, Date.now())) {
			say(`${file} is valid until ${dayOf(Date.parse(certificate.validTo))}`);
			continue;
		}
		await made(folder.renew(file, options.days));
		say(`Renewed ${file}`);
	}
	return EXIT.ok;
}

/** @param path a file, or a folder of files; by default those of the swarm */
export function show(path: string | undefined, options: ConfigFlags, terminal: Terminal): ExitStatus {
	const place = resolve(terminal.workingDir, path ?? '');
	const files = path === undefined ? filesOfSwarm(options, terminal) : filesAt(place);
	if (files.length === 0) throw noCertificate(place);
	const rows = files.flatMap((file) =>
		certificatesAt(file).map((certificate) => [
			relative(terminal.workingDir, file),
			`${dayOf(Date.parse(certificate.validTo))}${isSoonOver(certificate, Date.now()) ? ', renew it' : ''}`,
			certificate.ca
				? 'an authority'
				: namesIn(certificate.subjectAltName)
						.map(({ name }) => name)
						.join(' '),
		]),
	);
	terminal.stdout.write(`${tableOf([['FILE', 'VALID UNTIL', 'FOR'], ...rows])}\n`);
	return EXIT.ok;
}

/** @throws ConfigError where there is none */
function certificatesAt(file: string): [X509Certificate, ...X509Certificate[]] {
	return certificatesIn(readText(file, 'the certificate'), file) as [X509Certificate, ...X509Certificate[]];
}

/** Turns the error for a file that cannot be written into one of the command. */
async function made<T>(act: Promise<T>): Promise<T> {
	try {
		return await act;
	} catch (cause) {
		if (cause instanceof NewFileError) throw new CommandError(cause.message, { status: EXIT.error, cause });
		throw cause;
	}
}

interface Opened {
	readonly loaded: LoadedConfig;
	readonly folder: CertsFolder;
	say(line: string): void;
}

function opened(flags: ConfigFlags, { environment, workingDir, stdout }: Terminal): Opened {
	const loaded = loadConfig(flags, environment, workingDir);
	const { config, file, fileIsDefault } = loaded;
	const home = fileIsDefault ? workingDir : dirname(file);
	const usual: TlsConfig = {
		ca: join(home, USUAL.ca),
		cert: join(home, USUAL.cert),
		key: join(home, USUAL.key),
		clients: 'optional',
	};
	const folder = new CertsFolder(config.name, config.tls ?? usual, Date.now());
	const say = (line: string): unknown => stdout.write(`${line.replaceAll(`${workingDir}/`, '')}\n`);
	return { loaded, folder, say };
}

/**
 * The names and addresses for the certificate of a node: its host, the host that it advertises, those that requests may
 * name, and those of loopback.
 */
function hostsOf({ host, advertise }: NodeConfig, { config }: LoadedConfig): string[] {
	const own = ANY_ADDRESS.includes(host) ? [] : [host];
	const told = advertise === undefined ? [] : [unbracketed(new URL(advertise).hostname)];
	const allowed = config.allowedHosts.map((each) => unbracketed(each.replace(/:\d+$/, '')));
	return [...new Set([...own, ...told, ...allowed, ...LOOPBACK])];
}

function unbracketed(host: string): string {
	return host.replace(/^\[|\]$/g, '');
}

function isThere(file: string): boolean {
	return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

function noCertificate(place: string): CommandError {
	const message = `There is no certificate at ${place}: certs init makes those of swarm.json.`;
	return new CommandError(message, { status: EXIT.error });
}

function filesOfSwarm(options: ConfigFlags, terminal: Terminal): string[] {
	const { folder } = opened(options, terminal);
	return [folder.authority.cert, ...folder.certificates()];
}

function filesAt(path: string): string[] {
	if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
	return readdirSync(path)
		.filter((name) => /\.(crt|pem|cer)$/.test(name))
		.map((name) => join(path, name))
		.toSorted();
}
