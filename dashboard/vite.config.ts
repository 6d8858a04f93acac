/** Bundles the page into dist/dashboard. No inline script and no request to elsewhere: the CSP forbids both. */
import { defineConfig } from 'vite';

export default defineConfig({
	root: import.meta.dirname,
	build: {
		outDir: '../dist/dashboard',
		emptyOutDir: true,
		target: 'es2022',
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
	},
	oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
});
