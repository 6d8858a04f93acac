/** A part of a panel that scrolls by itself, and so must be reachable by keyboard. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export function Scroller(props: {
	readonly class: string;
	readonly label: string;
	/** The newest content is at the right. It stays in view until a person scrolls away from it. */
	readonly newestRight?: boolean;
	readonly onReading?: (reading: boolean) => void;
	readonly children: ComponentChildren;
}) {
	const { label, newestRight, onReading, children } = props;
	const section = useRef<HTMLElement>(null);
	const away = useRef(false);
	useLayoutEffect(() => {
		const { current } = section;
		if (newestRight && current && !away.current) current.scrollLeft = current.scrollWidth;
	});
	return (
		<section
			ref={section}
			class={props.class}
			aria-label={label}
			// biome-ignore lint/a11y/noNoninteractiveTabindex: without it the arrow keys could not scroll it everywhere
			tabIndex={0}
			onScroll={({ currentTarget: { scrollLeft, clientWidth, scrollWidth } }) => {
				away.current = scrollLeft + clientWidth < scrollWidth - 1;
			}}
			onPointerEnter={() => onReading?.(true)}
			onPointerLeave={() => onReading?.(false)}
		>
			{children}
		</section>
	);
}
