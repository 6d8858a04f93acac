/** The checksum of `shared/disk/crc32.ts`, by zlib. */
import { crc32 } from 'node:zlib';
import type { Crc32 } from '../../shared/disk/crc32.ts';

/** zlib gives 0 for no bytes, whatever was before them. */
export const nativeCrc32: Crc32 = (bytes, start, end, seed) =>
	start < end ? crc32(bytes.subarray(start, end), seed) : seed;
