/*
 * A small ecosystem made with the project's own libraries, a stranger's next
 * to it, and devices of both.
 */
#ifndef IMPRINT_VERIFY_TEST_WORLD_H
#define IMPRINT_VERIFY_TEST_WORLD_H

#include <imprint/verify.h>
#include "lib/identity/document.h"
#include "lib/x509/test_make.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define DAY		INT64_C(86400)
#define NOW		(TIME_2026 + 30 * DAY)
#define TIME_2060	INT64_C(2840140800)
#define STATUS_URI	"https://ca.example/s"
#define UEID_A		"0100112233445566778899aabbccddeeff"
#define UEID_B		"01ffeeddccbbaa99887766554433221100"

struct ecosystem {
	struct authority	 root, bulk;
	struct public_key	 document_key;
	struct signer		*document;
	struct buf		 document_der;
	struct buf		 trust;		/* PEM */
};

static struct ecosystem ours, strangers;

static inline void
signer_certificate(struct ecosystem *e, int64_t until)
{
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	struct certificate_profile p = {
		.issuer_name = buf_bytes(&e->root.name),
		.issuer_key_id = bytes_of(e->root.key_id, KEY_ID_SIZE),
		.organization = "Example Imaging",
		.common_name = "document signer", .subject_alg = KEY_P256,
		.path_len = -1, .key_usage = KU_DIGITAL_SIGNATURE,
		.extended_key_usage = EKU_DOCUMENT_SIGNING, .with_ski = true,
	};

	filling_make(&f, &e->document_key);
	filling_times(&f, TIME_2026, until);
	certificate_make(&p, &f, e->root.signer, &e->document_der);
}

static inline void
ecosystem_make(struct ecosystem *e, const char *root)
{
	const struct authority none = AUTHORITY_INIT;

	*e = (struct ecosystem){ .root = none, .bulk = none,
		.document_der = BUF_INIT, .trust = BUF_INIT };
	authority_make(&e->root, root, -1, NULL);
	authority_make(&e->bulk, "bulk", 0, &e->root);
	key_make(KEY_P256, &e->document_key, &e->document);
	signer_certificate(e, TIME_2046);
	pem_put(&e->trust, "CERTIFICATE", buf_bytes(&e->bulk.der));
	pem_put(&e->trust, "CERTIFICATE", buf_bytes(&e->document_der));
	pem_put(&e->trust, "CERTIFICATE", buf_bytes(&e->root.der));
}

static inline void
ecosystem_release(struct ecosystem *e)
{
	authority_release(&e->root);
	authority_release(&e->bulk);
	signer_free(&e->document);
	buf_release(&e->document_der);
	buf_release(&e->trust);
}

/* How a device differs from a good one. */
struct recipe {
	enum key_alg	alg;		/* of its keys; 0: P-256 */
	bool		stranger_ca;	/* its certificate is a stranger's */
	bool		stranger_signer;
	bool		forged;		/* with the kid of our signer */
	bool		other_key;	/* cnf is not the certificate's */
	bool		renewed;	/* document holds an older one */
	bool		is_ca;
	bool		no_aki;		/* in its certificate */
	const char	*common_name;
	const char	*ueid;		/* of the document */
	unsigned	usage;		/* EKU_...; 0: client, ~0U: absent */
	unsigned	key_usage;	/* 0: digital signature */
	int64_t		from, until;	/* of the certificate */
	int64_t		issued, expires;	/* of the document */
	const char	*typ;
	struct bytes	 serial;	/* of the certificate; empty: usual */
	uint64_t	 status_idx;
	bool		 receipt;	/* instead of a signature of its own */
};

struct device {
	struct public_key	key;
	struct buf		certificate, document;
};

#define _cleanup_device_ __attribute__((cleanup(device_release)))

static inline void
device_release(struct device *d)
{
	buf_release(&d->certificate);
	buf_release(&d->document);
}

static inline void
certificate_of(const struct recipe *r, const struct public_key *key,
    struct buf *out)
{
	const struct ecosystem *e = r->stranger_ca ? &strangers : &ours;
	_cleanup_filling_ struct filling f = { .validity = BUF_INIT };
	struct certificate_profile p = device_profile(&e->bulk);

