/*
 * A manufacturer of devices for the tests of enrolment: its CA, and the
 * certificates that its devices come with.
 */
#ifndef IMPRINT_AUTHORITY_TEST_ENROL_CA_H
#define IMPRINT_AUTHORITY_TEST_ENROL_CA_H

#include "lib/authority/test_enrol.h"

#include "lib/authority/chip_maker.h"
#include "lib/x509/certificate.h"

#define QUOTA	3

/* The manufacturer's CA. */
struct ca {
	struct public_key	 key;
	struct signer		*signer;
	struct buf		 name, cert;
};
#define CA_INIT { .name = BUF_INIT, .cert = BUF_INIT }

static inline void
ca_release(struct ca *ca)
{
	signer_free(&ca->signer);
	buf_release(&ca->name);
	buf_release(&ca->cert);
}
#define _cleanup_ca_ __attribute__((cleanup(ca_release)))

/* One certificate under ca, of what the profile says. */
static inline void
certificate_make(const struct ca *ca, struct certificate_profile p,
    const struct public_key *key, const char *serial, struct buf *out)
{
	_cleanup_buf_ struct buf validity = BUF_INIT, tbs = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_form_ struct form *form = NULL;
	uint8_t id[KEY_ID_SIZE], ca_id[KEY_ID_SIZE], sig[SIGNATURE_SIZE];
	struct diag diag = DIAG_INIT;
	const struct bytes fields[CERT_FIELDS] = {
		[CERT_FIELD_SERIAL] = bytes_text("\1\2\3"),
		[CERT_FIELD_SERIAL_NUMBER] = bytes_text(serial),
		[CERT_FIELD_PUBLIC_KEY] = bytes_of(key->raw, key->len),
		[CERT_FIELD_KEY_ID] = bytes_of(id, sizeof(id)),
	};
	struct bytes filled[CERT_FIELDS];

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, key, id), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, &ca->key, ca_id), ERR_OK);
	assert_int_equal(certificate_put_validity(&validity, NOW - 1,
	    TIME_MAX_S), ERR_OK);
	memcpy(filled, fields, sizeof(filled));
	filled[CERT_FIELD_VALIDITY] = buf_bytes(&validity);
	p.issuer_name = buf_bytes(&ca->name);
	p.issuer_key_id = bytes_of(ca_id, sizeof(ca_id));
	p.organization = "Acme";
	p.subject_alg = key->alg;
	p.with_ski = true;
	good(certificate_form(&p, &form, &diag), &diag);
	good(certificate_sign(form, filled, ca->signer, sha256, &tbs, out,
	    sig), &diag);
}

static inline void
ca_make(struct ca *ca)
{
	const struct certificate_profile p = { .common_name = "Device CA",
		.ca = true, .path_len = 0,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN };

	key_make(KEY_P256, &ca->key, NULL, &ca->signer);
	certificate_put_name(&ca->name, "Acme", "Device CA");
	certificate_make(ca, p, &ca->key, "unused", &ca->cert);
}

static inline void
leaf_make(const struct ca *ca, const struct public_key *key,
    const char *serial, struct buf *out)
{
	const struct certificate_profile p = { .with_serial_number = true,
		.common_name = "device", .path_len = -1,
		/* of one that cannot sign nothing is said: it is for all */
		.key_usage = key->alg == KEY_X25519 ? 0 :
		    KU_DIGITAL_SIGNATURE };

	certificate_make(ca, p, key, serial, out);
}

/* Its devices are doorbells with so many keys, the first made by maker. */
static inline void
manufacturer_add(struct field *f, const struct ca *ca,
    enum product_maker maker, size_t keys)
{
	_cleanup_buf_ struct buf body = BUF_INIT, result = BUF_INIT;
	struct diag diag = DIAG_INIT;
	struct product product;

	assert_int_equal(chip_maker_put_request(&body, "acme",
	    buf_bytes(&ca->cert), BYTES_NONE), ERR_OK);
	good(submit(f->w, REQUEST_MANUFACTURER_ADD, buf_bytes(&body), &result,
	    &diag), &diag);
	product_read("examples/products/doorbell.yaml", &product);
	(void)snprintf(product.name, sizeof(product.name), "bridge");
	(void)snprintf(product.field.bootstrap,
	    sizeof(product.field.bootstrap), "acme");
	product.field.devices = QUOTA;
	product.field.est = QUOTA;
	product.credential_count = keys;
	product.credentials[0].maker = maker;
	product_put(f->w, &product);
}

/* An IDevID and its key. */
static inline void
device_make(const struct ca *ca, const char *serial,
    struct credential *device)
{
	*device = (struct credential){ .leaf = BUF_INIT };
	key_make(KEY_P256, &(struct public_key){ .len = 0 }, NULL,
	    &device->key);
	leaf_make(ca, signer_public(device->key), serial, &device->leaf);
}

#endif
