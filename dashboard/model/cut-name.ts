/**
 * A long name of a node where there is little room: its beginning and its end, because names of one swarm often begin
 * alike.
 */
export function cutName(name: string, charsMax: number): string {
	if (name.length <= charsMax) return name;
	const end = Math.floor((charsMax - 1) / 2);
	return `${name.slice(0, charsMax - 1 - end)}…${name.slice(-end)}`;
}
