#include <stdlib.h>

#include "lib/crypto/key_internal.h"

#include <openssl/rsa.h>

struct signer {
	struct signer_ops	 ops;
	void			*state;
	struct public_key	 public;
	struct sha256		*sha256;	/* P-256 */
};

/* A key in memory: the state of software_ops. */
struct software {
	EVP_PKEY	*pkey;
	EVP_PKEY_CTX	*ctx;		/* P-256 */
	EVP_MD_CTX	*md_ctx;	/* others */
	const struct key_algorithm *algorithm;
};

static void
software_free(void *state)
{
	struct software *s = state;

	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->md_ctx);
	EVP_PKEY_CTX_free(s->ctx);
	EVP_PKEY_free(s->pkey);
	free(s);
}

static void
software_cleanup(struct software **s)
{
	software_free(*s);
}

static enum err
p256_sign(void *state, struct bytes digest, uint8_t *ret_sig)
{
	struct software *s = state;
	uint8_t der[ECDSA_DER_MAX];
	size_t len = sizeof(der);

	if (EVP_PKEY_sign(s->ctx, der, &len, digest.ptr, digest.len) != 1 ||
	    ecdsa_from_der(bytes_of(der, len), ret_sig) != ERR_OK)
		return ossl_fail(NULL, "ECDSA signature");
	return ERR_OK;
}

const char *
signature_digest(const struct key_algorithm *a)
{
	if (a->kind == KEY_EC)
		return a->alg == KEY_P384 ? "SHA384" : "SHA256";
	return a->kind == KEY_RSA ? "SHA256" : NULL;
}

bool
signature_padding(const struct key_algorithm *a, EVP_PKEY_CTX *ctx)
{
	return a->kind != KEY_RSA ||
	    (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) ==
	    1);
}

static enum err
message_sign(void *state, struct bytes message, uint8_t *ret_sig)
{
	struct software *s = state;
	const struct key_algorithm *a = s->algorithm;
	EVP_PKEY_CTX *ctx = NULL;	/* md_ctx's */
	uint8_t sig[SIGNATURE_MAX];
	size_t len = sizeof(sig);

	if (EVP_DigestSignInit_ex(s->md_ctx, &ctx, signature_digest(a), NULL,
	    NULL, s->pkey, NULL) != 1 || !signature_padding(a, ctx) ||
	    EVP_DigestSign(s->md_ctx, sig, &len, message.ptr,
	    message.len) != 1)
		return ossl_fail(NULL, a->name);
	if (a->kind == KEY_EC)
		return ecdsa_get_der(bytes_of(sig, len), a->x_len, ret_sig);
	if (len != a->signature_len)
		return ossl_fail(NULL, a->name);
	memcpy(ret_sig, sig, len);
	return ERR_OK;
}

static enum err
signer_check_alg(enum key_alg alg, struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(alg);

	if (a != NULL && (a->can & KEY_SIGNS) != 0)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, NULL,
	    "signer: %s does not sign", a == NULL ? "?" : a->name);
}

static enum err
software_new(const struct public_key *public, struct bytes private,
    struct software **ret_software, struct diag *diag)
{
	__attribute__((cleanup(software_cleanup))) struct software *s = NULL;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return diag_nomem(diag);
	s->algorithm = key_algorithm(public->alg);
	s->pkey = pkey_from_pair(public, private);
	if (s->pkey == NULL)
		return ossl_fail(diag, "signing key");
	if (public->alg == KEY_P256) {
		s->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, s->pkey, NULL);
		if (s->ctx == NULL || EVP_PKEY_sign_init(s->ctx) != 1)
			return ossl_fail(diag, "signing key");
	} else {
		s->md_ctx = EVP_MD_CTX_new();
		if (s->md_ctx == NULL)
			return ossl_fail(diag, "signing key");
	}
	*ret_software = s;
	s = NULL;	/* transferred */
	return ERR_OK;
}

enum err
signer_new(enum key_alg alg, struct bytes private,
    struct signer **ret_signer, struct diag *diag)
{
	__attribute__((cleanup(software_cleanup))) struct software *s = NULL;
	struct signer_ops ops = { .free = software_free };
	struct public_key public;
	enum err err;

	err = signer_check_alg(alg, diag);
	if (err)
		return err;
	err = key_derive_public(alg, private, &public, diag);
	if (err)
		return err;
	err = software_new(&public, private, &s, diag);
	if (err)
		return err;
	ops.sign = alg == KEY_P256 ? p256_sign : message_sign;
	err = signer_new_ops(&ops, s, &public, ret_signer, diag);
	if (err)
		return err;
	s = NULL;	/* transferred */
	return ERR_OK;
}

enum err
signer_new_ops(const struct signer_ops *ops, void *state,
    const struct public_key *public, struct signer **ret_signer,
    struct diag *diag)
{
	struct signer *s;
	enum err err;

	err = signer_check_alg(public->alg, diag);
	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return diag_nomem(diag);
	if (public->alg == KEY_P256) {
		err = sha256_new(&s->sha256, diag);
		if (err) {
			free(s);
			return err;
		}
	}
	s->ops = *ops;
	s->state = state;
	public_key_copy(&s->public, public);
	*ret_signer = s;
	return ERR_OK;
}

void
signer_free(struct signer **signer)
{
	struct signer *s = *signer;

	if (s == NULL)
		return;
	if (s->ops.free != NULL)
		s->ops.free(s->state);
	sha256_free(&s->sha256);
	free(s);
	*signer = NULL;
}

enum key_alg
signer_alg(const struct signer *s)
{
	return s->public.alg;
}

const struct public_key *
signer_public(const struct signer *s)
{
	return &s->public;
}

enum err
signer_sign_digest(struct signer *s, const uint8_t digest[SHA256_SIZE],
    uint8_t ret_sig[SIGNATURE_SIZE])
{
	if (s->public.alg != KEY_P256)
		return ERR_INVALID;
	return s->ops.sign(s->state, bytes_of(digest, SHA256_SIZE), ret_sig);
}

/* Ed25519 reads the message twice and so needs it in one piece; the rest is
 * not asked often. */
static enum err
sign_joined(struct signer *s, const struct bytes *parts, size_t count,
    uint8_t *ret_sig)
{
	_cleanup_buf_ struct buf message = BUF_INIT;
	enum err err;
	size_t i;

	for (i = 0; i < count; i++)
		buf_put_bytes(&message, parts[i]);
	err = buf_err(&message);
	if (err)
		return err;
	return s->ops.sign(s->state, buf_bytes(&message), ret_sig);
}

enum err
signer_sign_parts(struct signer *s, const struct bytes *parts, size_t count,
    uint8_t *ret_sig)
{
	uint8_t digest[SHA256_SIZE];
	enum err err;

	if (s->public.alg != KEY_P256 && count > 1)
		return sign_joined(s, parts, count, ret_sig);
	if (s->public.alg != KEY_P256)
		return s->ops.sign(s->state, parts[0], ret_sig);
	err = sha256_parts(s->sha256, parts, count, digest);
	if (err)
		return err;
	return signer_sign_digest(s, digest, ret_sig);
}

enum err
signer_sign(struct signer *s, struct bytes message, uint8_t *ret_sig)
{
	return signer_sign_parts(s, &message, 1, ret_sig);
}
