/** Manifests against the types of the API of Kubernetes, which are made from its own description. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** @returns what the compiler says of fields that are missing, unknown or of another type; '' for nothing */
export function faultsOf(manifests: readonly { readonly apiVersion: string; readonly kind: string }[]): string {
	const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-manifests-'));
	try {
		const lines = manifests.map((manifest, index) => {
			const { apiVersion, kind } = manifest;
			const module = `${packages}/kubernetes-types/${apiVersion === 'v1' ? 'core/v1' : apiVersion}`;
			return `export const m${index}: import('${module}').${kind} = ${JSON.stringify(manifest)};\n`;
		});
		writeFileSync(join(folder, 'manifests.ts'), lines.join(''));
		const options = ['--strict', '--noEmit', '--ignoreConfig', '--skipLibCheck', '--module', 'esnext'];
		const own = ['--moduleResolution', 'bundler', '--pretty', 'false', join(folder, 'manifests.ts')];
		const tsc = join(packages, 'typescript/bin/tsc');
		return spawnSync(process.execPath, [tsc, ...options, ...own], { cwd: folder, encoding: 'utf8' }).stdout;
	} finally {
		rmSync(folder, { recursive: true });
	}
}
