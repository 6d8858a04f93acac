/** All ways in. */
import { CLIENT_KINDS } from './client.ts';
import { TRANSACTIONS } from './client-transactions.ts';
import { COMMANDS } from './commands.ts';
import { FEED } from './feed.ts';
import { FILES } from './files.ts';
import { FLAGS } from './flags.ts';
import { BODIES } from './http-bodies.ts';
import { CROWDS } from './http-crowds.ts';
import { FLOODS } from './http-floods.ts';
import { FRAMING } from './http-framing.ts';
import { HEADERS } from './http-headers.ts';
import { KEYS } from './http-keys.ts';
import { PARAMETERS } from './http-parameters.ts';
import { SMUGGLING } from './http-smuggling.ts';
import type { WayIn } from './kind.ts';
import { MESH } from './mesh.ts';

export const WAYS: readonly WayIn[] = [
	{
		name: 'http',
		kinds: [...FRAMING, ...SMUGGLING, ...HEADERS, ...KEYS, ...PARAMETERS, ...BODIES, ...CROWDS, ...FLOODS],
	},
	{ name: 'mesh', kinds: MESH },
	{ name: 'client', kinds: [...CLIENT_KINDS, ...TRANSACTIONS] },
	{ name: 'feed', kinds: FEED },
	{ name: 'files', kinds: FILES },
	{ name: 'flags', kinds: [...FLAGS, ...COMMANDS] },
];
