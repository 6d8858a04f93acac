/** The page's files. Names under `assets/` carry a hash of what is in them, so they never change; others may. */
import { sep } from 'node:path';
import express, { type RequestHandler, Router } from 'express';
import { answerText, onlyMethods } from './answer.ts';

/** Mounted at `/`. @param dir where the built page is; null for nowhere */
export function dashboardRoutes(dir: string | null): Router {
	const routes = Router({ caseSensitive: true });
	if (dir !== null) routes.use(staticFiles(dir));
	routes.all('/', onlyMethods('GET', 'HEAD'), (_req, res) => {
		answerText(res, 404, 'The dashboard is not built. npm start builds it.\n');
	});
	return routes;
}

function staticFiles(dir: string): RequestHandler {
	return express.static(dir, {
		redirect: false,
		setHeaders(res, path) {
			const isHashed = path.includes(`${sep}assets${sep}`);
			res.setHeader('Cache-Control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
		},
	});
}
