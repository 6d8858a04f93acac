/** The table of formats says what the code has. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PROTOCOL } from '../../server/mesh/handshake.ts';
import { PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from '../../shared/client/protocol.ts';
import { SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { newLogFiles } from '../../shared/disk/manifest.ts';
import { STATE_FORMAT } from '../../shared/store/cut-format.ts';
import { TRACE_FORMAT } from '../../shared/trace-file.ts';

const fileOf = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const rows = [...fileOf('server/COMPATIBILITY.md').matchAll(/^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$/gm)];
const written = (what: string): string | undefined => rows.find(([, first]) => first?.startsWith(what))?.[2];

/** Behind the head of its first chunk, a snapshot begins with "pxs" and its format. */
const SNAPSHOT_FORMAT_AT = 11;

test('formats', () => {
	const [manifest] = newLogFiles('owner', SEGMENT_BYTES_DEFAULT);
	const { format } = JSON.parse(fileOf('test/process/frozen/0.1/format.json')) as { readonly format: number };
	expect(manifest?.name).toBe('manifest');
	expect(written('the data folder')).toBe(`${format}; ${manifest?.bytes[3]}`);
	expect(written('a snapshot in the folder')).toBe(
		`${readFileSync(new URL('../process/frozen/0.1/000000000009.snapshot', import.meta.url))[SNAPSHOT_FORMAT_AT]}; ${STATE_FORMAT}`,
	);
	expect(written('the mesh')).toBe(
		PROTOCOL.min === PROTOCOL.max ? `${PROTOCOL.max}` : `${PROTOCOL.min} to ${PROTOCOL.max}`,
	);
	expect(written('the WebSocket of clients')).toBe(`${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`);
	expect(written('a saved trace')).toBe(TRACE_FORMAT.split(' ').at(-1));
});
