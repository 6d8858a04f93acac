/** The files of `server/deploy` for systemd, containers and Kubernetes: their form, and that they name what there is. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../server/config/config.ts';
import { loadSecret, loadTokens } from '../../server/config/secrets.ts';
import { parseSwarm, type TlsConfig } from '../../server/config/swarm-file.ts';
import { tlsFilesOf } from '../../server/config/tls.ts';
import { blockOf, dockerfile, environmentOf, manifests, patched, readDeploy, unitOf } from './files.ts';
import { faultsOf } from './kubernetes-schema.ts';

const UNIT = 'paxos-swarm@.service';
const unit = unitOf(readDeploy(UNIT));
const image = dockerfile(readDeploy('Dockerfile'));
const compose = manifests(readDeploy('compose.yaml'))[0] as Compose;
const kubernetes = manifests(readDeploy('kubernetes.yaml')) as Manifest[];

interface Compose {
	readonly services: Readonly<Record<string, Service>>;
	readonly secrets: Readonly<Record<string, unknown>>;
	readonly configs: Readonly<Record<string, { readonly content: string }>>;
	readonly volumes: Readonly<Record<string, unknown>>;
}

interface Service {
	readonly command?: readonly string[];
	readonly environment: Readonly<Record<string, string>>;
	readonly secrets: readonly string[];
	readonly configs: readonly { readonly source: string; readonly target: string }[];
	readonly volumes: readonly string[];
	readonly depends_on: Readonly<Record<string, unknown>>;
	readonly healthcheck?: { readonly test: readonly string[] };
}

interface Manifest {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string };
	readonly data?: Readonly<Record<string, string>>;
	readonly spec?: Readonly<Record<string, unknown>> & { readonly template?: { readonly spec: PodSpec } };
}

interface PodSpec {
	readonly securityContext: Readonly<Record<string, unknown>>;
	readonly containers: readonly Container[];
	readonly volumes: readonly Readonly<Record<string, unknown>>[];
}

interface Container {
	readonly image: string;
	readonly args: readonly string[];
	readonly env?: readonly { readonly name: string; readonly value?: string }[];
	readonly livenessProbe?: Probe;
	readonly readinessProbe?: Probe;
	readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
	readonly securityContext: Readonly<Record<string, unknown>>;
	readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Probe {
	readonly httpGet: Readonly<Record<string, string>>;
}

/** The sources that read the environment. */
const SETTINGS = ['config.ts', 'tls.ts', 'secrets.ts']
	.map((name) => readFileSync(new URL(`../../server/config/${name}`, import.meta.url), 'utf8'))
	.join('');

/** Whether the program reads the variable. Secrets may be in files, whose variables have the same name and `_FILE`. */
const known = (name: string): boolean => SETTINGS.includes(`'${name.replace(/_FILE$/, '')}'`);

describe('the unit of systemd', () => {
	it.each([
		['alone', ''],
		['with TLS, as README.md has it', blockOf('ini', 'SWARM_TLS_CA')],
	])('is understood by systemd, and the node has little to do harm with: %s', (_, more) => {
		const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-unit-'));
		onTestFinished(() => rmSync(folder, { recursive: true }));
		const file = join(folder, UNIT);
		// systemd also looks whether there is such a program.
		writeFileSync(file, readDeploy(UNIT).replace('ExecStart=paxos-swarm', `ExecStart=${process.execPath}`));
		mkdirSync(`${file}.d`);
		writeFileSync(join(`${file}.d`, 'tls.conf'), more);
		const verified = spawnSync('systemd-analyze', ['verify', file.replace('@', '@n1')], { encoding: 'utf8' });
		// Where there is no systemd, the other tests look at the unit.
		if (verified.error) return expect(verified.error).toMatchObject({ code: 'ENOENT' });
		expect([verified.status, verified.stderr]).toEqual([0, '']);
		// From 0, where nothing is exposed, to 100.
		const limits = ['--offline=yes', '--threshold=20'];
		const judged = spawnSync('systemd-analyze', ['security', ...limits, file], { encoding: 'utf8' });
		expect([judged.status, judged.stderr]).toEqual([0, '']);
	});

	it('is given by what README.md adds each file of TLS that its variables name', () => {
		const { Service: added } = unitOf(blockOf('ini', 'SWARM_TLS_CA'));
		const variables = (added?.Environment ?? []).flatMap((line) => line.split(' ')).map((each) => each.split('='));
		expect(variables.map(([name]) => name).filter((name) => !known(String(name)))).toEqual([]);
		const credentials = added?.LoadCredential?.map((line) => line.split(':')[0]) ?? [];
		expect(variables.map(([, value]) => value)).toEqual(credentials.map((name) => `%d/${name}`));
		expect(credentials).toHaveLength(3);
	});

	it('starts a command that there is, and sets variables that are read', () => {
		expect(unit.Service?.ExecStart).toEqual(['paxos-swarm node %i']);
		const variables = (unit.Service?.Environment ?? []).map((line) => line.split('=')[0] as string);
		expect(variables.filter((name) => name !== 'NODE_ENV' && !known(name))).toEqual([]);
		expect(unit.Service?.Environment).toContain(`SWARM_DATA_DIR=/var/lib/${unit.Service?.StateDirectory?.[0]}`);
	});

	it('has no line twice that stands once', () => {
		const often = ['Environment', 'LoadCredential', 'SystemCallFilter'];
		const twice = Object.entries(unit.Service ?? {}).filter(
			([name, values]) => values.length > 1 && !often.includes(name),
		);
		expect(twice).toEqual([]);
	});
});

