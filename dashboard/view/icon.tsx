/** A sign on a button, drawn in the colour of its text. The button says what it means. */
export function Icon({ d }: { d: string }) {
	return (
		<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
			<path d={d} />
		</svg>
	);
}
