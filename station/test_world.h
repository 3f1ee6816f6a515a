/*
 * A small ecosystem for the station's tests: root, document signer, packs.
 * The packages' documents are no documents, which a plug-in does not mind,
 * unless asked for: the line's verbs read them.
 */
#ifndef IMPRINT_STATION_TEST_WORLD_H
#define IMPRINT_STATION_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/base/cbor_write.h"
#include "lib/base/io.h"
#include "lib/identity/claims.h"
#include "lib/identity/pack.h"
#include "lib/identity/station.h"
#include "lib/x509/certificate.h"
#include "lib/x509/x509_read.h"

#define WORLD_BORN	INT64_C(1760000000)
#define WORLD_ENDS	INT64_C(2390000000)

struct world {
	struct signer		*root, *signer;
	struct buf		 pem, root_der;
	uint8_t			 kid[SHA256_SIZE];	/* of the signer */
	/* of the packs that are made */
	bool			 documents;		/* real ones */
	uint8_t			 order;			/* id; 0: 5 */
	enum product_evidence	 evidence;
	struct pack_name	 names[PRODUCT_NAMES_MAX];
	size_t			 name_count;
};

static inline struct signer *
world_key(void)
{
	_cleanup_keygen_ struct keygen *keygen = NULL;
	uint8_t private[KEY_PRIVATE_SIZE];
	struct signer *signer = NULL;
	struct public_key key;
	size_t len = 0;

	assert_int_equal(keygen_new(KEY_P256, &keygen, NULL), ERR_OK);
	assert_int_equal(keygen_run(keygen, &key, private, &len),
	    ERR_OK);
	assert_int_equal(signer_new(KEY_P256, bytes_of(private, len),
	    &signer, NULL), ERR_OK);
	return signer;
}

static inline void
world_certificate(const struct certificate_profile *profile,
    struct signer *subject, struct signer *issuer, uint8_t serial,
    struct buf *out)
{
	_cleanup_buf_ struct buf validity = BUF_INIT, tbs = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	_cleanup_form_ struct form *form = NULL;
	struct bytes fields[CERT_FIELDS] = { BYTES_NONE };
	uint8_t id[KEY_ID_SIZE], sig[SIGNATURE_SIZE];
	const struct public_key *key = signer_public(subject);

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, key, id), ERR_OK);
	assert_int_equal(certificate_form(profile, &form, NULL), ERR_OK);
	assert_int_equal(certificate_put_validity(&validity, WORLD_BORN,
	    WORLD_ENDS), ERR_OK);
	fields[CERT_FIELD_SERIAL] = bytes_of(&serial, 1);
	fields[CERT_FIELD_VALIDITY] = buf_bytes(&validity);
	fields[CERT_FIELD_PUBLIC_KEY] = bytes_of(key->raw, key->len);
	fields[CERT_FIELD_KEY_ID] = bytes_of(id, sizeof(id));
	assert_int_equal(certificate_sign(form, fields, issuer, sha256, &tbs,
	    out, sig), ERR_OK);
}

/* A document signer's certificate, behind what is in pem. */
static inline void
world_signer_put(struct world *w, struct signer *signer, uint8_t serial,
    struct buf *pem)
{
	_cleanup_buf_ struct buf name = BUF_INIT, der = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t id[KEY_ID_SIZE];
	struct certificate_profile profile = {
		.issuer_key_id = bytes_of(id, sizeof(id)),
		.common_name = "Test Signer", .subject_alg = KEY_P256,
		.path_len = -1, .key_usage = KU_DIGITAL_SIGNATURE,
		.extended_key_usage = EKU_DOCUMENT_SIGNING, .with_ski = true
	};

	assert_int_equal(x509_subject(buf_bytes(&w->root_der), &name, NULL),
	    ERR_OK);
	profile.issuer_name = buf_bytes(&name);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, signer_public(w->root),
	    id), ERR_OK);
	world_certificate(&profile, signer, w->root, serial, &der);
	pem_put(pem, "CERTIFICATE", buf_bytes(&der));
	assert_int_equal(buf_err(pem), ERR_OK);
}