describe('the image', () => {
	it('does not run as root, and knows by itself whether it is well', () => {
		const last = image.slice(image.findLastIndex(({ word }) => word === 'FROM'));
		expect(last.findLast(({ word }) => word === 'USER')?.rest).toBe('node');
		expect(last.find(({ word }) => word === 'HEALTHCHECK')?.rest).toContain('"health"');
		expect(last.find(({ word }) => word === 'ENTRYPOINT')?.rest).toBe('["paxos-swarm"]');
	});

	it('begins with a version of its base, and starts its programs without a shell', () => {
		for (const { word, rest } of image) {
			if (word === 'FROM') expect(rest).toMatch(/^[\w./-]+:\d[\w.-]*( AS \w+)?$/);
			if (word === 'WORKDIR') expect(rest).toMatch(/^\//);
			if (word === 'ENTRYPOINT' || word === 'HEALTHCHECK')
				expect(JSON.parse(rest.slice(rest.indexOf('[')))).not.toEqual([]);
		}
		expect(image.filter(({ word, rest }) => word === 'RUN' && /\b(sudo|apt-get|curl|wget)\b/.test(rest))).toEqual([]);
	});

	it('copies what the package is made of, and what a stage before has made', () => {
		const ignored = readDeploy('Dockerfile.dockerignore').trim().split('\n');
		// `test/package` packs a copy without these.
		expect(ignored).toEqual(['.git', 'data', 'dist', 'node_modules', '*.log']);
		for (const [index, { word, rest }] of image.entries()) {
			if (word !== 'COPY') continue;
			const [, stage, source = ''] = /^(?:--from=(\S+) )?(\S+) \S+$/.exec(rest) ?? [];
			if (stage === undefined) expect(source).toBe('.');
			else {
				const before = image.slice(0, index);
				const from = before.findIndex((each) => each.word === 'FROM' && each.rest.endsWith(` AS ${stage}`));
				expect(from).toBeGreaterThanOrEqual(0);
				expect(before.slice(from).some((each) => each.word === 'RUN' && each.rest.includes(`mkdir ${source} `))).toBe(
					true,
				);
			}
		}
	});

	it('sets variables that are read, and keeps the data in its volume', () => {
		const variables = environmentOf(image);
		expect(Object.keys(variables).filter((name) => name !== 'NODE_ENV' && !known(name))).toEqual([]);
		expect(image.find(({ word }) => word === 'VOLUME')?.rest).toBe(variables.SWARM_DATA_DIR);
	});
});

/** The files of TLS that a node of a `swarm.json` has by these variables. Its addresses have to begin with https://. */
function tlsFilesBy(text: string, environment: Readonly<Record<string, string>>, id: string): string[] {
	const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-deploy-'));
	onTestFinished(() => rmSync(folder, { recursive: true }));
	writeFileSync(join(folder, 'swarm.json'), text);
	expect(() => loadConfig({}, environment, folder)).toThrow('must begin with https://');
	writeFileSync(join(folder, 'swarm.json'), text.replaceAll('http://', 'https://'));
	return Object.values(tlsFilesOf(loadConfig({}, environment, folder).config.tls as TlsConfig, id));
}

describe('the compose file', () => {
	const services = Object.entries(compose.services);

	it('has a node for each node of its swarm.json, which listens where the others dial it', () => {
		const { nodes } = parseSwarm(compose.configs.swarm?.content ?? '', 'swarm.json');
		const started = services.flatMap(([name, { command }]) => (command ? [[name, ...command]] : []));
		expect(started).toEqual(nodes.map(({ id }) => [id, 'node', id]));
		expect(nodes.map(({ advertise }) => advertise)).toEqual(nodes.map(({ id, port }) => `http://${id}:${port}`));
	});

	it.each(services)('%s has what it names', (_, service) => {
		expect(service.secrets.filter((name) => !(name in compose.secrets))).toEqual([]);
		expect(service.configs.filter(({ source }) => !(source in compose.configs))).toEqual([]);
		expect(service.volumes.filter((volume) => !((volume.split(':')[0] as string) in compose.volumes))).toEqual([]);
		expect(Object.keys(service.depends_on).filter((name) => !(name in compose.services))).toEqual([]);
		const { SWARM_CONFIG, SWARM_DATA_DIR } = environmentOf(image);
		expect(service.configs.map(({ target }) => target)).toEqual([SWARM_CONFIG]);
		expect(service.volumes.map((volume) => volume.split(':')[1])).toEqual([SWARM_DATA_DIR]);
		expect(Object.keys(service.environment).filter((name) => !known(name))).toEqual([]);
	});
});

describe('what README.md adds to the compose file for TLS', () => {
	const added = manifests(blockOf('yaml', 'services:'))[0] as Compose;
	const node = compose.services.n1 as Service;
	const more = added.services.n1 as Service;

	it('gives a node its own files, and asks by https whether it is well', () => {
		const files = tlsFilesBy(compose.configs.swarm?.content ?? '', { ...node.environment, ...more.environment }, 'n1');
		expect(files).toEqual(['ca', 'n1.crt', 'n1.key'].map((name) => `/run/secrets/${name}`));
		expect(more.secrets).toEqual([...node.secrets, 'ca', 'n1.crt', 'n1.key']);
		const secrets = Object.keys({ ...compose.secrets, ...added.secrets });
		expect(more.secrets.filter((name) => !secrets.includes(name))).toEqual([]);
		const check = image.find(({ word }) => word === 'HEALTHCHECK')?.rest ?? '';
		const { test } = more.healthcheck ?? { test: [] };
		expect(JSON.parse(check.slice(check.indexOf('['))).map((word: string) => word.replace('http:', 'https:'))).toEqual(
			test.slice(1),
		);
	});
});

describe('the manifests of Kubernetes', () => {
	const config = kubernetes.find(({ kind }) => kind === 'ConfigMap')?.data ?? {};
	const set = kubernetes.find(({ kind }) => kind === 'StatefulSet');
	const job = kubernetes.find(({ kind }) => kind === 'Job');

	it('are those of the API of Kubernetes, also after the patch of README.md, and a field that it has not is found', () => {
		const [patch] = manifests(blockOf('yaml', 'template:'));
		expect(faultsOf([...kubernetes, patched(set, patch) as Manifest])).toBe('');
		const wrong = { spec: { template: { spec: { containers: [{ name: 'node', enviroment: [] }] } } } };
		expect(faultsOf([patched(set, wrong) as Manifest])).toMatch(/^manifests\.ts.*'"enviroment"' does not exist/);
	});

	it('name each node as its pod, at the address that the headless service gives it', () => {
		const { nodes } = parseSwarm(config['swarm.json'] ?? '', 'swarm.json');
		const { name } = set?.metadata ?? { name: '' };
		expect(nodes.map(({ id }) => id)).toEqual(nodes.map((_, index) => `${name}-${index}`));
		expect(nodes).toHaveLength(set?.spec?.replicas as number);
		const serviceName = String(set?.spec?.serviceName);
		const headless = kubernetes.find(({ kind, metadata }) => kind === 'Service' && metadata.name === serviceName);
		expect(headless?.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
		expect(nodes.map(({ advertise }) => advertise)).toEqual(
			nodes.map(({ id, port }) => `http://${id}.${serviceName}:${port}`),
		);
	});

	it('begin with one member, whose disk is that of the first pod', () => {
		const [first, ...others] = parseSwarm(config['first.json'] ?? '', 'first.json').nodes;
		expect([first, others]).toEqual([parseSwarm(config['swarm.json'] ?? '', 'swarm.json').nodes[0], []]);
		const claim = kubernetes.find(({ kind }) => kind === 'PersistentVolumeClaim')?.metadata.name;
		const [template] = (set?.spec?.volumeClaimTemplates ?? []) as readonly Pick<Manifest, 'metadata'>[];
		expect(claim).toBe(`${template?.metadata.name}-${first?.id}`);
		expect(job?.spec?.template?.spec.volumes).toContainEqual({
			name: 'data',
			persistentVolumeClaim: { claimName: claim },
		});
	});

	it('start all pods at once, because the first is not ready without a majority', () => {
		expect(set?.spec?.podManagementPolicy).toBe('Parallel');
	});

	it.each([job, set])('$metadata.name does not run as root, and mounts what the image expects', (workload) => {
		const pod = workload?.spec?.template?.spec as PodSpec;
		const [container] = pod.containers as [Container];
		expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 });
		expect(container.securityContext).toEqual({
			allowPrivilegeEscalation: false,
			readOnlyRootFilesystem: true,
			capabilities: { drop: ['ALL'] },
		});
		const mounts = container.volumeMounts.map(({ mountPath }) => mountPath);
		const { SWARM_CONFIG = '', SWARM_DATA_DIR } = environmentOf(image);
		expect(mounts).toContain(SWARM_DATA_DIR);
		expect(mounts).toContain(SWARM_CONFIG.replace(/\/[^/]+$/, ''));
	});

	it('give each pod the files of TLS, and ask by https whether it is well, after the patch of README.md', () => {
		const [patch] = manifests(blockOf('yaml', 'template:'));
		const pod = (patched(set, patch) as Manifest).spec?.template?.spec as PodSpec;
		const spec = set?.spec as Readonly<Record<string, unknown>> & { readonly template: { readonly spec: PodSpec } };
		const [before] = spec.template.spec.containers as [Container];
		const [container, ...others] = pod.containers as [Container];
		expect(others).toEqual([]);
		expect(container).toMatchObject({ image: before.image, args: before.args });
		const environment = Object.fromEntries((container.env ?? []).map(({ name, value = '' }) => [name, value]));
		expect(Object.keys(environment).filter((name) => name !== 'POD_NAME' && !known(name))).toEqual([]);
		const folders = container.volumeMounts.map(({ mountPath }) => mountPath);
		expect(folders).toEqual([...before.volumeMounts.map(({ mountPath }) => mountPath), '/etc/paxos-swarm-tls']);
		expect(tlsFilesBy(config['swarm.json'] ?? '', environment, 'swarm-1')).toEqual(
			['ca.crt', 'swarm-1.crt', 'swarm-1.key'].map((name) => `/etc/paxos-swarm-tls/${name}`),
		);
		const volumes = [...pod.volumes, ...(spec.volumeClaimTemplates as Manifest[]).map(({ metadata }) => metadata)];
		const mounted = container.volumeMounts.map(({ name }) => name);
		expect(mounted.filter((name) => !volumes.some((volume) => volume.name === name))).toEqual([]);
		for (const probe of ['livenessProbe', 'readinessProbe'] as const) {
			expect(container[probe]?.httpGet).toEqual({ ...before[probe]?.httpGet, scheme: 'HTTPS' });
		}
	});

	it('cannot be used without a secret and a token', () => {
		const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-kubernetes-'));
		onTestFinished(() => rmSync(folder, { recursive: true }));
		writeFileSync(join(folder, 'swarm.json'), config['swarm.json'] ?? '');
		const loaded = loadConfig({}, {}, folder);
		expect(() => loadSecret(loaded.config, {}, false)).toThrow('SWARM_SECRET');
		expect(() => loadTokens(loaded.config, {}, false)).toThrow('SWARM_TOKEN');
	});
});
