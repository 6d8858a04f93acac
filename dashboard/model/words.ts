/** The name of a kind or of a field as words for people: `promiseCounted` is “promise counted”. */
export function words(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
