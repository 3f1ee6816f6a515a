#include "lib/crypto/jwk.h"

/* head, x, for an EC point also y, and the end of the string and object. */
static const struct jwk_form {
	enum key_alg	 alg;
	const char	*head;
	size_t		 x_len;
	bool		 point;		/* raw is 04, x, y */
} forms[] = {
	{ KEY_P256, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"", 32, true },
	{ KEY_X25519, "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"", 32,
	    false },
	{ KEY_ED25519, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"", 32,
	    false },
};

enum err
jwk_put(struct buf *b, const struct public_key *key)
{
	const struct jwk_form *form = forms;
	const struct jwk_form *end = forms + sizeof(forms) / sizeof(forms[0]);

	while (form < end && form->alg != key->alg)
		form++;
	if (form == end || key->len != (form->point ? 1 + 2 * form->x_len :
	    form->x_len))
		return ERR_UNSUPPORTED;
	buf_put_bytes(b, bytes_text(form->head));
	buf_put_base64url(b, bytes_of(key->raw + form->point, form->x_len));
	if (form->point) {
		buf_put(b, "\",\"y\":\"", 7);
		buf_put_base64url(b, bytes_of(key->raw + 1 + form->x_len,
		    form->x_len));
	}
	buf_put(b, "\"}", 2);
	return buf_err(b);
}
