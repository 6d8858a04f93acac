/**
 * The field for a value. A browser takes up to a second to lay out a line of 512 KiB, and stands still meanwhile. So a long
 * text is held beside the field, which shows how it begins. It can be removed, and what is typed takes its place.
 */
import type { Signal } from '@preact/signals';
import type { ComponentChildren, RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import { beginning } from '../model/beginning.ts';

const LONG_CHARS = 4_096;
const SHOWN_CHARS = 60;

function isLong(text: string): boolean {
	return text.length > LONG_CHARS;
}

export function ValueField(props: {
	readonly value: Signal<string>;
	/** By which tests find it. */
	readonly id: string;
	readonly field?: RefObject<HTMLInputElement | null>;
	/** The label. */
	readonly children: ComponentChildren;
}) {
	const { value, id, children } = props;
	const own = useRef<HTMLInputElement>(null);
	const field = props.field ?? own;
	const text = value.value;
	return (
		<div class="field">
			<label for={id}>{children}</label>
			<div class="value-field">
				<input
					ref={field}
					type="text"
					dir="auto"
					autocomplete="off"
					spellcheck={false}
					id={id}
					data-testid={id}
					aria-describedby={isLong(text) ? `${id}-long` : undefined}
					value={isLong(text) ? beginning(text, SHOWN_CHARS) : text}
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
				{isLong(text) && (
					<button
						type="button"
						class="quiet small"
						data-testid={`${id}-remove`}
						onClick={() => {
							value.value = '';
							field.current?.focus();
						}}
					>
						Remove
					</button>
				)}
			</div>
			{isLong(text) && (
				<small class="muted" id={`${id}-long`}>
					This is how a long text begins. What you type takes its place.
				</small>
			)}
		</div>
	);
}
