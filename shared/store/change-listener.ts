/** How a store tells what changes, to someone who waits for it. The listener must not use the store meanwhile. */
export interface ChangeListener {
	/** The key was written or deleted. A write that changes nothing is not told. */
	changed(key: string): void;
	/** Keys that begin with `prefix` were deleted, all of them. */
	cut(prefix: string): void;
}
