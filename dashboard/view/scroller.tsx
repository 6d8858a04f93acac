/** A part of a panel that scrolls by itself, and so must be reachable by keyboard. */
import type { ComponentChildren } from 'preact';

export function Scroller(props: {
	readonly class: string;
	readonly label: string;
	readonly onReading?: (reading: boolean) => void;
	readonly children: ComponentChildren;
}) {
	const { label, onReading, children } = props;
	return (
		<section
			class={props.class}
			aria-label={label}
			// biome-ignore lint/a11y/noNoninteractiveTabindex: without it the arrow keys could not scroll it everywhere
			tabIndex={0}
			onPointerEnter={() => onReading?.(true)}
			onPointerLeave={() => onReading?.(false)}
		>
			{children}
		</section>
	);
}
