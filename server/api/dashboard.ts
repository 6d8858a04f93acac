/**
 * The page's files. They are read once, so that requests take no file descriptors, which the log needs too. Names under
 * `assets/` contain a hash of the file, so such files never change; others may change with the next version.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { Router } from 'express';
import { answerNothing, answerText, onlyMethods } from './answer.ts';

interface PageFile {
	readonly bytes: Buffer;
	readonly type: string;
	readonly caching: string;
	readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
	'.png': 'image/png',
	'.woff2': 'font/woff2',
};

/** Mounted at `/`. @param dir the folder of the built page; null for none */
export function dashboardRoutes(dir: string | null): Router {
	const routes = Router({ caseSensitive: true });
	const files = dir === null ? new Map<string, PageFile>() : readPage(dir);
	routes.use((req, res, next) => {
		const file = files.get(req.path === '/' ? '/index.html' : req.path);
		if (!file || (req.method !== 'GET' && req.method !== 'HEAD')) return next();
		res.setHeader('Cache-Control', file.caching);
		res.setHeader('ETag', file.etag);
		if (req.headers['if-none-match'] === file.etag) return answerNothing(res, 304);
		res.setHeader('Content-Type', file.type);
		res.setHeader('Content-Length', file.bytes.length);
		res.end(file.bytes);
	});
	routes.all('/', onlyMethods('GET', 'HEAD'), (_req, res) => {
		answerText(res, 404, 'The dashboard is not built. npm start builds it.\n');
	});
	return routes;
}

/** The files by their paths in URLs; none where there is no such folder. */
function readPage(dir: string): ReadonlyMap<string, PageFile> {
	const files = new Map<string, PageFile>();
	for (const name of namesIn(dir)) {
		const path = `/${name.split(sep).join('/')}`;
		const bytes = readFileSync(join(dir, name));
		files.set(path, {
			bytes,
			etag: `"${createHash('sha256').update(bytes).digest('base64url')}"`,
			type: TYPES[extname(name)] ?? 'application/octet-stream',
			caching: path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
		});
	}
	return files;
}

function namesIn(dir: string): string[] {
	try {
		const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
		return entries
			.filter((entry) => entry.isFile())
			.map(({ parentPath, name }) => join(parentPath, name).slice(dir.length + 1));
	} catch {
		return [];
	}
}
