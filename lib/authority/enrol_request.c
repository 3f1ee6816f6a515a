/* Requests of devices: their shape, and how they are made. */
#include "lib/authority/enrol_internal.h"
#include "lib/base/cbor_write.h"

#define REQUEST_VERSION	1

enum err
device_request_sign(const uint8_t authority[SHA256_SIZE],
    const uint8_t id[DEVICE_REQUEST_ID_SIZE], enum device_request_type type,
    int64_t time, struct bytes body, struct bytes leaf,
    struct signer *signer, struct buf *out, struct diag *diag)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	enum err err;

	cbor_put_array(&payload, 6);
	cbor_put_uint(&payload, REQUEST_VERSION);
	cbor_put_bstr(&payload, bytes_of(authority, SHA256_SIZE));
	cbor_put_bstr(&payload, bytes_of(id, DEVICE_REQUEST_ID_SIZE));
	cbor_put_uint(&payload, type);
	if (time == DEVICE_TIME_UNKNOWN)
		cbor_put_null(&payload);
	else
		cbor_put_int(&payload, time);
	buf_put_bytes(&payload, body);
	err = buf_err(&payload);
	if (err)
		return diag_fail(diag, err, NULL, "request: too large");
	return cose_sign1_sign_x5chain(out, signer, DEVICE_REQUEST_TYP, leaf,
	    buf_bytes(&payload), diag);
}

enum err
device_key_put_context(struct buf *out,
    const uint8_t authority[SHA256_SIZE],
    const uint8_t id[DEVICE_REQUEST_ID_SIZE], unsigned slot,
    const struct public_key *key)
{
	cbor_put_array(out, 5);
	cbor_put_text(out, DEVICE_KEY_CONTEXT);
	cbor_put_bstr(out, bytes_of(authority, SHA256_SIZE));
	cbor_put_bstr(out, bytes_of(id, DEVICE_REQUEST_ID_SIZE));
	cbor_put_uint(out, slot);
	cose_key_put(out, key);
	return buf_err(out);
}

/* alg, typ, x5chain and nothing else: what is not looked at is not let in. */
static bool
headers_fit(const struct cose_sign1 *message)
{
	struct cbor cbor;
	size_t pairs;

	cbor_open_checked(&cbor, message->protected);
	pairs = cbor_get_map(&cbor);
	if (pairs != 3 || message->kid.len != 0 || message->x5chain.len == 0)
		return false;
	cbor_open_checked(&cbor, message->unprotected);
	return cbor_get_map(&cbor) == 0;
}

static enum err
payload_parse(struct bytes payload, struct device_request *request,
    struct diag *diag)
{
	uint64_t version;
	struct cbor cbor;

	cbor_open(&cbor, payload);
	version = cbor_get_versioned(&cbor, 6, REQUEST_VERSION);
	if (cbor_ok(&cbor) && version != REQUEST_VERSION)
		return diag_fail(diag, ERR_VERSION, NULL, "device request: "
		    "version %ju, this build knows %d", (uintmax_t)version,
		    REQUEST_VERSION);
	request->authority = cbor_get_bstr_sized(&cbor, SHA256_SIZE);
	request->id = cbor_get_bstr_sized(&cbor, DEVICE_REQUEST_ID_SIZE);
	request->type = cbor_get_uint(&cbor);
	request->time_known = cbor_peek(&cbor) != CBOR_SIMPLE;
	if (request->time_known)
		request->time = cbor_get_int(&cbor);
	else
		cbor_get_null(&cbor);
	request->body = cbor_get_item(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, "RFC 8949 4.2",
		    "device request: octet %zu: %s", cbor.pos, cbor.error);
	if (request->type < DEVICE_ENROL || request->type > DEVICE_REFRESH)
		return diag_fail(diag, ERR_UNSUPPORTED, NULL, "device "
		    "request: type %ju is not known to this build",
		    (uintmax_t)request->type);
	return ERR_OK;
}

enum err
device_request_open(struct bytes encoded, struct cose_sign1 *ret_message,
    struct device_request *ret_request, struct diag *diag)
{
	struct device_request request = { 0 };
	struct cose_sign1 message;
	enum err err;

