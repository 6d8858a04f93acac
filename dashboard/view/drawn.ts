/**
 * Makes a change, and tells how long the main thread takes for it: for the components, and for the frame that shows them.
 * A hidden tab has no frames, and nothing is told there.
 *
 * @param change sets signals that components read
 * @param done is told milliseconds, once that frame is painted
 */
export function drawn(change: () => void, done: (tookMs: number) => void): void {
	const beganMs = performance.now();
	change();
	// The components are drawn in a microtask, which was asked for before this one.
	queueMicrotask(() => {
		const componentsMs = performance.now() - beganMs;
		requestAnimationFrame((frameMs) => {
			const { port1, port2 } = new MessageChannel();
			// A message is handled once the frame in which it was sent has been painted.
			port1.onmessage = () => {
				port1.close();
				done(componentsMs + performance.now() - frameMs);
			};
			port2.postMessage(null);
		});
	});
}
