/** A part of a panel that scrolls by itself, and so must be reachable by keyboard. */
import type { ComponentChildren } from 'preact';

export function Scroller(props: {
	readonly class: string;
	readonly label: string;
	/** The newest content is at the right. It stays in view until a person scrolls away from it. */
	readonly newestRight?: boolean;
	readonly onReading?: (reading: boolean) => void;
	readonly children: ComponentChildren;
}) {
	const { label, newestRight = false, onReading, children } = props;
	return (
		<section
			class={newestRight ? `${props.class} newest-right` : props.class}
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
