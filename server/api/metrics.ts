/** `/metrics`: the figures of this node for Prometheus. */
import { Router } from 'express';
import type { Metrics } from '../metrics/metrics.ts';
import type { Readings } from '../metrics/readings.ts';
import type { NodeService } from '../replica/service.ts';
import { answer, onlyMethods } from './answer.ts';

/** Mounted at `/`. */
export function metricsRoutes(metrics: Metrics, service: NodeService, readings: () => Omit<Readings, 'peers'>): Router {
	const routes = Router({ caseSensitive: true });
	routes.all('/metrics', onlyMethods('GET', 'HEAD'), (_req, res) => {
		res.set('Cache-Control', 'no-store');
		answer(res, 200, 'text/plain; version=0.0.4', metrics.text(service, readings()));
	});
	return routes;
}