	p.subject_alg = key->alg;
	if (r->is_ca)
		p = ca_profile(&e->root, UEID_A, -1);
	if (r->no_aki)
		p.issuer_key_id = BYTES_NONE;
	if (r->usage != 0)
		p.extended_key_usage = r->usage == ~0U ? 0 : r->usage;
	if (r->key_usage != 0)
		p.key_usage = r->key_usage;
	filling_make(&f, key);
	if (r->common_name != NULL)
		f.fields[CERT_FIELD_COMMON_NAME] = bytes_text(r->common_name);
	if (r->serial.len > 0)
		f.fields[CERT_FIELD_SERIAL] = r->serial;
	filling_times(&f, r->from != 0 ? r->from : TIME_2026,
	    r->until != 0 ? r->until : TIME_2046);
	certificate_make(&p, &f, r->is_ca ? e->root.signer : e->bulk.signer,
	    out);
}

/* photo: can and may GET and POST; settings: can PUT, may not; video: may,
 * and cannot. */
static const struct product product = {
	.name = "camera", .version = "1", .manufacturer = "Example Imaging",
	.hwmodel = "CAM-200",
	.capabilities = { { "photo", 3 }, { "settings", 5 } },
	.capability_count = 2,
	.authorisations = { { "photo", 3 }, { "settings", 1 },
		{ "video", 2 } },
	.authorisation_count = 3,
	.credentials = { { .slot = 0, .purpose = PURPOSE_AUTHENTICATE,
		.alg = KEY_P256, .maker = MAKER_AUTHORITY,
		.certificate = true } },
	.credential_count = 1,
};

static inline void
claims_of(const struct recipe *r, const struct public_key *cnf,
    struct bytes certificate, struct buf *out)
{
	const struct claims_issuer issuer = { .issuer = "https://ca.example" };
	const uint8_t hash[SHA256_SIZE] = { 1 }, salt[SALT_SIZE] = { 2 };
	uint8_t ueid[UEID_SIZE], iat[8], exp[8], idx[8];
	struct bytes fields[CLAIMS_FIELDS] = { BYTES_NONE };
	_cleanup_form_ struct form *form = NULL;
	const struct key_algorithm *a = key_algorithm(cnf->alg);
	const uint8_t *x = cnf->raw + a->x_at;
	struct product p = product;
	size_t len;

	p.credentials[0].alg = cnf->alg;
	p.document_validity_years = r->expires != 0 ? 1 : PRODUCT_NEVER;
	assert_int_equal(claims_form(&p, hash, &issuer, &form, NULL), ERR_OK);
	assert_int_equal(hex_decode(r->ueid != NULL ? r->ueid : UEID_A, ueid,
	    sizeof(ueid), &len), ERR_OK);
	put_be64(iat, (uint64_t)(r->issued != 0 ? r->issued : TIME_2026));
	put_be64(exp, (uint64_t)r->expires);
	put_be64(idx, r->status_idx);
	fields[CLAIMS_FIELD_EXP] = bytes_of(exp, 8);
	fields[CLAIMS_FIELD_IAT] = bytes_of(iat, 8);
	fields[CLAIMS_FIELD_SALT] = bytes_of(salt, sizeof(salt));
	fields[CLAIMS_FIELD_UEID] = bytes_of(ueid, sizeof(ueid));
	fields[CLAIMS_FIELD_STATUS_IDX] = bytes_of(idx, 8);
	fields[CLAIMS_FIELD_STATUS_URI] = bytes_text(r->receipt ?
	    STATUS_URI "-00000000.cwt" : STATUS_URI);
	fields[CLAIMS_FIELD_X] = bytes_of(x, a->x_len);
	fields[CLAIMS_FIELD_Y] = bytes_of(x + a->x_len, a->y_len);
	fields[CLAIMS_FIELD_CERT] = certificate;
	assert_int_equal(form_render(form, fields, CLAIMS_FIELDS, out),
	    ERR_OK);
}

