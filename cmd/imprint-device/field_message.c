#include "cmd/imprint-device/field.h"
#include "device/src/certificate.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define VERSION		1
#define STATEMENT_VERSION 2	/* the first has no advice */
#define REQUEST_TYP	"application/imprint-device-request+cose"
#define ANSWER_TYP	"application/imprint-device-answer+cose"
#define KEY_CONTEXT	"imprint device key"
#define TAG_SIGN1	18
#define ES256		(-7)
#define SIGNATURE_SIZE	IMPRINT_DEVICE_SIGNATURE_SIZE

enum { HEADER_ALG = 1, HEADER_KID = 4, HEADER_TYP = 16, HEADER_CHAIN = 33 };

/* ES256 over what a part after the other makes. */
static enum err
parts_sign(struct cmd *cmd, const struct imprint_device_keystore *keys,
    const struct imprint_device_key *key, const struct imprint_bytes *parts,
    size_t count, uint8_t ret_signature[SIGNATURE_SIZE])
{
	const struct imprint_device_crypto *crypto = imprint_device_openssl();
	uint8_t digest[FIELD_HASH_SIZE];

	if (crypto->sha256(crypto->state, parts, count, digest) != 0 ||
	    keys->sign(keys->state, key, digest, ret_signature) != 0)
		return agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
	return ERR_OK;
}

static void
cose_key_put(struct buf *out, const struct imprint_device_public *key)
{
	struct imprint_bytes parts[COSE_KEY_PARTS];
	size_t i;

	imprint_device_cose_key_parts(key, parts);
	for (i = 0; i < COSE_KEY_PARTS; i++)
		buf_put(out, parts[i].ptr, parts[i].len);
}

/* [slot, COSE_Key, proof / null] */
static enum err
key_put(struct cmd *cmd, const struct field_ask *ask, unsigned slot,
    const uint8_t id[FIELD_ID_SIZE], struct buf *out)
{
	_cleanup_buf_ struct buf said = BUF_INIT;
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE], proof[SIGNATURE_SIZE];
	struct imprint_device_key key = { .slot = slot };
	struct imprint_bytes part;
	enum err err;

	if (ask->keys->get(ask->keys->state, slot, room,
	    &key.public_key) != 0 || key.public_key.x.len == 0)
		return agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
	cbor_put_array(out, 3);
	cbor_put_uint(out, slot);
	cose_key_put(out, &key.public_key);
	if (key.public_key.alg != IMPRINT_DEVICE_P256) {
		cbor_put_null(out);
		return ERR_OK;
	}
	cbor_put_array(&said, 5);
	cbor_put_text(&said, KEY_CONTEXT);
	cbor_put_bstr(&said, bytes_of(ask->agent->device.report.root,
	    FIELD_HASH_SIZE));
	cbor_put_bstr(&said, bytes_of(id, FIELD_ID_SIZE));
	cbor_put_uint(&said, slot);
	cose_key_put(&said, &key.public_key);
	if (buf_err(&said) != ERR_OK)
		return diag_nomem(&cmd->diag);
	part = (struct imprint_bytes){ said.ptr, said.len };
	err = parts_sign(cmd, ask->keys, &key, &part, 1, proof);
	if (!err)
		cbor_put_bstr(out, bytes_of(proof, sizeof(proof)));
	return err;
}

static enum err
recipient_put(struct cmd *cmd, const struct field_ask *ask, struct buf *out)
{
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_public key;

	if (ask->keys->get(ask->keys->state, IMPRINT_DEVICE_CHIP, room,
	    &key) != 0 || key.x.len == 0)
		return agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
	cose_key_put(out, &key);
	return ERR_OK;
}

/* [keys, recipient] */
static enum err
body_put(struct cmd *cmd, const struct field_ask *ask,
    const uint8_t id[FIELD_ID_SIZE], struct buf *out)
{
	unsigned slot, count = 0;
	enum err err = ERR_OK;

	if (ask->body.len > 0) {
		buf_put_bytes(out, ask->body);
		return ERR_OK;
	}
	for (slot = 0; slot < IMPRINT_DEVICE_SLOTS_MAX; slot++)
		count += ask->algs[slot] != 0;
	cbor_put_array(out, 2);
	cbor_put_array(out, count);
	for (slot = 0; slot < IMPRINT_DEVICE_SLOTS_MAX && !err; slot++)
		if (ask->algs[slot] != 0)
			err = key_put(cmd, ask, slot, id, out);
	if (!err && ask->sealed)
		return recipient_put(cmd, ask, out);
	cbor_put_null(out);
	return err;
}

static enum err
payload_put(struct cmd *cmd, const struct field_ask *ask, struct buf *out)
{
	uint8_t id[FIELD_ID_SIZE];
	enum err err;

	err = field_random(cmd, id, sizeof(id));
	if (err)
		return err;
	cbor_put_array(out, 6);
	cbor_put_uint(out, VERSION);
	cbor_put_bstr(out, bytes_of(ask->agent->device.report.root,
	    FIELD_HASH_SIZE));
	cbor_put_bstr(out, bytes_of(id, sizeof(id)));
	cbor_put_uint(out, (uint64_t)ask->type);
	if (ask->agent->device.report.verdict == IMPRINT_DEVICE_UNKNOWN_TIME)
		cbor_put_null(out);
	else
		cbor_put_int(out, time_now());
	err = body_put(cmd, ask, id, out);
	return err ? err : buf_err(out);
}

