/** What was durable is not there as it was written. The node must not start as if it had never been. */
export class CorruptLogError extends Error {
	override readonly name = 'CorruptLogError';
	readonly file: string;
	/** In bytes from the start of the file. */
	readonly offset: number;
	/** What is wrong there: a sentence without its full stop. */
	readonly reason: string;

	constructor(reason: string, at: { readonly file: string; readonly offset: number; readonly cause?: unknown }) {
		super(`the log is corrupt in ${at.file} at byte ${at.offset}: ${reason}`, { cause: at.cause });
		this.file = at.file;
		this.offset = at.offset;
		this.reason = reason;
	}
}
