/** Colors, where they are wanted. @source no-color.org */
import type { Environment } from '../config/settings.ts';
import { canDraw } from './progress-bar.ts';
import type { Terminal } from './terminal.ts';

export interface Style {
	green(text: string): string;
	red(text: string): string;
}

const PLAIN: Style = { green: (text) => text, red: (text) => text };
const COLORED: Style = { green: (text) => `\x1b[32m${text}\x1b[39m`, red: (text) => `\x1b[31m${text}\x1b[39m` };

/** Plain where the output is no terminal, or NO_COLOR is set and not empty. */
export function styleOf({ isTTY }: Terminal['stdout'], environment: Environment): Style {
	const { NO_COLOR = '' } = environment;
	return canDraw(isTTY, environment) && NO_COLOR === '' ? COLORED : PLAIN;
}
