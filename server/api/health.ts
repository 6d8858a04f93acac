/**
 * `/livez` and `/readyz`, in the way of etcd's health pages: each check has a page of its own, `?verbose`
 * lists them, `?exclude=NAME` leaves one out. A check here must be able to fail.
 */
import { type Request, type Response, Router } from 'express';
import type { ReplicaService } from '../replica/service.ts';
import { answerText, isSet, onlyMethods, queryOf } from './answer.ts';

export interface HealthOptions {
	readonly service: ReplicaService;
	/** The node is going to stop, and lets its clients go elsewhere first. */
	readonly isDraining: () => boolean;
}

/** Whether a path, as it was sent, is one of these pages or of their checks. */
export function isProbe(path: string): boolean {
	return path === '/livez' || path === '/readyz' || path.startsWith('/livez/') || path.startsWith('/readyz/');
}

/** Chosen at the leader and not applied here: a node that is further behind has to catch up first. */
export const READY_LAG_SLOTS_MAX = 1024;

/** What is wrong, in a few words; null for nothing. */
type Check = () => string | null;
type Checks = Readonly<Record<string, Check>>;

/** Mounted at `/`. */
export function healthRoutes({ service, isDraining }: HealthOptions): Router {
	const routes = Router({ caseSensitive: true });
	serve('/livez', {
		store: () => (service.store.get('') === undefined ? null : 'it holds a key without a name'),
		applied: () => {
			const { appliedThrough, chosenThrough } = service.view();
			return appliedThrough <= chosenThrough ? null : `slot ${appliedThrough} is applied and was not chosen`;
		},
	});
	serve('/readyz', {
		leader: () => (service.view().leader.node === '' ? 'no leader is heard' : null),
		'caught-up': () => {
			const lag = lagSlots(service);
			return lag <= READY_LAG_SLOTS_MAX ? null : `${lag} slots behind`;
		},
		draining: () => (isDraining() ? 'the node is about to stop' : null),
	});
	return routes;

	function serve(path: string, checks: Checks): void {
		routes.all(path, onlyMethods('GET', 'HEAD'), (req, res) => answerHealth(req, res, checks));
		for (const [name, check] of Object.entries(checks)) {
			routes.all(`${path}/${name}`, onlyMethods('GET', 'HEAD'), (req, res) =>
				answerHealth(req, res, { [name]: check }),
			);
		}
	}
}

function answerHealth(req: Request, res: Response, checks: Checks): void {
	const query = queryOf(req);
	const excluded = query.getAll('exclude');
	const results = Object.entries(checks).map(([name, check]) => {
		if (excluded.includes(name)) return { fine: true, line: `[+]${name} excluded: ok` };
		const fault = faultOf(check);
		return { fine: fault === null, line: fault === null ? `[+]${name} ok` : `[-]${name} failed: ${fault}` };
	});
	const unknown = excluded
		.filter((name) => !(name in checks))
		.map((name) => `no check to exclude: ${JSON.stringify(name)}`);
	const fine = results.every((result) => result.fine);
	const lines = fine && !isSet(query, 'verbose') ? [] : [...results.map(({ line }) => line), ...unknown];
	res.set('Cache-Control', 'no-store');
	answerText(res, fine ? 200 : 503, `${[...lines, fine ? 'ok' : 'not ok'].join('\n')}\n`);
}

function faultOf(check: Check): string | null {
	try {
		return check();
	} catch (error) {
		return error instanceof Error ? error.message : String(error);
	}
}

function lagSlots(service: ReplicaService): number {
	const { leader, chosenThrough, appliedThrough } = service.view();
	const leadersChosenThrough = service.peers().find(({ id }) => id === leader.node)?.chosenThrough ?? 0;
	return Math.max(chosenThrough, leadersChosenThrough) - appliedThrough;
}
