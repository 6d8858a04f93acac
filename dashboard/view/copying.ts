/** Copies a text. Browsers give pages of other machines no clipboard over plain HTTP, so there are two other ways. */
import { useSignal } from '@preact/signals';

const COPIED_SHOWN_MS = 1500;

/** @returns whether a text was copied just now, and what copies one */
export function useCopy(): readonly [isCopied: boolean, copy: (text: string) => Promise<void>] {
	const isCopied = useSignal(false);
	const copy = async (text: string) => {
		if (!(await hasCopied(text))) return void prompt('This browser does not let the page copy. Copy this text:', text);
		isCopied.value = true;
		setTimeout(() => {
			isCopied.value = false;
		}, COPIED_SHOWN_MS);
	};
	return [isCopied.value, copy];
}

async function hasCopied(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return copySelected(text);
	}
}

/** The way of before there was a clipboard for pages: what is selected is copied. */
function copySelected(text: string): boolean {
	const focused = document.activeElement;
	const field = document.createElement('textarea');
	field.value = text;
	field.className = 'sr';
	document.body.append(field);
	field.select();
	const isCopied = document.execCommand('copy');
	field.remove();
	if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
	return isCopied;
}
