/*
 * Error numbers: one name space for every library and program.
 *
 * An error means "could not do it" or "could not decide". What was decided
 * (revoked, denied, bad signature) is a verdict and never an error.
 * Numbers are explicit and never reused; 0 is success.
 */
#ifndef IMPRINT_BASE_ERR_H
#define IMPRINT_BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_NOMEM = 1,		/* out of memory */
	ERR_IO = 2,		/* the system refused a read, write or sync */
	ERR_NOSPACE = 3,	/* disk or quota full */
	ERR_EXISTS = 4,		/* there already, and not to be overwritten */
	ERR_NOTFOUND = 5,	/* no such file, row, index, name */
	ERR_PERMISSION = 6,	/* the system denies access */
	ERR_BUSY = 7,		/* another process holds the lock */
	ERR_SYNTAX = 8,		/* input is not well-formed */
	ERR_LIMIT = 9,		/* input or output beyond a stated limit */
	ERR_VERSION = 10,	/* made by a version this build does not read */
	ERR_CORRUPT = 11,	/* our own data fails its check */
	ERR_CRYPTO = 12,	/* the cryptographic library failed */
	ERR_AUTH = 13,		/* wrong passphrase, MAC or signature */
	ERR_INVALID = 14,	/* well-formed, but a value is not allowed */
	ERR_CONFLICT = 15,	/* same identifier, different content */
	ERR_STATE = 16,		/* not legal in the present state */
	ERR_INTERRUPTED = 17,	/* stopped on request, nothing lost */
	ERR_UNSUPPORTED = 18,	/* valid, but not offered by this build */
	ERR_CLOCK = 19,		/* the clock contradicts what is known */
	ERR_INTERNAL = 20	/* a defect in Imprint itself */
};

/* The result of a function marked so must be looked at. */
#define MUST_USE __attribute__((warn_unused_result))

/* A short name such as "corrupt"; never NULL. */
const char *err_name(enum err);

#endif
