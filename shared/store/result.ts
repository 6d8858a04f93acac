/** The result of a command. */
export type Result =
	/** The command was applied now. `ok` is false where its condition did not hold. */
	| { readonly kind: 'applied'; readonly revision: number; readonly ok: boolean }
	/** The command was applied before, with this outcome. */
	| { readonly kind: 'duplicate'; readonly revision: number; readonly ok: boolean }
	/** The command was not applied now, and its earlier outcome, if there was one, is not kept any more. */
	| { readonly kind: 'forgotten' }
	/** The command was not applied: its client was never registered, or was evicted to make room. */
	| { readonly kind: 'unknownClient' };

export type OnResult = (client: string, sequence: number, result: Result) => void;

export const UNKNOWN_CLIENT: Result = { kind: 'unknownClient' };
export const FORGOTTEN: Result = { kind: 'forgotten' };
