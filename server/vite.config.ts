/**
 * Bundles the program `paxos-swarm` with its packages into dist/program, because a process starts twice as fast from a
 * few large files as from some hundred small ones. Programs that embed a node import dist/server instead.
 */
import { defineConfig } from 'vite';

export default defineConfig({
	root: import.meta.dirname,
	build: {
		ssr: 'main.ts',
		outDir: '../dist/program',
		emptyOutDir: true,
		target: 'node20',
		sourcemap: true,
		license: { fileName: 'licenses.md' },
	},
	// The package `ws` uses it where it is installed. It is machine code, which no bundle can hold.
	ssr: { noExternal: true, external: ['bufferutil'] },
});
