/** The files of `server/deploy` for systemd, containers and Kubernetes: their form, and that they name what there is. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig, loadSecret, loadTokens, parseSwarm } from '../../server/config.ts';
import { dockerfile, environmentOf, manifests, readDeploy, unitOf } from './files.ts';

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
}

interface Manifest {
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
	readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
	readonly securityContext: Readonly<Record<string, unknown>>;
	readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

/** Whether the program reads the variable. Secrets may be in files, whose variables have the same name and `_FILE`. */
const known = (name: string): boolean =>
	readFileSync(new URL('../../server/config.ts', import.meta.url), 'utf8').includes(`'${name.replace(/_FILE$/, '')}'`);

describe('the unit of systemd', () => {
	it('is understood by systemd, and the node has little to do harm with', () => {
		const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-unit-'));
		onTestFinished(() => rmSync(folder, { recursive: true }));
		const file = join(folder, UNIT);
		// systemd also looks whether there is such a program.
		writeFileSync(file, readDeploy(UNIT).replace('ExecStart=paxos-swarm', `ExecStart=${process.execPath}`));
		const verified = spawnSync('systemd-analyze', ['verify', file.replace('@', '@n1')], { encoding: 'utf8' });
		// Where there is no systemd, the other tests look at the unit.
		if (verified.error) return expect(verified.error).toMatchObject({ code: 'ENOENT' });
		expect([verified.status, verified.stderr]).toEqual([0, '']);
		// From 0, where nothing is exposed, to 100.
		const limits = ['--offline=yes', '--threshold=20'];
		const judged = spawnSync('systemd-analyze', ['security', ...limits, file], { encoding: 'utf8' });
		expect([judged.status, judged.stderr]).toEqual([0, '']);
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

	it('sets variables that are read, and keeps the data in its volume', () => {
		const variables = environmentOf(image);
		expect(Object.keys(variables).filter((name) => name !== 'NODE_ENV' && !known(name))).toEqual([]);
		expect(image.find(({ word }) => word === 'VOLUME')?.rest).toBe(variables.SWARM_DATA_DIR);
	});
});

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

describe('the manifests of Kubernetes', () => {
	const config = kubernetes.find(({ kind }) => kind === 'ConfigMap')?.data ?? {};
	const set = kubernetes.find(({ kind }) => kind === 'StatefulSet');
	const job = kubernetes.find(({ kind }) => kind === 'Job');

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

	it('cannot be used without a secret and a token', () => {
		const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-kubernetes-'));
		onTestFinished(() => rmSync(folder, { recursive: true }));
		writeFileSync(join(folder, 'swarm.json'), config['swarm.json'] ?? '');
		const loaded = loadConfig({}, {}, folder);
		expect(() => loadSecret(loaded.config, {}, false)).toThrow('SWARM_SECRET');
		expect(() => loadTokens(loaded.config, {}, false)).toThrow('SWARM_TOKEN');
	});
});
