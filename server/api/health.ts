/**
 * `/livez` and `/readyz`, in the manner of etcd's health pages: each check has a page of its own, `?verbose` lists the
 * checks, and `?exclude=NAME` leaves one out. A check here must be able to fail.
 */
import { type Request, type Response, Router } from 'express';
import { answerText, isSet, onlyMethods, queryOf } from './answer.ts';

/** The state that the checks look at. */
export interface HealthView {
	/** The leader as this node hears it; '' for none. */
	readonly leader: string;
	readonly chosenThrough: number;
	readonly appliedThrough: number;
	/** How far this node is behind its leader, milliseconds; Infinity where it never caught up: see `catch-up.ts`. */
	readonly lagMs: number;
	/** Why the disk keeps the node from being ready; null where it does not. */
	readonly diskFault: string | null;
	/** In what the node's state is not that of the others, though no majority can say who is wrong; null for nothing. */
	readonly stateFault: string | null;
	/** Why nobody new is let in by the certificate of the node; null for nothing. */
	readonly certificateFault: string | null;
	/** Whether the node is going to stop, and gives its clients time to go elsewhere. */
	readonly isDraining: boolean;
	/** The fault of the state machine; null for none. */
	storeFault(): string | null;
}

/** A node that is further behind its leader is not ready. */
export const READY_LAG_MS_MAX = 2000;

/** @returns in a few words why the check fails; null where it does not */
export type Check<View> = (view: View) => string | null;
export type Checks<View> = Readonly<Record<string, Check<View>>>;

const LIVE: Checks<HealthView> = {
	store: (view) => view.storeFault(),
	applied: ({ appliedThrough, chosenThrough }) =>
		appliedThrough <= chosenThrough ? null : `slot ${appliedThrough} is applied and was not chosen`,
};

const READY: Checks<HealthView> = {
	leader: ({ leader }) => (leader === '' ? 'no leader is heard' : null),
	'caught-up': ({ lagMs }) => {
		if (lagMs <= READY_LAG_MS_MAX) return null;
		return Number.isFinite(lagMs) ? `${(lagMs / 1000).toFixed(1)} s behind` : 'not caught up since it started';
	},
	disk: ({ diskFault }) => diskFault,
	state: ({ stateFault }) => stateFault,
	draining: ({ isDraining }) => (isDraining ? 'the node is about to stop' : null),
};

/** The checks of `/livez` while the node starts: what they look at is not there yet, so nothing is wrong with it. */
export const LIVE_AT_START: Checks<unknown> = Object.fromEntries(Object.keys(LIVE).map((name) => [name, () => null]));

/** The checks of `/readyz`, for a node that has a certificate or one that has none. */
export function readyChecks(hasCertificate: boolean): Checks<HealthView> {
	return hasCertificate ? { ...READY, certificate: ({ certificateFault }) => certificateFault } : READY;
}

/** Whether each check of `/readyz` fails, by its name. */
export function readyFailing(checks: Checks<HealthView>, view: HealthView): Record<string, boolean> {
	return Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, faultOf(check, view) !== null]));
}

/** Mounted at `/`. @param ready the checks of `/readyz` */
export function healthRoutes(ready: Checks<HealthView>, view: () => HealthView): Router {
	return probeRoutes({ livez: LIVE, readyz: ready }, view);
}

/** Routes for the two pages, and for a page of each of their checks. */
export function probeRoutes<View>(
	pages: { readonly livez: Checks<View>; readonly readyz: Checks<View> },
	view: () => View,
): Router {
	const routes = Router({ caseSensitive: true });
	for (const [page, checks] of Object.entries(pages)) {
		const path = `/${page}`;
		routes.all(path, onlyMethods('GET', 'HEAD'), (req, res) => answerHealth(req, res, checks, view()));
		for (const [name, check] of Object.entries(checks)) {
			routes.all(`${path}/${name}`, onlyMethods('GET', 'HEAD'), (req, res) =>
				answerHealth(req, res, { [name]: check }, view()),
			);
		}
	}
	return routes;
}

function answerHealth<View>(req: Request, res: Response, checks: Checks<View>, view: View): void {
	const query = queryOf(req);
	const excluded = query.getAll('exclude');
	const results = Object.entries(checks).map(([name, check]) => {
		if (excluded.includes(name)) return { fine: true, line: `[+]${name} excluded: ok` };
		const fault = faultOf(check, view);
		return { fine: fault === null, line: fault === null ? `[+]${name} ok` : `[-]${name} failed: ${fault}` };
	});
	const unknown = excluded
		.filter((name) => !Object.hasOwn(checks, name))
		.map((name) => `no check to exclude: ${JSON.stringify(name)}`);
	const fine = results.every((result) => result.fine);
	const lines = fine && !isSet(query, 'verbose') ? [] : [...results.map(({ line }) => line), ...unknown];
	res.set('Cache-Control', 'no-store');
	answerText(res, fine ? 200 : 503, `${[...lines, fine ? 'ok' : 'not ok'].join('\n')}\n`);
}

function faultOf<View>(check: Check<View>, view: View): string | null {
	try {
		return check(view);
	} catch (error) {
		return error instanceof Error ? error.message : String(error);
	}
}
