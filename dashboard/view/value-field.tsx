/**
 * The field for a value. A browser takes up to a second to lay out a line of 512 KiB, and stands still meanwhile. So a long
 * text is held beside the field, which shows how it begins, and what is typed then takes its place.
 */
import type { Signal } from '@preact/signals';
import type { RefObject } from 'preact';

const LONG_CHARS = 4_096;

/** Whether it is held beside its field. */
export function isLong(text: string): boolean {
	return text.length > LONG_CHARS;
}

export function ValueField(props: {
	readonly value: Signal<string>;
	/** By which a label names it, and tests. */
	readonly id: string;
	readonly field?: RefObject<HTMLInputElement | null>;
}) {
	const { value, id, field } = props;
	const text = value.value;
	return (
		<input
			{...(field && { ref: field })}
			type="text"
			autocomplete="off"
			spellcheck={false}
			id={id}
			data-testid={id}
			title={isLong(text) ? 'The text is long. What you type takes its place.' : undefined}
			value={isLong(text) ? `${beginning(text)}…` : text}
			onBeforeInput={(event) => {
				const inserted = event.data ?? '';
				if (!isLong(text) && !isLong(inserted)) return;
				event.preventDefault();
				const { selectionStart, selectionEnd } = event.currentTarget;
				value.value = isLong(text)
					? inserted
					: text.slice(0, selectionStart ?? text.length) + inserted + text.slice(selectionEnd ?? text.length);
			}}
			onInput={(event) => {
				value.value = isLong(text) ? (event.data ?? '') : event.currentTarget.value;
			}}
		/>
	);
}

/** No pair of surrogates is cut. */
function beginning(text: string): string {
	return /^.{0,60}/su.exec(text)?.[0] ?? '';
}
