/** A short table of the time that `npm test` takes: the projects that matter, and the slowest files of all. */

/** @typedef {{ project: string, file: string, seconds: number }} Part a file of a project; '' for the whole project */

const FILES_MAX = 12;
/** A project that takes a smaller share than this has no row. */
const SHARE_MIN = 0.01;

/**
 * @param {readonly Part[]} parts
 * @returns {string}
 */
export function slowestParts(parts) {
	const sorted = [...parts].sort((a, b) => b.seconds - a.seconds);
	const slowFiles = sorted.filter(({ file }) => file !== '').slice(0, FILES_MAX);
	const names = new Set(sorted.map(({ project }) => project));
	const total = sum(parts);
	const projects = [...names]
		.map((project) => ({ name: project, seconds: sum(parts.filter((part) => part.project === project)) }))
		.filter(({ seconds }) => seconds >= SHARE_MIN * total)
		.sort((a, b) => b.seconds - a.seconds);
	const rows = projects.flatMap((project) => [
		project,
		...slowFiles
			.filter((part) => part.project === project.name)
			.map(({ file, seconds }) => ({ name: `  ${file}`, seconds })),
	]);
	const title = 'Slowest parts';
	const width = Math.max(title.length, ...rows.map(({ name }) => name.length));
	const lines = rows.map(({ name, seconds }) => {
		const percent = `${Math.round((100 * seconds) / total)} %`;
		return `${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)}  ${percent.padStart(5)}`;
	});
	return [`${title.padEnd(width)}  seconds  share`, ...lines].join('\n');
}

/** @param {readonly Part[]} parts */
function sum(parts) {
	return parts.reduce((total, { seconds }) => total + seconds, 0);
}
