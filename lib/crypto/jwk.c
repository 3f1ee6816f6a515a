#include "lib/crypto/jwk.h"

#define POINT_SIZE(x)	(1 + 2 * (x))	/* 04, x, y */

static const struct jwk_form {
	enum key_alg	 alg;
	const char	*head;		/* up to the value of x */
	size_t		 x_size;
	bool		 point;		/* raw is an EC point */
	const char	*signs;
} forms[] = {
	{ KEY_P256, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"", 32, true,
	    "ES256" },
	{ KEY_X25519, "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"", 32,
	    false, NULL },
	{ KEY_ED25519, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"", 32,
	    false, "EdDSA" },
};

static const struct jwk_form *
form_of(enum key_alg alg)
{
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].alg == alg)
			return &forms[i];
	return NULL;
}

enum err
jwk_put(struct buf *b, const struct public_key *key)
{
	const struct jwk_form *form = form_of(key->alg);
	const uint8_t *x = key->raw;

	if (form == NULL || key->len != (form->point ?
	    POINT_SIZE(form->x_size) : form->x_size))
		return ERR_UNSUPPORTED;
	buf_put_bytes(b, bytes_text(form->head));
	if (form->point)
		x++;
	buf_put_base64url(b, bytes_of(x, form->x_size));
	if (form->point) {
		buf_put(b, "\",\"y\":\"", 7);
		buf_put_base64url(b, bytes_of(x + form->x_size,
		    form->x_size));
	}
	buf_put(b, "\"}", 2);
	return buf_err(b);
}

const char *
jose_alg_name(enum key_alg alg)
{
	const struct jwk_form *form = form_of(alg);

	return form == NULL ? NULL : form->signs;
}
