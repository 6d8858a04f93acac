/** Numbers over the last minutes. What draws them is loaded when they are asked for, and costs nothing while it is closed. */
import { signal } from '@preact/signals';
import { onDemand } from './on-demand.tsx';

const isOpen = signal(false);
const Charts = onDemand('The charts', async () => (await import('./metrics-charts.tsx')).MetricsCharts);

export function MetricsPanel() {
	return (
		<section class="panel metrics-panel" id="metrics" aria-labelledby="metrics-title">
			<details
				open={isOpen.value}
				data-testid="metrics"
				onToggle={({ currentTarget }) => {
					isOpen.value = currentTarget.open;
				}}
			>
				<summary>
					<h2 id="metrics-title">Metrics</h2>
					<span class="muted">commands a second, how long writes take, refusals, who leads and who is behind</span>
				</summary>
				{isOpen.value && <Charts />}
			</details>
		</section>
	);
}
