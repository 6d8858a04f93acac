/**
 * `machine.json` in a node's folder: which state machine has written the log there. Without the file it is the key-value
 * store. The log of one machine means nothing to another one, so a node refuses it before it does anything.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { type MachineLabel, machineFault } from '../../shared/store/own-machine.ts';
import { FolderError } from './errors.ts';
import { syncFolder } from './files.ts';
import { notReadable } from './refusals.ts';

const FILE = 'machine.json';

export const KEY_VALUE_LABEL: MachineLabel = { name: 'key-value', version: 1 };

const labelSchema = z.object({ name: z.string().min(1), version: z.int().min(1) });

/** @param folder that of the node @throws FolderError where another machine or a newer version has written there */
export function refuseOtherMachine(folder: string, running: MachineLabel): void {
	const written = labelIn(folder);
	// A machine of the user's own writes its label before anything else, so a log without one is known to be of keys later.
	if (written === null && running.name !== KEY_VALUE_LABEL.name) return;
	refuse(folder, written ?? KEY_VALUE_LABEL, running);
}

/**
 * Notes, durably, that this machine writes there from now on.
 *
 * @param isNew whether the node has never written anything
 * @throws FolderError where the log without a label is that of keys
 */
export function noteMachine(folder: string, running: MachineLabel, isNew: boolean): void {
	const written = labelIn(folder);
	if (written?.name === running.name && written.version === running.version) return;
	if (written === null && running.name === KEY_VALUE_LABEL.name) return;
	if (written === null && !isNew) refuse(folder, KEY_VALUE_LABEL, running);
	const path = join(folder, FILE);
	const { name, version } = running;
	const fd = fs.openSync(`${path}.new`, 'w');
	try {
		fs.writeFileSync(fd, `${JSON.stringify({ name, version })}\n`);
		fs.fsyncSync(fd);
	} finally {
		fs.closeSync(fd);
	}
	fs.renameSync(`${path}.new`, path);
	syncFolder(folder);
}

/** What was written there is erased, so any machine may write there. */
export function removeLabel(folder: string): void {
	fs.rmSync(join(folder, FILE), { force: true });
	fs.rmSync(join(folder, `${FILE}.new`), { force: true });
}

function refuse(folder: string, written: MachineLabel, running: MachineLabel): void {
	const fault = machineFault(written, running);
	if (fault === null) return;
	throw new FolderError('otherMachine', `${folder} cannot be used: ${fault}`);
}

/** null where there is none. */
function labelIn(folder: string): MachineLabel | null {
	const path = join(folder, FILE);
	let text: string;
	try {
		text = fs.readFileSync(path, 'utf8');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
		throw notReadable(path, error as Error);
	}
	try {
		return labelSchema.parse(JSON.parse(text));
	} catch (cause) {
		throw new FolderError('unreadable', `${path} is damaged: it does not say which state machine has written there`, {
			cause,
		});
	}
}
