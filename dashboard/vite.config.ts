/**
 * Bundles the page into dist/dashboard, which a node serves, and in the mode `sandbox` into dist/sandbox, which any web
 * host serves from any folder, because all its addresses are relative. No inline script and no request to elsewhere: the
 * CSP forbids both.
 */
import { defineConfig } from 'vite';
import { withoutRules } from './without-plugin.ts';

export default defineConfig(({ mode }) => ({
	root: import.meta.dirname,
	base: './',
	plugins: [withoutRules()],
	worker: { format: 'es' as const, plugins: () => [withoutRules()] },
	build: {
		outDir: mode === 'sandbox' ? '../dist/sandbox' : '../dist/dashboard',
		emptyOutDir: true,
		target: 'es2022',
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
	},
	oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
}));
