/**
 * By what this process shows nodes that it may ask them. A process runs one command, and so has one of each; every request
 * of a command passes here.
 */
import { consulToken, type Environment, tokenIn } from '../config.ts';

let token: string | null = null;

/** The token of the flag, or else that of the variables of Consul's clients. @throws ConfigError, which never tells it */
export function readToken(tokenFile: string | undefined, environment: Environment): void {
	token = tokenFile === undefined ? consulToken(environment) : tokenIn(tokenFile, '--token-file');
}

export function useToken(given: string | null): void {
	token = given;
}

/** null where nodes are asked without one. */
export function tokenShown(): string | null {
	return token;
}

export function tokenHeaders(): Readonly<Record<string, string>> {
	return token === null ? {} : { 'X-Consul-Token': token };
}
