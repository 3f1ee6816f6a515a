#include "lib/devices/jwk_read.h"

enum err
json_object_read(struct bytes text, const char *what, json_t **ret_object,
    struct diag *diag)
{
	_cleanup_json_ json_t *json = NULL;
	json_error_t error;

	json = json_loadb((const char *)text.ptr, text.len,
	    JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		return diag_fail(diag, ERR_SYNTAX, "RFC 8259",
		    "%s: no JSON: %.100s", what, error.text);
	if (!json_is_object(json))
		return diag_fail(diag, ERR_SYNTAX, "RFC 7515 7.2.2",
		    "%s: no JSON object", what);
	*ret_object = json;
	json = NULL;	/* transferred */
	return ERR_OK;
}

enum err
json_text(const json_t *object, const char *what, const char *name,
    struct bytes *ret_text, struct diag *diag)
{
	const json_t *text = json_object_get(object, name);

	if (!json_is_string(text))
		return diag_fail(diag, ERR_SYNTAX, NULL, "%s: %s: %s", what,
		    name, text == NULL ? "missing" : "no text");
	*ret_text = bytes_of(json_string_value(text),
	    json_string_length(text));
	return ret_text->len <= JSON_TEXT_MAX ? ERR_OK : diag_fail(diag,
	    ERR_LIMIT, NULL, "%s: %s: longer than %zu octets", what, name,
	    JSON_TEXT_MAX);
}

enum err
json_octets(const json_t *object, const char *what, const char *name,
    struct buf *out, struct diag *diag)
{
	struct bytes text = BYTES_NONE;
	enum err err;

	buf_clear(out);
	err = json_text(object, what, name, &text, diag);
	if (err)
		return err;
	err = base64url_decode(text, out);
	return err != ERR_SYNTAX ? err : diag_fail(diag, err, "RFC 7515 2",
	    "%s: %s: no base64url", what, name);
}

/* The row of kty and crv, of RSA and AKP that of the number's length. */
static const struct key_algorithm *
row_find(struct bytes kty, struct bytes crv, size_t len)
{
	const struct key_algorithm *a;
	size_t i;

	for (i = 0; (a = key_algorithm_at(i)) != NULL; i++) {
		if (a->kind == KEY_EC &&
		    bytes_equal(kty, bytes_text("EC")) &&
		    bytes_equal(crv, bytes_text(a->name)))
			return a;
		if (a->kind == KEY_OKP &&
		    bytes_equal(kty, bytes_text("OKP")) &&
		    bytes_equal(crv, bytes_text(a->name)))
			return a;
		if (a->kind == KEY_RSA &&
		    bytes_equal(kty, bytes_text("RSA")) && len == a->x_len)
			return a;
	}
	return NULL;
}

static enum err
rsa_exponent_check(const json_t *jwk, struct diag *diag)
{
	struct bytes e = BYTES_NONE;
	enum err err;

	err = json_text(jwk, "JWK", "e", &e, diag);
	if (!err && !bytes_equal(e, bytes_text("AQAB")))
		err = diag_fail(diag, ERR_UNSUPPORTED, "RFC 7518 6.3",
		    "JWK: e: another exponent than 65537");
	return err;
}

enum err
jwk_read(const json_t *jwk, struct public_key *ret_key, struct diag *diag)
{
	_cleanup_buf_ struct buf x = BUF_INIT, y = BUF_INIT;
	struct bytes kty = BYTES_NONE, crv = BYTES_NONE;
	const struct key_algorithm *a;
	uint8_t raw[KEY_PUBLIC_MAX];
	bool rsa;
	enum err err;

	err = json_text(jwk, "JWK", "kty", &kty, diag);
	if (err)
		return err;
	rsa = bytes_equal(kty, bytes_text("RSA"));
	if (json_object_get(jwk, "d") != NULL)
		return diag_fail(diag, ERR_INVALID, "RFC 7517 9.2",
		    "JWK: d: the private key is with it: do not use it");
	if (!rsa)
		err = json_text(jwk, "JWK", "crv", &crv, diag);
	if (!err)
		err = json_octets(jwk, "JWK", rsa ? "n" : "x", &x, diag);
	if (!err && rsa)
		err = rsa_exponent_check(jwk, diag);
	if (err)
		return err;
	a = row_find(kty, crv, x.len);
	if (a == NULL)
		return diag_fail(diag, ERR_UNSUPPORTED, "RFC 7518 6",
		    "JWK: a key of another kty, crv or size than are offered");
	if (a->y_len > 0)
		err = json_octets(jwk, "JWK", "y", &y, diag);
	if (err)
		return err;
	if (x.len != a->x_len || y.len != a->y_len)
		return diag_fail(diag, ERR_SYNTAX, "RFC 7518 6.2.1",
		    "JWK: %s: x or y of another length", a->name);
	raw[0] = 0x04;	/* of a point */
	memcpy(raw + a->x_at, x.ptr, x.len);
	if (y.len > 0)
		memcpy(raw + a->x_at + x.len, y.ptr, y.len);
	return public_key_check(a->alg, bytes_of(raw, a->public_len), ret_key,
	    diag);
}
