/** An error in `swarm.json`, the environment or the flags. The message lists all that has to change. */
export class ConfigError extends Error {
	override readonly name = 'ConfigError';
}
