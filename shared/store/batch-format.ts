/**
 * The numbers that the writer and the reader of batches share. Batches that were chosen stay in the log, so these
 * numbers must not change; new ones may be added.
 */

/** The largest revision that a condition may name. It must not change, because every node must judge a batch alike. */
export const CAS_MAX = Number.MAX_SAFE_INTEGER - 1;
export const FLAGS_MAX = 2n ** 64n - 1n;
export const CLIENT_CHARS_MAX = 64;

/** Offsets of the fields of a batch, in bytes from its beginning. The length of what follows it is in front. */
export const COUNT_AT = 4;
export const CLIENT_AT = 8;

/** Beside the number of commands: the batch is a transaction, of which all commands have their effect, or none has. */
export const IS_TRANSACTION = 0x8000_0000;

/** Each command of a transaction costs a lookup among the effects of those before it. */
export const TRANSACTION_COMMANDS_MAX = 64;

/** The low half of a command's first byte. */
export const KIND_PUT = 0;
export const KIND_DELETE = 1;
export const KIND_DELETE_PREFIX = 2;
export const KIND_REGISTER_CLIENT = 3;
export const KIND_CHECK = 4;
export const KIND_READ = 5;
export const KIND_READ_TREE = 6;
export const KIND_CREATE_SESSION = 7;
export const KIND_RENEW_SESSION = 8;
export const KIND_END_SESSION = 9;
export const KIND_ACQUIRE = 10;
export const KIND_RELEASE = 11;
export const KIND_CHECK_SESSION = 12;
export const KIND_TICK = 13;
export const KIND_COMMAND = 14;
export const KIND_MASK = 0x0f;
/** Flags follow, as two u32, the high half first. Flags of 0 are left out. */
export const HAS_FLAGS = 0x10;
/** A condition follows. */
export const HAS_CAS = 0x20;
