/** Numbers over the last minutes. What draws them is loaded when they are asked for, and costs nothing while it is closed. */
import { type Signal, signal } from '@preact/signals';
import type { ComponentType } from 'preact';

const isOpen = signal(false);
const Charts: Signal<ComponentType | null> = signal(null);

export function MetricsPanel() {
	return (
		<section class="panel metrics-panel" id="metrics" aria-labelledby="metrics-title">
			<details
				open={isOpen.value}
				data-testid="metrics"
				onToggle={({ currentTarget }) => {
					isOpen.value = currentTarget.open;
					if (currentTarget.open) void load();
				}}
			>
				<summary>
					<h2 id="metrics-title">Metrics</h2>
					<span class="muted">commands a second, how long writes take, refusals, who leads and who is behind</span>
				</summary>
				{isOpen.value && Charts.value && <Charts.value />}
			</details>
		</section>
	);
}

async function load(): Promise<void> {
	Charts.value ??= (await import('./metrics-charts.tsx')).MetricsCharts;
}
