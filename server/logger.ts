/** What a node needs of a logger, which its program gives it. That of pino is one. */
export interface NodeLogger {
	readonly debug: LogMethod;
	readonly info: LogMethod;
	readonly warn: LogMethod;
	readonly error: LogMethod;
	/** The node cannot go on. */
	readonly fatal: LogMethod;
}

/** Takes a sentence, or fields and a sentence. An error is in the field `err`. */
export interface LogMethod {
	(text: string): void;
	(fields: object, text: string): void;
}

const nothing: LogMethod = () => undefined;

/** Logs nothing. */
export const SILENT: NodeLogger = { debug: nothing, info: nothing, warn: nothing, error: nothing, fatal: nothing };
