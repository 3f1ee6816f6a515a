/*
 * Token Status List (draft-ietf-oauth-status-list) as a CWT: two bits for
 * each of up to 2^20 indices, compressed, in a COSE_Sign1 by a document
 * signer. An identity's document names list and place in it (claim 65535).
 *
 * The array: index i lies in octet i / 4, its low bit at 2 * (i mod 4), the
 * least significant bits first (draft, section 4.1).
 */
#ifndef IMPRINT_IDENTITY_STATUS_LIST_H
#define IMPRINT_IDENTITY_STATUS_LIST_H

#include "lib/crypto/cose.h"
#include "lib/identity/claims.h"

#define STATUS_LIST_TYP		"application/statuslist+cwt"
#define STATUS_LIST_COUNT	(UINT32_C(1) << STATUS_LIST_BITS)
#define STATUS_LIST_ARRAY_MAX	(STATUS_LIST_COUNT / 4)	/* octets */
/* One list, signed: what cannot be compressed grows by little. */
#define STATUS_LIST_SIZE_MAX	(STATUS_LIST_ARRAY_MAX + 8192)
#define STATUS_LIST_URI_MAX	512

/* Values of the two bits: the draft's status types, section 7.1. */
enum status {
	STATUS_VALID = 0,
	STATUS_INVALID = 1,		/* revoked, for ever */
	STATUS_SUSPENDED = 2,
	STATUS_APPLICATION = 3		/* reserved; never written */
};

static inline enum status
status_array_get(const uint8_t *array, uint32_t index)
{
	return (enum status)(array[index / 4] >> 2 * (index % 4) & 3);
}

static inline void
status_array_set(uint8_t *array, uint32_t index, enum status value)
{
	unsigned shift = 2 * (index % 4);

	array[index / 4] = (uint8_t)((array[index / 4] & ~(3U << shift)) |
	    (unsigned)value << shift);
}

/* Claims of a list besides the array. */
struct status_list_head {
	struct bytes	uri;		/* sub: as in the documents' claim */
	int64_t		issued;		/* iat */
	int64_t		expires;	/* exp; after issued */
	int64_t		ttl_s;		/* ttl, > 0: when to fetch again */
};

/*
 * The signed list of array, 1 to STATUS_LIST_ARRAY_MAX octets, appended to
 * out. ERR_INVALID (times, ttl, uri, size of array, a reserved value),
 * ERR_NOMEM, ERR_CRYPTO, ERR_LIMIT (out is full).
 */
MUST_USE enum err status_list_write(struct buf *out,
    const struct status_list_head *, struct bytes array, struct signer *,
    struct diag *);

/*
 * A list as a reader sees it; views point into the input. Whether the signer
 * is trusted, the signature good and the list of this time is for verify/ to
 * decide. Unknown claims are passed over.
 */
struct status_list {
	struct cose_sign1	message;
	struct bytes		uri;		/* sub */
	int64_t			issued;		/* iat */
	int64_t			expires;	/* exp; TIME_MAX_S: absent */
	int64_t			ttl_s;		/* 0: absent */
	struct bytes		lst;		/* compressed array */
};

/* Form and claims, lst not looked into. ERR_SYNTAX (typ and claims too),
 * ERR_LIMIT (size), ERR_UNSUPPORTED (not two bits each, algorithm). */
MUST_USE enum err status_list_parse(struct bytes,
    struct status_list *ret_list, struct diag *);
/*
 * The array, in memory that the caller frees with free(); index i is there
 * when i / 4 < ret_size. Never more than STATUS_LIST_ARRAY_MAX octets are
 * made. To be called when the signature has been found good. ERR_SYNTAX (no
 * ZLIB stream, or octets after it), ERR_LIMIT (more than that), ERR_NOMEM.
 */
MUST_USE enum err status_list_inflate(const struct status_list *,
    uint8_t **ret_array, size_t *ret_size, struct diag *);

#endif
