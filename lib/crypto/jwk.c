#include "lib/crypto/jwk.h"

/* What stands before the first number; JOSE's names are those of the table. */
static void
head_put(struct buf *b, const struct key_algorithm *a)
{
	switch (a->kind) {
	case KEY_EC:
		buf_printf(b, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"",
		    a->name);
		break;
	case KEY_OKP:
		buf_printf(b, "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"",
		    a->name);
		break;
	case KEY_RSA:
		buf_printf(b, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"");
		break;
	case KEY_MLDSA:
		buf_printf(b, "{\"alg\":\"%s\",\"kty\":\"AKP\",\"pub\":\"",
		    a->name);
		break;
	}
}

enum err
jwk_put(struct buf *b, const struct public_key *key)
{
	const struct key_algorithm *a = key_algorithm(key->alg);
	const uint8_t *x = key->raw;

	if (a == NULL || key->len != a->public_len)
		return ERR_UNSUPPORTED;
	x += a->x_at;
	head_put(b, a);
	buf_put_base64url(b, bytes_of(x, a->x_len));
	if (a->y_len > 0) {
		buf_put(b, "\",\"y\":\"", 7);
		buf_put_base64url(b, bytes_of(x + a->x_len, a->y_len));
	}
	buf_put(b, "\"}", 2);
	return buf_err(b);
}
