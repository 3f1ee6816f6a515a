/*
 * Certificates for the tests of this folder.
 */
#ifndef IMPRINT_X509_TEST_MAKE_H
#define IMPRINT_X509_TEST_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/x509/x509_read.h"

#define TIME_2026	INT64_C(1767225600)	/* 2026-01-01T00:00:00Z */
#define TIME_2046	INT64_C(2398377600)	/* 2046-01-01T00:00:00Z */

/* Whoever issues: a key, and the name and key id others see. */
struct authority {
	struct public_key	 key;
	struct signer		*signer;
	uint8_t			 key_id[KEY_ID_SIZE];
	struct buf		 name;		/* DER Name */
	struct buf		 der;		/* its certificate */
};

#define AUTHORITY_INIT { .name = BUF_INIT, .der = BUF_INIT }
#define _cleanup_authority_ __attribute__((cleanup(authority_release)))

static inline void
authority_release(struct authority *a)
{
	signer_free(&a->signer);
	buf_release(&a->name);
	buf_release(&a->der);
}

static inline void
key_make(enum key_alg alg, struct public_key *ret_key,
    struct signer **ret_signer)
{
	_cleanup_keygen_ struct keygen *keygen = NULL;
	uint8_t private[KEY_PRIVATE_MAX];
	size_t len = 0;

	assert_int_equal(keygen_new(alg, &keygen, NULL), ERR_OK);
	assert_int_equal(keygen_run(keygen, ret_key, private, &len),
	    ERR_OK);
	if (ret_signer != NULL)
		assert_int_equal(signer_new(alg, bytes_of(private, len),
		    ret_signer, NULL), ERR_OK);
}

/* What a certificate is filled with; the texts may be changed. */
struct filling {
	struct public_key	key;
	uint8_t			key_id[KEY_ID_SIZE];
	struct buf		validity;
	struct bytes		fields[CERT_FIELDS];
};

#define _cleanup_filling_ __attribute__((cleanup(filling_release)))

static inline void
filling_release(struct filling *f)
{
	buf_release(&f->validity);
}

static inline void
filling_times(struct filling *f, int64_t from, int64_t to)
{
	buf_clear(&f->validity);
	assert_int_equal(certificate_put_validity(&f->validity, from, to),
	    ERR_OK);
	f->fields[CERT_FIELD_VALIDITY] = buf_bytes(&f->validity);
}

static inline void
filling_make(struct filling *f, const struct public_key *key)
{
	static const uint8_t serial[] = { 0x01, 0x02, 0x03, 0x04 };
	_cleanup_sha256_ struct sha256 *sha256 = NULL;

	*f = (struct filling){ .key = *key, .validity = BUF_INIT };
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, key, f->key_id), ERR_OK);
	f->fields[CERT_FIELD_SERIAL] = bytes_of(serial, sizeof(serial));
	f->fields[CERT_FIELD_COMMON_NAME] =
	    bytes_text("0100112233445566778899aabbccddeeff");
	f->fields[CERT_FIELD_SERIAL_NUMBER] = bytes_text("CAM-000017");
	f->fields[CERT_FIELD_PUBLIC_KEY] = bytes_of(f->key.raw, f->key.len);
	f->fields[CERT_FIELD_KEY_ID] = bytes_of(f->key_id, KEY_ID_SIZE);
	f->fields[CERT_FIELD_PARTITION] = bytes_text("0000002a");
	filling_times(f, TIME_2026, TIME_2046);
}

/* One certificate, out holding it alone. */
static inline void
certificate_make(const struct certificate_profile *p,
    const struct filling *f, struct signer *signer, struct buf *out)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_form_ struct form *form = NULL;
	_cleanup_buf_ struct buf tbs = BUF_INIT;
	uint8_t sig[SIGNATURE_SIZE];
	struct diag diag = DIAG_INIT;

	if (certificate_form(p, &form, &diag) != ERR_OK)
		fail_msg("%s", diag.what);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	buf_clear(out);
	assert_int_equal(certificate_sign(form, f->fields, signer, sha256,
	    &tbs, out, sig), ERR_OK);
}

static inline struct certificate_profile
ca_profile(const struct authority *issuer, const char *name, int path_len)
{
	return (struct certificate_profile){
		.issuer_name = buf_bytes(&issuer->name),
		.issuer_key_id = bytes_of(issuer->key_id, KEY_ID_SIZE),
		.organization = "Example Imaging", .common_name = name,
		.subject_alg = KEY_P256, .ca = true, .path_len = path_len,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN, .with_ski = true,
	};
}

static inline struct certificate_profile
device_profile(const struct authority *issuer)
{
	return (struct certificate_profile){
		.issuer_name = buf_bytes(&issuer->name),
		.issuer_key_id = bytes_of(issuer->key_id, KEY_ID_SIZE),
		.organization = "Example Imaging", .with_serial_number = true,
		.subject_alg = KEY_P256, .path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.extended_key_usage = EKU_CLIENT_AUTH, .with_ski = true,
		.crl_prefix = "http://crl.example/camera/",
		.crl_partitioned = true, .crl_suffix = ".crl",
		.ocsp_url = "http://ocsp.example/",
		.ca_issuers_url = "http://ca.example/bulk.cer",
	};
}

/* DER Name of an authority that has no certificate yet: O, CN. */
static inline void
root_name(struct buf *out, const char *name)
{
	static const uint8_t o[] = { 0x31, 24, 0x30, 22, 6, 3, 0x55, 4, 10,
		0x0c, 15 };
	const size_t len = strlen(name);
	const uint8_t cn[] = { 0x31, (uint8_t)(len + 9), 0x30,
		(uint8_t)(len + 7), 6, 3, 0x55, 4, 3, 0x0c, (uint8_t)len };

	buf_put_u8(out, 0x30);
	buf_put_u8(out, (uint8_t)(sizeof(o) + 15 + sizeof(cn) + len));
	buf_put(out, o, sizeof(o));
	buf_put_bytes(out, bytes_text("Example Imaging"));
	buf_put(out, cn, sizeof(cn));
	buf_put_bytes(out, bytes_text(name));
}

/* issuer NULL: a root. a is AUTHORITY_INIT. */
static inline void
authority_make(struct authority *a, const char *name, int path_len,
    const struct authority *issuer)
{
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	struct certificate_profile p;

	key_make(KEY_P256, &a->key, &a->signer);
	filling_make(&f, &a->key);
	memcpy(a->key_id, f.key_id, KEY_ID_SIZE);
	root_name(&a->name, name);
	p = ca_profile(issuer != NULL ? issuer : a, name, path_len);
	certificate_make(&p, &f, issuer != NULL ? issuer->signer : a->signer,
	    &a->der);
}

#endif
