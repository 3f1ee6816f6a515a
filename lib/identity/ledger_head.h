/*
 * Where a station's ledger stands, told outside of its disk.
 *
 * Head: COSE_Sign1 by the station's signing key, typ HEAD_TYP, kid its
 * thumbprint, over [version, name, ledger, [entries, hash], [entries, hash] /
 * null, time]: where it stands, and what the authority acknowledged of it
 * last, as far as the station knows. ledger: the id in its header.
 *
 * Acknowledgement: COSE_Sign1 by a document signer of the authority, typ
 * ACKNOWLEDGED_TYP, kid its thumbprint, over [version, thumbprint of the
 * station's signing key, ledger, [entries, hash], time]. Every later state of
 * the ledger has that hash at that entry; one that has not was put back.
 *
 * Anchored: what a report says of the anchor of its ledger (the value of
 * enum report_anchor's kinds): [entries, number, place, acknowledgement],
 * empty when there is none.
 */
#ifndef IMPRINT_IDENTITY_LEDGER_HEAD_H
#define IMPRINT_IDENTITY_LEDGER_HEAD_H

#include "lib/identity/report.h"
#include "lib/identity/station.h"

#define HEAD_TYP		"application/imprint-ledger-head+cose"
#define ACKNOWLEDGED_TYP	"application/imprint-acknowledgement+cose"
#define HEAD_VERSION		1
#define HEAD_MAX		((size_t)1024)	/* octets of a head */
#define ACKNOWLEDGED_MAX	((size_t)512)
#define ANCHORED_PLACE_MAX	127

/* The first so many entries of a ledger, and the last one's hash. */
struct ledger_point {
	uint64_t	entries;		/* 0: none */
	uint8_t		hash[SHA256_SIZE];
};

struct ledger_head {
	char		name[STATION_NAME_MAX + 1];
	uint8_t		ledger[SHA256_SIZE];
	struct ledger_point at;			/* from 1 */
	struct ledger_point acknowledged;	/* before at, or none */
	int64_t		time;
};

struct acknowledged {
	uint8_t		signing[COSE_KID_SIZE];
	uint8_t		ledger[SHA256_SIZE];
	struct ledger_point at;
	int64_t		time;
};

/* Appended to out. ERR_INVALID: what a reader would refuse. */
MUST_USE enum err ledger_head_sign(const struct ledger_head *,
    struct signer *, struct buf *out, struct diag *);
/* Whose it says that it is, nothing checked, so that the key can be found.
 * ERR_SYNTAX, ERR_VERSION. */
MUST_USE enum err ledger_head_peek(struct bytes,
    struct ledger_head *ret_head, struct diag *);
/* And ERR_AUTH: not signed by this key. */
MUST_USE enum err ledger_head_parse(struct bytes,
    const struct public_key *signing, struct ledger_head *ret_head,
    struct diag *);

MUST_USE enum err acknowledged_sign(const struct acknowledged *,
    struct signer *, struct buf *out, struct diag *);
/* Signed by one of count signers. ERR_SYNTAX, ERR_VERSION, ERR_AUTH. */
MUST_USE enum err acknowledged_parse(struct bytes,
    const struct public_key *signers, size_t count,
    struct acknowledged *ret_acknowledged, struct diag *);

struct anchored {
	uint64_t	entries;	/* that the anchor holds; 0: none but
					 * those acknowledged */
	uint64_t	number;		/* of a counter, or how often */
	char		place[ANCHORED_PLACE_MAX + 1];
	struct bytes	acknowledged;	/* view; empty: none */
};
void	anchored_put(struct buf *, const struct anchored *);
/* false: not one. */
MUST_USE bool anchored_get(struct bytes, struct anchored *ret_anchored);

#endif
