/* Certification requests with any attributes, for tests alone. */
#ifndef IMPRINT_X509_TEST_CSR_MAKE_H
#define IMPRINT_X509_TEST_CSR_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/key.h"
#include "lib/x509/der.h"

/* Content octets of object identifiers. */
static const uint8_t oid_ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x04, 0x03, 0x02 };
static const uint8_t oid_ecdsa_sha1[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x04, 0x01 };
static const uint8_t oid_challenge[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
	0x01, 0x09, 0x07 };
static const uint8_t oid_alt_algorithm[] = { 0x55, 0x1d, 0x49 };
static const uint8_t oid_alt_value[] = { 0x55, 0x1d, 0x4a };
#define OID_OF(octets)	bytes_of(octets, sizeof(octets))

static inline void
csr_put_algorithm(struct buf *b, struct bytes oid)
{
	size_t start = b->len;

	der_put_oid(b, oid);
	der_wrap(b, DER_SEQUENCE, start);
}

/* SEQUENCE { type, SET { value } }; value: encoded. */
static inline void
csr_put_attribute(struct buf *b, struct bytes type, struct bytes value)
{
	size_t start = b->len;

	der_put_oid(b, type);
	der_put(b, DER_SET, value);
	der_wrap(b, DER_SEQUENCE, start);
}

/* RFC 2986 4.1: version, no subject, key, attributes as encoded. */
static inline void
csr_put_info(struct buf *b, const struct public_key *key,
    struct bytes attributes)
{
	size_t start = b->len;

	der_put_uint(b, 0);
	der_put(b, DER_SEQUENCE, BYTES_NONE);
	public_key_put_spki(b, key);
	der_put(b, DER_CONTEXT_CONSTRUCTED(0), attributes);
	der_wrap(b, DER_SEQUENCE, start);
}

/* ECDSA-Sig-Value in a BIT STRING; by: P-256. */
static inline void
csr_put_signature(struct buf *b, struct signer *by, struct bytes over)
{
	uint8_t raw[SIGNATURE_SIZE], der[ECDSA_DER_MAX];

	assert_int_equal(signer_sign(by, over, raw), ERR_OK);
	der_put_bit_string(b, bytes_of(der, ecdsa_to_der(raw, der)));
}

/* out: the request alone. */
static inline void
csr_make_with(const struct public_key *key, struct signer *by,
    struct bytes attributes, struct buf *out)
{
	_cleanup_buf_ struct buf info = BUF_INIT;

	csr_put_info(&info, key, attributes);
	buf_clear(out);
	buf_put_bytes(out, buf_bytes(&info));
	csr_put_algorithm(out, OID_OF(oid_ecdsa_sha256));
	csr_put_signature(out, by, buf_bytes(&info));
	der_wrap(out, DER_SEQUENCE, 0);
	assert_int_equal(buf_err(out), ERR_OK);
}

/* The attributes of a second signature, by old, after those there are. */
static inline void
csr_put_countersignature(struct buf *attributes, const struct public_key *key,
    struct signer *old, struct bytes algorithm)
{
	_cleanup_buf_ struct buf info = BUF_INIT, value = BUF_INIT;

	csr_put_algorithm(&value, algorithm);
	csr_put_attribute(attributes, OID_OF(oid_alt_algorithm),
	    buf_bytes(&value));
	csr_put_info(&info, key, buf_bytes(attributes));
	buf_clear(&value);
	csr_put_signature(&value, old, buf_bytes(&info));
	csr_put_attribute(attributes, OID_OF(oid_alt_value),
	    buf_bytes(&value));
}

static inline void
csr_make_countersigned(const struct public_key *key, struct signer *by,
    struct signer *old, struct buf *out)
{
	_cleanup_buf_ struct buf attributes = BUF_INIT;

	csr_put_countersignature(&attributes, key, old,
	    OID_OF(oid_ecdsa_sha256));
	csr_make_with(key, by, buf_bytes(&attributes), out);
}

#endif
