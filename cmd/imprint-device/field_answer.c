#include "cmd/imprint-device/field_answer.h"

#include "device/src/certificate.h"
#include "lib/base/clock.h"

#define VERSION		1
#define STATEMENT_VERSION 2	/* the first has no advice */
#define ANSWER_TYP	"application/imprint-device-answer+cose"
#define TAG_SIGN1	18
#define ES256		(-7)
#define SIGNATURE_SIZE	IMPRINT_DEVICE_SIGNATURE_SIZE

enum { HEADER_ALG = 1, HEADER_KID = 4, HEADER_TYP = 16 };

struct statement {
	struct bytes	header, kid, payload, signature;
	struct bytes	authority, id, hash;	/* hash empty: none */
	uint64_t	result;
	int64_t		time;
	struct field_advice advice;
};

/* tag 18, [protected, {}, payload, signature] */
static bool
sign1_open(struct cbor *c, struct bytes message, struct statement *s)
{
	cbor_open(c, message);
	if (cbor_get_tag(c) != TAG_SIGN1)
		cbor_fail(c, "not a COSE_Sign1");
	cbor_get_array_sized(c, 4);
	s->header = cbor_get_bstr(c);
	if (cbor_get_map(c) != 0)
		cbor_fail(c, "unprotected header is not empty");
	s->payload = cbor_get_bstr(c);
	s->signature = cbor_get_bstr_sized(c, SIGNATURE_SIZE);
	return cbor_close(c);
}

static bool
header_open(struct cbor *c, struct statement *s)
{
	cbor_open(c, s->header);
	if (cbor_get_map(c) != 3 || cbor_get_int(c) != HEADER_ALG ||
	    cbor_get_int(c) != ES256 || cbor_get_int(c) != HEADER_KID)
		cbor_fail(c, "header: not alg ES256, kid and typ");
	s->kid = cbor_get_bstr_sized(c, FIELD_HASH_SIZE);
	if (cbor_get_int(c) != HEADER_TYP ||
	    !bytes_equal(cbor_get_tstr(c), bytes_text(ANSWER_TYP)))
		cbor_fail(c, "header: typ is not that of an answer");
	return cbor_close(c);
}

static void
advice_get(struct cbor *c, struct field_advice *advice)
{
	cbor_get_array_sized(c, 3);
	advice->from = cbor_get_int(c);
	advice->until = cbor_get_int(c);
	advice->type = (enum field_type)cbor_get_uint(c);
	if (advice->from < 0 || advice->until < advice->from ||
	    advice->until > TIME_MAX_S)
		cbor_fail(c, "statement: its advice is no time");
	/* of a later kind: what it wants is not known here */
	if (advice->type != FIELD_RENEW)
		advice->type = FIELD_REFRESH;
}

static bool
payload_open(struct cbor *c, struct statement *s)
{
	size_t fields;
	uint64_t version;

	cbor_open(c, s->payload);
	fields = cbor_get_array(c);
	version = cbor_get_uint(c);
	if (version < 1 || version > STATEMENT_VERSION ||
	    fields != 5 + version)
		cbor_fail(c, "statement: of a version that is not known");
	s->authority = cbor_get_bstr_sized(c, FIELD_HASH_SIZE);
	s->id = cbor_get_bstr_sized(c, FIELD_ID_SIZE);
	s->result = cbor_get_uint(c);
	s->time = cbor_get_int(c);
	s->hash = BYTES_NONE;
	if (cbor_peek(c) == CBOR_SIMPLE)
		cbor_get_null(c);
	else
		s->hash = cbor_get_bstr_sized(c, FIELD_HASH_SIZE);
	s->advice = (struct field_advice){ .until = 0 };
	if (version > 1)
		advice_get(c, &s->advice);
	return cbor_close(c);
}

static enum err
answer_wrong(struct diag *diag, const char *what)
{
	(void)diag_fail(diag, ERR_AUTH, NULL, "answer: %s", what);
	diag_hint(diag, "it did not come from this device's authority"
	    " as it is; nothing was installed");
	return ERR_AUTH;
}

static enum err
crypto_failed(struct diag *diag)
{
	return diag_fail(diag, ERR_CRYPTO, NULL,
	    "the cryptographic library failed");
}

