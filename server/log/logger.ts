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

/** A logger whose lines name the node, for several nodes that share one. */
export function ofNode(log: NodeLogger, node: string): NodeLogger {
	const method = (level: keyof NodeLogger): LogMethod => {
		return (...[first, text]: [string] | [object, string]) => {
			if (typeof first === 'string') log[level]({ node }, first);
			else log[level]({ node, ...first }, text as string);
		};
	};
	return {
		debug: method('debug'),
		info: method('info'),
		warn: method('warn'),
		error: method('error'),
		fatal: method('fatal'),
	};
}
