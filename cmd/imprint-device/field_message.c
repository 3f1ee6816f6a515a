#include "cmd/imprint-device/field.h"
#include "device/src/certificate.h"
#include "lib/base/cbor_write.h"
#include "lib/base/clock.h"

#define VERSION		1
#define REQUEST_TYP	"application/imprint-device-request+cose"
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
