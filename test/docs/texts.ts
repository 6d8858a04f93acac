/**
 * The error texts in the sources of the server: those of errors for people, of warnings in the log, of refusals, and of
 * checks that fail. They are read from the syntax tree, so that none can be forgotten. What a text is filled with
 * stands as `…`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-5';

const server = fileURLToPath(new URL('../../server', import.meta.url));

/** Errors whose message reaches people as it is. Those of requests are in the documents of the HTTP API. */
const ERRORS: readonly string[] = [
	'BackupError',
	'CannotLockError',
	'CommandError',
	'ConfigError',
	'DownloadError',
	'FolderError',
	'JoinError',
	'JsonListError',
	'NewFileError',
	'UnknownWriteError',
];
/** Those of requests that a command prints as they are. */
const ERRORS_OF_REQUESTS_IN = 'api/guard.ts';

/** Functions that write to the log or to stderr, and the objects that have them. */
const WRITERS: Readonly<Record<string, readonly string[]>> = {
	log: ['fatal', 'error', 'warn'],
	options: ['malformed'],
	this: ['#refused', '#turnAway'],
	reports: ['failed'],
	'this.#log': ['fatal', 'error', 'warn'],
	'this.#options': ['complain', 'malformed', 'refused'],
	'this.#options.handlers': ['malformed'],
};

/** The fields of a refusal that say why: that of a request, beside its status, and that of a link, beside its code. */
const REASONS: readonly (readonly [beside: string, field: string])[] = [
	['status', 'why'],
	['code', 'text'],
];

export interface ErrorText {
	readonly text: string;
	/** Relative to `server`. */
	readonly file: string;
}

export function errorTexts(): ErrorText[] {
	const files = readdirSync(server, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
	return files.toSorted().flatMap((file) => {
		const source = ts.createSourceFile(file, readFileSync(`${server}/${file}`, 'utf8'), ts.ScriptTarget.Latest, true);
		const texts: ErrorText[] = [];
		const visit = (node: ts.Node): void => {
			for (const text of textsOf(node, source)) texts.push({ text, file });
			ts.forEachChild(node, visit);
		};
		visit(source);
		return texts;
	});
}

/** The texts that this very node says. */
function textsOf(node: ts.Node, source: ts.SourceFile): string[] {
	if (ts.isNewExpression(node) && isForPeople(node.expression.getText(source), source)) {
		return (node.arguments ?? []).flatMap((argument) => literals(argument, source)).filter(isSentence);
	}
	if (ts.isObjectLiteralExpression(node)) {
		const fieldOf = (name: string): ts.ObjectLiteralElementLike | undefined =>
			node.properties.find((property) => property.name?.getText(source) === name);
		return REASONS.flatMap(([beside, field]) => {
			const reason = fieldOf(field);
			if (!fieldOf(beside) || reason === undefined) return [];
			if (ts.isShorthandPropertyAssignment(reason)) return literals(reason.name, source);
			return ts.isPropertyAssignment(reason) ? literals(reason.initializer, source) : [];
		}).filter(isSentence);
	}
	if (ts.isCallExpression(node)) {
		if (!isWriter(node.expression, source)) return [];
		return node.arguments.flatMap((argument) => literals(argument, source)).filter(isSentence);
	}
	return [];
}

function isForPeople(error: string, { fileName }: ts.SourceFile): boolean {
	return ERRORS.includes(error) || (error === 'HttpError' && fileName === ERRORS_OF_REQUESTS_IN);
}

/** Whether it is one of WRITERS, or such a function by its own name. */
function isWriter(called: ts.Expression, source: ts.SourceFile): boolean {
	if (ts.isIdentifier(called)) return called.text === 'malformed';
	if (!ts.isPropertyAccessExpression(called)) return false;
	return WRITERS[called.expression.getText(source)]?.includes(called.name.text) === true;
}

/** A code such as `inUse` is none, and neither is what only joins the texts of others. */
function isSentence(text: string): boolean {
	return text.includes(' ') && /[a-z]{4}|[a-z]+ [a-z]+/i.test(text);
}

/** The texts that an expression may stand for: literals, sums, choices, fields, and constants and functions of the same file. */
function literals(node: ts.Expression, source: ts.SourceFile): string[] {
	if (ts.isParenthesizedExpression(node)) return literals(node.expression, source);
	if (ts.isConditionalExpression(node))
		return [node.whenTrue, node.whenFalse].flatMap((each) => literals(each, source));
	if (ts.isObjectLiteralExpression(node)) {
		return node.properties.filter(ts.isPropertyAssignment).flatMap(({ initializer }) => literals(initializer, source));
	}
	if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) return returned(node.expression.text, source);
	if (ts.isIdentifier(node)) {
		const found = declarationOf(node, source);
		return found?.initializer ? literals(found.initializer, source) : [];
	}
	const text = textOf(node);
	return text === null ? [] : [text.replaceAll(/…+/g, '…')];
}

function textOf(node: ts.Expression): string | null {
	if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
	if (ts.isTemplateExpression(node)) {
		return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
	}
	if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
		const [left, right] = [textOf(node.left), textOf(node.right)];
		return left === null && right === null ? null : `${left ?? '…'}${right ?? '…'}`;
	}
	return null;
}

/** The texts that a function of the same file may return. */
function returned(name: string, source: ts.SourceFile): string[] {
	const declared = source.statements.find((each) => ts.isFunctionDeclaration(each) && each.name?.text === name);
	const texts: string[] = [];
	const visit = (node: ts.Node): void => {
		if (ts.isReturnStatement(node) && node.expression) texts.push(...literals(node.expression, source));
		else ts.forEachChild(node, visit);
	};
	if (declared) visit(declared);
	return texts;
}

/** The constant of that name whose scope the use is in. */
function declarationOf(use: ts.Identifier, source: ts.SourceFile): ts.VariableDeclaration | undefined {
	let found: ts.VariableDeclaration | undefined;
	const visit = (node: ts.Node): void => {
		if (ts.isVariableDeclaration(node) && node.name.getText(source) === use.text && node.pos < use.pos) {
			const scope = node.parent.parent.parent;
			if (scope.pos <= use.pos && use.end <= scope.end) found = node;
		}
		ts.forEachChild(node, visit);
	};
	visit(source);
	return found;
}