static inline void
world_new(struct world *w)
{
	_cleanup_buf_ struct buf root = BUF_INIT, name = BUF_INIT;
	/* the subject's name of a certificate that is its own issuer: made
	 * once under a stand-in, to read the name */
	static const uint8_t no_name[] = { 0x30, 0x00 };
	struct certificate_profile profile = {
		.issuer_name = bytes_of(no_name, sizeof(no_name)),
		.common_name = "Test Root", .subject_alg = KEY_P256,
		.ca = true, .path_len = -1,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN, .with_ski = true
	};

	*w = (struct world){ .pem = BUF_INIT, .root_der = BUF_INIT };
	w->root = world_key();
	w->signer = world_key();
	world_certificate(&profile, w->root, w->root, 1, &root);
	assert_int_equal(x509_subject(buf_bytes(&root), &name, NULL), ERR_OK);
	profile.issuer_name = buf_bytes(&name);
	world_certificate(&profile, w->root, w->root, 1, &w->root_der);
	pem_put(&w->pem, "CERTIFICATE", buf_bytes(&w->root_der));
	world_signer_put(w, w->signer, 2, &w->pem);
	assert_int_equal(cose_key_thumbprint(signer_public(w->signer),
	    w->kid), ERR_OK);
}

static inline void
world_free(struct world *w)
{
	signer_free(&w->root);
	signer_free(&w->signer);
	buf_release(&w->pem);
	buf_release(&w->root_der);
}

/* The private key in the document of an index. */
static inline struct signer *
world_device_key(uint64_t index)
{
	uint8_t private[KEY_PRIVATE_SIZE] = { 1 };
	struct signer *signer = NULL;

	put_be64(private + 24, index + 1);
	assert_int_equal(signer_new(KEY_P256, bytes_of(private,
	    sizeof(private)), &signer, NULL), ERR_OK);
	return signer;
}

static inline void
world_claims(uint64_t index, struct buf *out)
{
	_cleanup_signer_ struct signer *device = world_device_key(index);
	uint8_t ueid[17] = { 1 };
	char text[32];

	put_be64(ueid + 9, index);
	(void)snprintf(text, sizeof(text), "CAM-%06u", (unsigned)index);
	cbor_put_map(out, 9);
	cbor_put_uint(out, CLAIM_ISS);
	cbor_put_text(out, "https://pki.example.net/test");
	cbor_put_uint(out, CLAIM_NBF);
	cbor_put_int(out, WORLD_BORN);
	cbor_put_uint(out, CLAIM_IAT);
	cbor_put_int(out, WORLD_BORN);
	cbor_put_uint(out, CLAIM_CNF);
	cbor_put_map(out, 1);
	cbor_put_uint(out, 1);
	cose_key_put(out, signer_public(device));
	cbor_put_uint(out, CLAIM_SCOPE);
	cbor_put_bstr(out, bytes_text("\x80"));
	cbor_put_uint(out, CLAIM_UEID);
	cbor_put_bstr(out, bytes_of(ueid, sizeof(ueid)));
	cbor_put_uint(out, CLAIM_EAT_PROFILE);
	cbor_put_text(out, EAT_PROFILE);
	cbor_put_int(out, CLAIM_KEYSET);
	cbor_put_array(out, 1);
	cbor_put_map(out, 4);
	cbor_put_uint(out, KEYSET_SLOT);
	cbor_put_uint(out, 0);
	cbor_put_uint(out, KEYSET_PURPOSE);
	cbor_put_uint(out, PURPOSE_AUTHENTICATE);
	cbor_put_uint(out, KEYSET_KEY);
	cose_key_put(out, signer_public(device));
	cbor_put_uint(out, KEYSET_MAKER);
	cbor_put_uint(out, MAKER_AUTHORITY);
	cbor_put_int(out, CLAIM_NAMES);
	cbor_put_map(out, 1);
	cbor_put_text(out, "serial-number");
	cbor_put_text(out, text);
}

