/**
 * What the manifests of Kubernetes and the image rely on, against real nodes: a swarm begins with one member, whose
 * folder is made once, the others are let in, and the probes and the health check tell at each moment what they should.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { freePorts, type Program, Swarm, until } from './swarm.ts';

const fileOf = (name: string): string => readFileSync(new URL(`../../server/deploy/${name}`, import.meta.url), 'utf8');
const documents = parseAllDocuments(fileOf('kubernetes.yaml')).map((document) =>
	z.looseObject({ kind: z.string() }).parse(document.toJS()),
);

const probe = z.looseObject({ httpGet: z.object({ path: z.string(), port: z.literal('http') }) });
const podOf = (container: z.ZodRawShape) =>
	z.looseObject({
		spec: z.looseObject({
			template: z.looseObject({ spec: z.looseObject({ containers: z.tuple([z.looseObject(container)]) }) }),
		}),
	});

function documentOf<T>(kind: string, schema: z.ZodType<T>): T {
	return schema.parse(documents.find((document) => document.kind === kind));
}

const { data: config } = documentOf('ConfigMap', z.looseObject({ data: z.record(z.string(), z.string()) }));
const node = documentOf(
	'StatefulSet',
	podOf({ args: z.array(z.string()), livenessProbe: probe, readinessProbe: probe }),
).spec.template.spec.containers[0] as {
	args: string[];
	livenessProbe: z.output<typeof probe>;
	readinessProbe: z.output<typeof probe>;
};
const init = documentOf('Job', podOf({ args: z.array(z.string()) })).spec.template.spec.containers[0] as {
	args: string[];
};
const healthCheck = z
	.tuple([z.literal('paxos-swarm')], z.string())
	.parse(parse(/HEALTHCHECK [^[]*CMD (\[.*\])/.exec(fileOf('Dockerfile').replaceAll('\\\n', ''))?.[1] ?? ''));

const SECRET = 'a secret of the test';

/** Starts programs, has a folder, and ends what is left. Its own nodes are not used. */
let swarm: Swarm;
let ports: number[];
beforeAll(async () => {
	const token = 'a-token-of-the-test';
	const environment = { SWARM_SECRET: SECRET, SWARM_TOKEN: token, CONSUL_HTTP_TOKEN: token };
	swarm = await Swarm.create({ size: 1, environment });
	ports = await freePorts(3);
	for (const [name, text] of Object.entries(config)) writeFileSync(join(swarm.folder, name), here(text));
});
afterAll(() => swarm.dispose());

/** The pods' names and port as they are on this machine. */
function here(text: string): string {
	let index = 0;
	return text.replaceAll(/"port": 7101, "advertise": "[^"]+"/g, () => {
		const port = ports[index++];
		return `"port": ${port}, "advertise": "http://127.0.0.1:${port}"`;
	});
}

/** A command of a container, whose mounted folders are in the folder of the test. */
function run(args: readonly string[], pod: string): Program {
	const own = args.map((arg) =>
		arg
			.replace('$(POD_NAME)', pod)
			.replace('/etc/paxos-swarm', swarm.folder)
			.replace('http://127.0.0.1:7101', urlOf(pod)),
	);
	const environment = {
		SWARM_CONFIG: join(swarm.folder, 'swarm.json'),
		SWARM_DATA_DIR: join(swarm.folder, `data-${pod}`),
	};
	mkdirSync(environment.SWARM_DATA_DIR, { recursive: true });
	return swarm.program(own, { environment });
}

const urlOf = (pod: string): string => `http://127.0.0.1:${ports[Number(pod.at(-1))]}`;
/** As the kubelet asks, which names the address of the pod as the host. */
async function asked({ httpGet }: z.output<typeof probe>, pod: string): Promise<number> {
	return (await fetch(urlOf(pod) + httpGet.path, { headers: { connection: 'close' } })).status;
}

test('a swarm of pods comes up as the manifests start it, and its probes tell how far it is', async () => {
	const [first, second, third] = ['swarm-0', 'swarm-1', 'swarm-2'] as const;
	expect(await run(init.args, first).ended).toBe(0);
	const again = run(init.args, first);
	expect([await again.ended, again.stderr]).toEqual([1, expect.stringContaining('is formatted already')]);

	const pods = new Map<string, Program>([first, second].map((pod) => [pod, run(node.args, pod)]));
	onTestFailed(() => {
		for (const [pod, { stdout, stderr }] of pods) process.stderr.write(`--- ${pod}\n${stdout}${stderr}\n`);
	});
	await until('the first pod is ready', async () => (await asked(node.readinessProbe, first)) === 200 || undefined);
	// The second one waits for a swarm to join, so its container is started again until there is one.
	if ((await Promise.race([pods.get(second)?.ended, pods.get(second)?.printed(/waits to be let in/)])) === 4) {
		pods.set(second, run(node.args, second));
	}
	pods.set(third, run(node.args, third));
	for (const pod of [second, third]) {
		await pods.get(pod)?.printed(/waits to be let in/);
		expect([await asked(node.livenessProbe, pod), await asked(node.readinessProbe, pod)]).toEqual([200, 503]);
		const added = run(['member', 'add', pod, urlOf(pod)], first);
		expect([await added.ended, added.stderr]).toEqual([0, expect.anything()]);
		await until(`${pod} is ready`, async () => (await asked(node.readinessProbe, pod)) === 200 || undefined);
	}
	const health = await Promise.all([...pods.keys()].map((pod) => run(healthCheck.slice(1), pod).ended));
	expect(health).toEqual([0, 0, 0]);

	const debug = run(['debug', '--out', join(swarm.folder, 'bundle')], first);
	expect([await debug.ended, debug.stderr]).toEqual([0, '']);
	const told = [...pods.keys()].map((pod) =>
		JSON.parse(readFileSync(join(swarm.folder, 'bundle', pod, 'debug.json'), 'utf8')),
	);
	expect(told).toEqual(
		[...pods.keys()].map((pod) =>
			expect.objectContaining({
				node: expect.stringContaining(pod),
				facts: expect.arrayContaining([expect.stringMatching(/Z (leads under|the leader is swarm-0)/)]),
				log: expect.arrayContaining([expect.stringMatching(/"msg":"(leads under|the leader is swarm-0)/)]),
			}),
		),
	);
	const names = readdirSync(join(swarm.folder, 'bundle'), { recursive: true, encoding: 'utf8' }).filter((name) =>
		/\.\w+$/.test(name),
	);
	expect(names.length).toBeGreaterThan(3 * 6);
	expect(names.filter((name) => readFileSync(join(swarm.folder, 'bundle', name), 'utf8').includes(SECRET))).toEqual([]);

	pods.get(third)?.signal('SIGTERM');
	expect(await pods.get(third)?.ended).toBe(0);
	const gone = run(healthCheck.slice(1), third);
	expect([await gone.ended, gone.stdout]).toEqual([4, expect.stringContaining('not ready')]);
});