	if (encoded.len > DEVICE_REQUEST_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL, "device request: "
		    "%zu octets; at most %zu", encoded.len,
		    DEVICE_REQUEST_MAX);
	err = cose_sign1_parse(encoded, &message, diag);
	if (err)
		return err;
	if (!bytes_equal(message.typ, bytes_text(DEVICE_REQUEST_TYP)))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9596 2",
		    "device request: the signed object is of another type");
	if (!headers_fit(&message))
		return diag_fail(diag, ERR_SYNTAX, "RFC 9052 3", "device "
		    "request: its headers are not alg, typ and x5chain, all "
		    "protected");
	err = cose_x5chain_leaf(&message, &request.leaf, diag);
	if (!err)
		err = payload_parse(message.payload, &request, diag);
	if (err)
		return err;
	request.payload = message.payload;
	*ret_message = message;
	*ret_request = request;
	return ERR_OK;
}

enum err
device_request_parse(struct bytes encoded,
    struct device_request *ret_request, struct diag *diag)
{
	struct cose_sign1 message;

	return device_request_open(encoded, &message, ret_request, diag);
}

static enum err
key_get(struct cbor *cbor, struct device_key *key, struct diag *diag)
{
	struct bytes encoded, private = BYTES_NONE;
	uint64_t slot;
	enum err err;

	cbor_get_array_sized(cbor, 3);
	slot = cbor_get_uint(cbor);
	encoded = cbor_get_item(cbor);
	key->proof = BYTES_NONE;
	if (cbor_peek(cbor) == CBOR_BSTR)
		key->proof = cbor_get_bstr(cbor);
	else
		cbor_get_null(cbor);
	if (!cbor_ok(cbor) || slot >= PRODUCT_SLOTS_MAX)
		return diag_fail(diag, ERR_SYNTAX, NULL, "device request: "
		    "keys: %s", cbor->error != NULL ? cbor->error :
		    "a slot that no product has");
	key->slot = (unsigned)slot;
	err = cose_key_parse(encoded, &key->key, &private, diag);
	if (!err && private.len > 0)
		err = diag_fail(diag, ERR_INVALID, NULL, "device request: "
		    "slot %u: the private key is with it: do not use it",
		    key->slot);
	return err;
}

enum err
device_keys_parse(struct bytes body, struct device_key *ret_keys,
    size_t *ret_count, struct public_key *ret_recipient, bool *ret_sealed,
    struct diag *diag)
{
	struct bytes recipient = BYTES_NONE, private = BYTES_NONE;
	struct cbor cbor;
	size_t i, count;
	enum err err;

	cbor_open(&cbor, body);
	cbor_get_array_sized(&cbor, 2);
	count = cbor_get_array(&cbor);
	if (count > PRODUCT_SLOTS_MAX)
		cbor_fail(&cbor, "more keys than slots");
	for (i = 0; i < count && cbor_ok(&cbor); i++) {
		err = key_get(&cbor, &ret_keys[i], diag);
		if (err)
			return err;
		if (i > 0 && ret_keys[i].slot <= ret_keys[i - 1].slot)
			cbor_fail(&cbor, "slots do not ascend");
	}
	if (cbor_ok(&cbor) && cbor_peek(&cbor) == CBOR_SIMPLE)
		cbor_get_null(&cbor);
	else
		recipient = cbor_get_item(&cbor);
	if (!cbor_close(&cbor))
		return diag_fail(diag, ERR_SYNTAX, NULL,
		    "device request: body: octet %zu: %s", cbor.pos,
		    cbor.error);
	*ret_count = count;
	*ret_sealed = recipient.len > 0;
	if (recipient.len == 0)
		return ERR_OK;
	err = cose_key_parse(recipient, ret_recipient, &private, diag);
	if (!err && (private.len > 0 || (ret_recipient->alg != KEY_X25519 &&
	    ret_recipient->alg != KEY_P256)))
		err = diag_fail(diag, ERR_INVALID, NULL, "device request: "
		    "recipient: a public key of X25519 or P-256 is wanted");
	return err;
}
