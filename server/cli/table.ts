/** Tables for people: each column is as wide as its longest cell. */

export function tableOf(lines: readonly (readonly string[])[]): string {
	const widths = lines[0]?.map((_, column) => widestOf(lines, column)) ?? [];
	return lines
		.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
		.map((line) => line.trimEnd())
		.join('\n');
}

/** There may be more lines than a call has room for arguments. */
function widestOf(lines: readonly (readonly string[])[], column: number): number {
	return lines.reduce((widest, line) => Math.max(widest, widthOf(line, column)), 0);
}

/** The last cell of a line does not count, because no column follows it. */
function widthOf(line: readonly string[], column: number): number {
	return column === line.length - 1 ? 0 : (line[column]?.length ?? 0);
}
