/* What the files of the device library share. */
#ifndef IMPRINT_DEVICE_INTERNAL_H
#define IMPRINT_DEVICE_INTERNAL_H

#include "device/include/imprint/device.h"
#include "lib/base/bytes.h"
#include "lib/base/cbor.h"

static inline struct bytes
view(struct imprint_bytes b)
{
	return bytes_of(b.ptr, b.len);
}

static inline struct imprint_bytes
export(struct bytes b)
{
	struct imprint_bytes e;

	e.ptr = b.ptr;
	e.len = b.len;
	return e;
}

/*
 * The document of a package: COSE_Sign1 (RFC 9052 4.2) and its claims.
 * Verdict ACCEPT, or why not, with static text.
 */
enum imprint_device_verdict imprint_device_document_read(struct bytes,
    struct imprint_device_identity *, const char **ret_reason);

/* A row of the table of algorithms. */
struct algorithm {
	enum imprint_device_alg	 alg;
	const char		*name;
	bool			 signs;
	int			 kty, kind;	/* COSE; kind: crv, or alg */
	size_t			 x_len, y_len;
	size_t			 private_len;
	bool			 private_shorter;	/* or less than that */
	struct bytes		 identifier;	/* DER */
	struct bytes		 bits_head, bits_tail;	/* around x */
};

/* NULL when the number is none. */
const struct algorithm *imprint_device_algorithm(uint64_t alg);

/* A COSE_Key; false and the reader failed when it is none. */
bool	imprint_device_cose_key_read(struct cbor *,
	    struct imprint_device_public *);
/* The key that a certificate certifies, x empty when none can be found. That
 * it is strict DER is for the chain() of the crypto table to say. */
void	imprint_device_certificate_key(struct bytes der,
	    struct imprint_device_public *);

#endif