/* The first of a chunk of three. */
static inline void
receipt_make(const struct recipe *r, struct bytes claims, struct bytes kid,
    struct signer *signer, struct buf *out)
{
	const struct receipt_chunk chunk = { .first = r->status_idx,
	    .size = 3, .evidence = EVIDENCE_ORDER };
	_cleanup_buf_ struct buf protected = BUF_INIT, entry = BUF_INIT;
	_cleanup_subtree_ struct subtree tree = SUBTREE_INIT;
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	uint8_t leaves[3 * SHA256_SIZE] = { 0 }, commitment[SHA256_SIZE];
	uint8_t sig[SIGNATURE_SIZE];

	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(sha256_once(claims, commitment), ERR_OK);
	log_entry_put(&entry, LOG_ENTRY_IDENTITY, r->status_idx,
	    EVIDENCE_ORDER, bytes_of(commitment, sizeof(commitment)));
	assert_int_equal(merkle_leaf(sha256, buf_bytes(&entry), leaves),
	    ERR_OK);
	assert_int_equal(subtree_build(&tree, sha256, leaves, 3), ERR_OK);
	receipt_put_protected(&protected, kid, &chunk);
	assert_int_equal(buf_err(&protected), ERR_OK);
	if (r->typ != NULL)
		*(char *)memmem(protected.ptr, protected.len, RECEIPT_TYP,
		    strlen(RECEIPT_TYP)) = 'A';
	assert_int_equal(receipt_sign(signer, buf_bytes(&protected),
	    subtree_root(&tree), sig), ERR_OK);
	document_put_receipt(out, claims, buf_bytes(&protected), &tree, 0,
	    sig);
	assert_int_equal(buf_err(out), ERR_OK);
}

/* A key of an algorithm that this OpenSSL lacks is octets to it. */
static inline void
device_key_make(enum key_alg alg, struct public_key *key)
{
	if (key_alg_available(alg, NULL) == ERR_OK) {
		key_make(alg, key, NULL);
		return;
	}
	key->alg = alg;
	key->len = key_algorithm(alg)->public_len;
	memset(key->raw, 0x55, key->len);
}

static inline void
device_make(struct device *d, const struct recipe *r)
{
	const struct ecosystem *e = r->stranger_signer || r->forged ?
	    &strangers : &ours;
	_cleanup_buf_ struct buf claims = BUF_INIT, older = BUF_INIT;
	enum key_alg alg = r->alg != 0 ? r->alg : KEY_P256;
	struct public_key cnf;
	uint8_t kid[COSE_KID_SIZE];

	*d = (struct device){ .certificate = BUF_INIT, .document = BUF_INIT };
	device_key_make(alg, &d->key);
	cnf = d->key;
	if (r->other_key)
		device_key_make(alg, &cnf);
	certificate_of(r, &d->key, &d->certificate);
	certificate_of(r, &d->key, &older);
	claims_of(r, &cnf, buf_bytes(r->renewed ? &older : &d->certificate),
	    &claims);
	assert_int_equal(cose_key_thumbprint(r->forged ? &ours.document_key :
	    &e->document_key, kid), ERR_OK);
	if (r->receipt) {
		receipt_make(r, buf_bytes(&claims), bytes_of(kid,
		    sizeof(kid)), e->document, &d->document);
		return;
	}
	assert_int_equal(cose_sign1_sign(&d->document, e->document,
	    bytes_of(kid, sizeof(kid)), r->typ != NULL ? r->typ :
	    DOCUMENT_TYP, buf_bytes(&claims), BYTES_NONE, NULL), ERR_OK);
}

static inline struct imprint_verifier *
verifier_make(const struct buf *trust)
{
	struct imprint_verifier *v = NULL;
	char reason[256];

	if (imprint_verifier_new((const char *)trust->ptr, trust->len, &v,
	    reason, sizeof(reason)) != IMPRINT_OK)
		fail_msg("%s", reason);
	return v;
}

enum { CERT = 1, DOC = 2, BOTH = 3 };

static inline struct imprint_question
question_make(const struct device *d, int show)
{
	struct imprint_question q = { .now = NOW };

	if ((show & CERT) != 0) {
		q.certificate = d->certificate.ptr;
		q.certificate_len = d->certificate.len;
	}
	if ((show & DOC) != 0) {
		q.document = d->document.ptr;
		q.document_len = d->document.len;
	}
	return q;
}

#endif
