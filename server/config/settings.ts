/** Single settings from the flags of the command line and the environment. A flag comes before its variable. */

/** The flags of the command line. */
export interface ConfigFlags {
	readonly config?: string | undefined;
	readonly basePort?: string | undefined;
	readonly dataDir?: string | undefined;
	/** Each is `ID=URL`. */
	readonly advertise?: readonly string[] | undefined;
	readonly allowHost?: readonly string[] | undefined;
	readonly tlsCa?: string | undefined;
	readonly tlsCert?: string | undefined;
	readonly tlsKey?: string | undefined;
	readonly tlsClients?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable. An empty one counts as not set. */
export function given(environment: Environment, name: string): string | undefined {
	return environment[name] === '' ? undefined : environment[name];
}

export interface Setting {
	/** The flag or variable that it came from. */
	readonly source: string;
	readonly value: string;
}

export function setting(
	flag: string | undefined,
	flagName: string,
	environment: Environment,
	name: string,
): Setting | null {
	if (flag !== undefined) return { source: flagName, value: flag };
	const value = given(environment, name);
	return value === undefined ? null : { source: name, value };
}

export interface ListSetting {
	readonly flag: string;
	/** The flag or variable that it came from. */
	readonly source: string;
	readonly values: readonly string[];
}

/** A flag is given once for each value; a variable holds all values, separated by commas. */
export function listSetting(
	flags: readonly string[] | undefined,
	flag: string,
	environment: Environment,
	name: string,
): ListSetting | null {
	if (flags !== undefined && flags.length > 0) return { flag, source: flag, values: flags };
	const value = given(environment, name);
	return value === undefined ? null : { flag, source: name, values: value.split(',').map((item) => item.trim()) };
}
