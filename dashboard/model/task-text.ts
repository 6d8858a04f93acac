/** The task of the nodes, in one sentence for people who know nothing of it. */

const COUNTS = ['Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'];
const DEAD = ['one', 'two', 'three', 'four'];

/** Such as `Five processes must agree on one value although any two may die.` */
export function taskText(nodes: number): string {
	const [count, dead] = [COUNTS[nodes - 3], DEAD[Math.ceil(nodes / 2) - 2]];
	if (count === undefined || dead === undefined) return 'Some processes must agree on one value.';
	return `${count} processes must agree on one value although any ${dead} may die.`;
}
