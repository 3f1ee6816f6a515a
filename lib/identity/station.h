/*
 * A station's statement: its name and public keys, signed by its own signing
 * key. An operator registers it with the authority; packs are sealed to the
 * sealing key in it.
 *
 * COSE_Sign1 by the signing key, typ STATION_TYP, kid the signing key's
 * thumbprint, over [version, name, sealing COSE_Key, signing COSE_Key,
 * created].
 */
#ifndef IMPRINT_IDENTITY_STATION_H
#define IMPRINT_IDENTITY_STATION_H

#include "lib/crypto/cose.h"

#define STATION_TYP		"application/imprint-station+cose"
#define STATION_VERSION		1
#define STATION_NAME_MAX	63	/* [a-z0-9][a-z0-9-]* */
#define STATION_STATEMENT_MAX	((size_t)4 << 10)

struct station_statement {
	char			name[STATION_NAME_MAX + 1];
	struct public_key	sealing;	/* X25519 or P-256 */
	struct public_key	signing;	/* P-256 */
	int64_t			created;
	uint8_t			kid[COSE_KID_SIZE]; /* thumbprint of sealing */
};

/* Is it a name? ERR_INVALID says what is allowed. */
MUST_USE enum err station_name_check(const char *name, struct diag *);
/* Sign with the signing key; statement->kid is not used. Appended to out. */
MUST_USE enum err station_statement_sign(const struct station_statement *,
    struct signer *, struct buf *out, struct diag *);
/* ERR_SYNTAX, ERR_VERSION, ERR_INVALID; ERR_AUTH when it is not signed by
 * the signing key in it. */
MUST_USE enum err station_statement_parse(struct bytes,
    struct station_statement *ret_statement, struct diag *);

#endif