/* Its signer's key: a document signer under the root of the identity. */
static enum err
signer_find(const struct field_asked *asked, const struct statement *s,
    struct bytes signer, struct imprint_device_public *ret_key,
    struct diag *diag)
{
	const struct imprint_device_crypto *crypto = asked->crypto;
	uint8_t kid[FIELD_HASH_SIZE];
	struct certificate c;
	struct path path;

	if (imprint_device_certificate_read(signer, &c) != NULL ||
	    c.key.alg != IMPRINT_DEVICE_P256)
		return answer_wrong(diag,
		    "its signer's certificate is none");
	if (imprint_device_thumbprint(crypto, &c.key, kid) != 0 ||
	    imprint_device_path_find(crypto, asked->identity, signer,
	    PATH_DOCUMENT, &path) != 0)
		return crypto_failed(diag);
	if (!bytes_equal(s->kid, bytes_of(kid, sizeof(kid))))
		return answer_wrong(diag,
		    "its signer's certificate is for another key");
	if (path.reason != NULL)
		return answer_wrong(diag, path.reason);
	if (s->time < path.not_before || s->time > path.not_after)
		return answer_wrong(diag,
		    "its signer was not valid then");
	*ret_key = c.key;
	return ERR_OK;
}

/* The request's own id. */
static struct bytes
request_id(struct bytes request)
{
	struct statement s;
	struct cbor c;

	if (!sign1_open(&c, request, &s))
		return BYTES_NONE;
	cbor_open(&c, s.payload);
	(void)cbor_get_array(&c);
	(void)cbor_get_uint(&c);
	(void)cbor_get_bstr(&c);
	return cbor_get_bstr(&c);
}

static enum err
statement_verify(const struct field_asked *asked, struct bytes signer,
    const struct statement *s, struct diag *diag)
{
	struct imprint_device_public key;
	bool good = false;
	enum err err;

	err = signer_find(asked, s, signer, &key, diag);
	if (err)
		return err;
	if (imprint_device_sign1_verify(asked->crypto, &key,
	    export(s->header), export(s->payload), s->signature.ptr,
	    &good) != 0)
		return crypto_failed(diag);
	if (!good)
		return answer_wrong(diag,
		    "its signature is wrong: altered or forged");
	if (!bytes_equal(s->authority, bytes_of(asked->root, FIELD_HASH_SIZE)))
		return answer_wrong(diag,
		    "it speaks for another authority");
	if (!bytes_equal(s->id, request_id(asked->request)))
		return answer_wrong(diag,
		    "it is to another request");
	return ERR_OK;
}

static struct bytes
bstr_or_null(struct cbor *c)
{
	if (cbor_peek(c) == CBOR_BSTR)
		return cbor_get_bstr(c);
	cbor_get_null(c);
	return BYTES_NONE;
}

static enum err
package_hash(const struct field_asked *asked, struct bytes package,
    uint8_t ret_hash[FIELD_HASH_SIZE], struct diag *diag)
{
	const struct imprint_bytes part = export(package);

	return asked->crypto->sha256(asked->crypto->state, &part, 1,
	    ret_hash) == 0 ? ERR_OK : crypto_failed(diag);
}

enum err
field_answer_read(const struct field_asked *asked, struct bytes answer,
    struct field_answer *ret_answer, struct diag *diag)
{
	struct field_answer a = { .result = 0 };
	struct bytes message, signer;
	struct statement s;
	struct cbor c;
	enum err err;

	cbor_open(&c, answer);
	if (cbor_get_versioned(&c, 4, VERSION) != VERSION)
		cbor_fail(&c, "of a version that is not known");
	a.package = bstr_or_null(&c);
	message = cbor_get_bstr(&c);
	signer = bstr_or_null(&c);
	if (!cbor_close(&c) || !sign1_open(&c, message, &s) ||
	    !header_open(&c, &s) || !payload_open(&c, &s))
		return answer_wrong(diag, c.error);
	err = statement_verify(asked, signer, &s, diag);
	if (!err)
		err = package_hash(asked, a.package, a.hash, diag);
	if (err)
		return err;
	if ((a.package.len == 0) != (s.hash.len == 0) || (s.hash.len > 0 &&
	    !bytes_equal(s.hash, bytes_of(a.hash, sizeof(a.hash)))))
		return answer_wrong(diag,
		    "its package is not the one that was signed for");
	a.result = (enum field_result)s.result;
	a.advice = s.advice;
	a.time = s.time;
	*ret_answer = a;
	return ERR_OK;
}
