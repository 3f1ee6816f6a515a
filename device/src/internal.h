/* What the files of the device library share. */
#ifndef IMPRINT_DEVICE_INTERNAL_H
#define IMPRINT_DEVICE_INTERNAL_H

#include "device/include/imprint/device.h"
#include "device/src/der.h"
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
 * Begin to read a package of either kind: magic and version before the number
 * of elements is judged, for another version may have more. Returns that
 * number; c fails with not_one when the magic is another.
 */
size_t	imprint_device_head_read(struct cbor *, struct imprint_bytes,
	    const char *magic, const char *not_one, uint64_t *ret_version);

/*
 * The document of a package: COSE_Sign1 (RFC 9052 4.2) and its claims, or
 * claims and their receipt (RFC 9942 5.2).
 * Verdict ACCEPT, or why not, with static text.
 */
enum imprint_device_verdict imprint_device_document_read(struct bytes,
    struct imprint_device_identity *, const char **ret_reason);

/* What a receipt's protected header says of its chunk. */
#define RECEIPT_TYP	"application/imprint-receipt+cose"
#define RECEIPT_CHUNK	(-66020)
void	imprint_device_receipt_chunk(struct cbor *,
	    struct imprint_device_receipt *);
/* The unprotected header: one inclusion proof and nothing else. */
struct bytes imprint_device_receipt_proof(struct cbor *);
/* That proof, once the chunk is known: static text when it does not fit, or
 * NULL. */
const char *imprint_device_receipt_path(struct bytes proof,
	    struct imprint_device_receipt *);
/* The status claim: sets fits. */
void	imprint_device_receipt_status(struct cbor *,
	    struct imprint_device_receipt *);
/* The root that claims and path lead to. Not 0: the library failed. */
int	imprint_device_receipt_root(const struct imprint_device_crypto *,
	    const struct imprint_device_identity *,
	    uint8_t ret_root[IMPRINT_DEVICE_HASH_SIZE]);

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
/* SubjectPublicKeyInfo (RFC 5280 4.1.2.7); key is untouched on failure. */
void	imprint_device_key_info_read(struct der *,
	    struct imprint_device_public *);

/* ES256 over the parts by a P-256 key. This and the next two: not 0: the
 * library failed. */
int	imprint_device_p256_verify(const struct imprint_device_crypto *,
	    const struct imprint_device_public *,
	    const struct imprint_bytes *parts, size_t count,
	    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE],
	    bool *ret_good);
/* The COSE_Key of a P-256 or X25519 key, deterministic and without alg. */
#define COSE_KEY_PARTS	4
void	imprint_device_cose_key_parts(const struct imprint_device_public *,
	    struct imprint_bytes ret_parts[COSE_KEY_PARTS]);
/* SHA-256 of it (RFC 9679 4). */
int	imprint_device_thumbprint(const struct imprint_device_crypto *,
	    const struct imprint_device_public *,
	    uint8_t ret_kid[IMPRINT_DEVICE_HASH_SIZE]);
/* What a COSE_Sign1 without external data signs (RFC 9052 4.4); heads is
 * room that the parts point into. */
#define SIGN1_PARTS	6
#define CBOR_HEAD_MAX	9
void	imprint_device_sign1_parts(struct imprint_bytes protected_header,
	    struct imprint_bytes payload, uint8_t heads[2][CBOR_HEAD_MAX],
	    struct imprint_bytes ret_parts[SIGN1_PARTS]);
/* The head of an item (RFC 8949 3) of a major type, shortest; its length. */
size_t	imprint_device_cbor_head(uint8_t head[CBOR_HEAD_MAX], unsigned major,
	    uint64_t value);
/* Nobody reads it any more, and no compiler leaves it out for that. */
void	imprint_device_wipe(void *, size_t len);
/* Its signature. */
int	imprint_device_sign1_verify(const struct imprint_device_crypto *,
	    const struct imprint_device_public *,
	    struct imprint_bytes protected_header,
	    struct imprint_bytes payload,
	    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE],
	    bool *ret_good);

#endif
