/** The numbers that the writer and the reader of batches share. What is chosen is kept: only ever add. */

/** One below the largest: on the wire a condition is one more than its revision. */
export const CAS_MAX = Number.MAX_SAFE_INTEGER - 1;
export const FLAGS_MAX = 2n ** 64n - 1n;
export const CLIENT_CHARS_MAX = 64;

/** Where a batch has what, in bytes from its beginning. */
export const TIME_AT = 4;
export const COUNT_AT = 10;
export const CLIENT_AT = 14;

/** The low half of a command's first byte. */
export const KIND_PUT = 0;
export const KIND_DELETE = 1;
export const KIND_DELETE_PREFIX = 2;
export const KIND_REGISTER_CLIENT = 3;
export const KIND_MASK = 0x0f;
/** Flags follow, as two u32: the high half, then the low one. Left out where they are 0. */
export const HAS_FLAGS = 0x10;
/** A condition follows. Left out where there is none. */
export const HAS_CAS = 0x20;

export const U48 = 2 ** 48;
export const U32 = 2 ** 32;