static const struct imprint_device_key *
signing_key(const struct imprint_device_identity *id)
{
	size_t i;

	for (i = 0; i < id->key_count; i++)
		if (id->keys[i].purpose == IMPRINT_DEVICE_AUTHENTICATE &&
		    id->keys[i].certificate.len > 0 &&
		    id->keys[i].public_key.alg == IMPRINT_DEVICE_P256)
			return &id->keys[i];
	return NULL;
}

enum err
field_request_make(struct cmd *cmd, const struct field_ask *ask,
    struct buf *out)
{
	_cleanup_buf_ struct buf header = BUF_INIT, payload = BUF_INIT;
	const struct imprint_device_key *key =
	    signing_key(&ask->agent->device.identity);
	uint8_t heads[2][CBOR_HEAD_MAX], signature[SIGNATURE_SIZE];
	struct imprint_bytes parts[SIGN1_PARTS];
	enum err err;

	if (key == NULL)
		return diag_fail(&cmd->diag, ERR_UNSUPPORTED, NULL, "the"
		    " identity has no P-256 key that authenticates with a"
		    " certificate");
	cbor_put_map(&header, 3);
	cbor_put_int(&header, HEADER_ALG);
	cbor_put_int(&header, ES256);
	cbor_put_int(&header, HEADER_TYP);
	cbor_put_text(&header, REQUEST_TYP);
	cbor_put_int(&header, HEADER_CHAIN);
	cbor_put_bstr(&header, view(key->certificate));
	err = payload_put(cmd, ask, &payload);
	if (!err && buf_err(&header) != ERR_OK)
		err = buf_err(&header);
	if (err)
		return err;
	imprint_device_sign1_parts(export(buf_bytes(&header)),
	    export(buf_bytes(&payload)), heads, parts);
	err = parts_sign(cmd, &ask->agent->keys->table, key, parts,
	    SIGN1_PARTS, signature);
	if (err)
		return err;
	cbor_put_tag(out, TAG_SIGN1);
	cbor_put_array(out, 4);
	cbor_put_bstr(out, buf_bytes(&header));
	cbor_put_map(out, 0);
	cbor_put_bstr(out, buf_bytes(&payload));
	cbor_put_bstr(out, bytes_of(signature, sizeof(signature)));
	return buf_err(out);
}

void
field_package_body(struct buf *out, const uint8_t hash[FIELD_HASH_SIZE])
{
	cbor_put_bstr(out, bytes_of(hash, FIELD_HASH_SIZE));
}

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
answer_wrong(struct cmd *cmd, const char *what)
{
	diag_fail(&cmd->diag, ERR_AUTH, NULL, "answer: %s", what);
	diag_hint(&cmd->diag, "it did not come from this device's authority"
	    " as it is; nothing was installed");
	return ERR_AUTH;
}

/* Its signer's key: a document signer under the root of the identity. */
static enum err
signer_find(struct cmd *cmd, const struct agent *agent,
    const struct statement *s, struct bytes signer,
    struct imprint_device_public *ret_key)
{
	const struct imprint_device_crypto *crypto = imprint_device_openssl();
	uint8_t kid[FIELD_HASH_SIZE];
	struct certificate c;
	struct path path;

	if (imprint_device_certificate_read(signer, &c) != NULL ||
	    c.key.alg != IMPRINT_DEVICE_P256)
		return answer_wrong(cmd,
		    "its signer's certificate is none");
	if (imprint_device_thumbprint(crypto, &c.key, kid) != 0 ||
	    imprint_device_path_find(crypto, &agent->device.identity, signer,
	    PATH_DOCUMENT, &path) != 0)
		return agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
	if (!bytes_equal(s->kid, bytes_of(kid, sizeof(kid))))
		return answer_wrong(cmd,
		    "its signer's certificate is for another key");
	if (path.reason != NULL)
		return answer_wrong(cmd, path.reason);
	if (s->time < path.not_before || s->time > path.not_after)
		return answer_wrong(cmd,
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
statement_verify(struct cmd *cmd, const struct agent *agent,
    struct bytes request, struct bytes signer, const struct statement *s)
{
	struct imprint_device_public key;
	bool good = false;
	enum err err;

	err = signer_find(cmd, agent, s, signer, &key);
	if (err)
		return err;
	if (imprint_device_sign1_verify(imprint_device_openssl(), &key,
	    export(s->header), export(s->payload), s->signature.ptr,
	    &good) != 0)
		return agent_error(cmd, IMPRINT_DEVICE_ERROR_CRYPTO);
	if (!good)
		return answer_wrong(cmd,
		    "its signature is wrong: altered or forged");
	if (!bytes_equal(s->authority, bytes_of(agent->device.report.root,
	    FIELD_HASH_SIZE)))
		return answer_wrong(cmd,
		    "it speaks for another authority");
	if (!bytes_equal(s->id, request_id(request)))
		return answer_wrong(cmd,
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

enum err
field_answer_read(struct cmd *cmd, const struct agent *agent,
    struct bytes request, struct bytes answer,
    struct field_answer *ret_answer)
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
		return answer_wrong(cmd, c.error);
	err = statement_verify(cmd, agent, request, signer, &s);
	if (!err)
		err = field_hash(cmd, a.package, a.hash);
	if (err)
		return err;
	if ((a.package.len == 0) != (s.hash.len == 0) || (s.hash.len > 0 &&
	    !bytes_equal(s.hash, bytes_of(a.hash, sizeof(a.hash)))))
		return answer_wrong(cmd,
		    "its package is not the one that was signed for");
	a.result = (enum field_result)s.result;
	a.advice = s.advice;
	a.time = s.time;
	*ret_answer = a;
	return ERR_OK;
}
