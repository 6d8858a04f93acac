/** The types of a package that has none. */
declare module 'parse-prometheus-text-format' {
	interface Family {
		readonly name: string;
		/** In capital letters. */
		readonly type: string;
		readonly help: string;
		readonly metrics: readonly unknown[];
	}
	// biome-ignore lint/style/noDefaultExport: this is what the package exports
	export default function parse(text: string): Family[];
}