static inline void
world_document(struct world *w, uint64_t index, struct buf *out)
{
	_cleanup_buf_ struct buf claims = BUF_INIT;

	buf_clear(out);
	if (!w->documents) {
		buf_printf(out, "document %llu", (unsigned long long)index);
		return;
	}
	world_claims(index, &claims);
	assert_int_equal(cose_sign1_sign(out, w->signer, bytes_of(w->kid,
	    SHA256_SIZE), DOCUMENT_TYP, buf_bytes(&claims), BYTES_NONE, NULL),
	    ERR_OK);
}

/* A pack of two chunks, indices first .. first + count - 1, at path. */
static inline void
world_pack(struct world *w, const struct station_statement *station,
    uint8_t id, uint64_t first, uint32_t count, const char *path)
{
	_cleanup_sealer_ struct package_sealer *sealer = NULL;
	_cleanup_buf_ struct buf file = BUF_INIT, chunk = BUF_INIT;
	_cleanup_buf_ struct buf document = BUF_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	static const uint8_t private[KEY_PRIVATE_SIZE] = { 1, 2, 3 };
	static const uint8_t commitment[SHA256_SIZE] = { 4 };
	const struct package_key key = { 0, KEY_P256,
	    { private, sizeof(private) } };
	struct pack_header header = {
		.binding = { .pack = { id },
		    .order = { w->order == 0 ? 5 : w->order } },
		.order_number = w->order == 0 ? 5 : w->order,
		.evidence = w->evidence, .name_count = w->name_count,
		.count = count, .recipient_alg = station->sealing.alg,
		.ecosystem = bytes_of(commitment, PACKAGE_ID_SIZE),
		.product_name = bytes_text("camera 1.0.0")
	};
	struct pack_chunk chunks[2] = { { .first = first } };
	uint8_t hash[SHA256_SIZE], enc[HPKE_ENC_MAX];
	uint64_t index = first;
	size_t enc_len;
	uint32_t i, n;

	memcpy(header.binding.recipient, station->kid, SHA256_SIZE);
	memcpy(header.names, w->names, sizeof(header.names));
	assert_int_equal(pack_put_header(&file, &header), ERR_OK);
	assert_int_equal(sha256_once(buf_bytes(&file), hash), ERR_OK);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(package_sealer_new(&sealer, NULL), ERR_OK);
	for (n = 0; n < 2; n++) {
		chunks[n].first = index;
		chunks[n].count = n == 0 ? count / 2 : count - count / 2;
		chunks[n].offset = file.len;
		buf_clear(&chunk);
		assert_int_equal(package_sealer_begin(sealer,
		    &header.binding, &station->sealing, enc, &enc_len, NULL),
		    ERR_OK);
		assert_int_equal(pack_chunk_begin(&chunk, n, index,
		    chunks[n].count, bytes_of(enc, enc_len)), ERR_OK);
		for (i = 0; i < chunks[n].count; i++, index++) {
			world_document(w, index, &document);
			pack_chunk_mark(&chunk, enc_len, i, commitment);
			assert_int_equal(package_seal(sealer, index,
			    commitment, buf_bytes(&document), &key, 1,
			    &chunk, NULL), ERR_OK);
		}
		assert_int_equal(pack_chunk_end(&chunk, enc_len, sha256,
		    chunks[n].hash), ERR_OK);
		chunks[n].length = chunk.len;
		buf_put_bytes(&file, buf_bytes(&chunk));
	}
	assert_int_equal(pack_put_manifest(&file, file.len, &header, hash,
	    chunks, 2, w->signer, bytes_of(w->kid, SHA256_SIZE), NULL),
	    ERR_OK);
	assert_int_equal(io_write_file(io_posix(), path, buf_bytes(&file),
	    0600, NULL), ERR_OK);
}

#endif
