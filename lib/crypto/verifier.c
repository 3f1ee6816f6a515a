#include <stdlib.h>

#include "lib/crypto/key_internal.h"

struct verifier {
	const struct key_algorithm *algorithm;
	EVP_PKEY	*pkey;
	EVP_PKEY_CTX	*ctx;		/* P-256 */
	struct sha256	*sha256;	/* P-256 */
	EVP_MD_CTX	*md_ctx;	/* others */
};

static bool
verifier_prepare(struct verifier *v)
{
	if (v->algorithm->alg == KEY_P256) {
		v->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, v->pkey, NULL);
		return v->ctx != NULL && EVP_PKEY_verify_init(v->ctx) == 1;
	}
	v->md_ctx = EVP_MD_CTX_new();
	return v->md_ctx != NULL;
}

enum err
verifier_new(const struct public_key *public, struct verifier **ret_verifier,
    struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(public->alg);
	_cleanup_verifier_ struct verifier *v = NULL;
	enum err err;

	if (a == NULL || (a->can & KEY_SIGNS) == 0)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "verifier: algorithm %d does not sign", (int)public->alg);
	err = key_alg_available(a->alg, diag);
	if (err)
		return err;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return diag_nomem(diag);
	v->algorithm = a;
	err = sha256_new(&v->sha256, diag);
	if (err)
		return err;
	v->pkey = pkey_from_public(public);
	if (v->pkey == NULL || !verifier_prepare(v))
		return ossl_fail(diag, "verification key");
	*ret_verifier = v;
	v = NULL;	/* transferred */
	return ERR_OK;
}

/* The group stays as it is set up: that is most of what a P-256 key takes. */
enum err
verifier_renew(struct verifier **verifier, const struct public_key *public,
    struct diag *diag)
{
	_cleanup_verifier_ struct verifier *v = *verifier;

	*verifier = NULL;
	if (v == NULL || v->algorithm->alg != KEY_P256 ||
	    public->alg != KEY_P256)
		return verifier_new(public, verifier, diag);
	/* it refuses what is no point */
	if (EVP_PKEY_set1_encoded_public_key(v->pkey, public->raw,
	    public->len) != 1)
		return ossl_fail(diag, "verification key");
	*verifier = v;
	v = NULL;	/* transferred */
	return ERR_OK;
}

void
verifier_free(struct verifier **verifier)
{
	struct verifier *v = *verifier;

	if (v == NULL)
		return;
	EVP_MD_CTX_free(v->md_ctx);
	EVP_PKEY_CTX_free(v->ctx);
	EVP_PKEY_free(v->pkey);
	sha256_free(&v->sha256);
	free(v);
	*verifier = NULL;
}

/*
 * OpenSSL: 1 good, 0 bad, below 0 something else. Signatures can be made that
 * give the last: of ECDSA one that leads to the point at infinity. So whatever
 * is not good is bad, and no stranger makes an error of ours.
 */
static bool
result_good(int result)
{
	if (result != 1)
		ERR_clear_error();
	return result == 1;
}

enum err
verifier_check_digest(struct verifier *v, const uint8_t digest[SHA256_SIZE],
    struct bytes sig, bool *ret_good)
{
	uint8_t der[ECDSA_DER_MAX];
	size_t len;

	if (v->algorithm->alg != KEY_P256)
		return ERR_INVALID;
	if (sig.len != SIGNATURE_SIZE) {
		*ret_good = false;
		return ERR_OK;
	}
	len = ecdsa_to_der(sig.ptr, der);
	*ret_good = result_good(EVP_PKEY_verify(v->ctx, der, len, digest,
	    SHA256_SIZE));
	return ERR_OK;
}

static enum err
message_check(struct verifier *v, struct bytes message, struct bytes sig,
    bool *ret_good)
{
	const struct key_algorithm *a = v->algorithm;
	EVP_PKEY_CTX *ctx = NULL;	/* md_ctx's */
	uint8_t der[P384_DER_MAX];

	if (a->kind == KEY_EC)
		sig = bytes_of(der, ecdsa_put_der(sig.ptr, a->x_len, der));
	if (EVP_DigestVerifyInit_ex(v->md_ctx, &ctx, signature_digest(a),
	    NULL, NULL, v->pkey, NULL) != 1 || !signature_padding(a, ctx))
		return ossl_fail(NULL, "signature check");
	*ret_good = result_good(EVP_DigestVerify(v->md_ctx, sig.ptr, sig.len,
	    message.ptr, message.len));
	return ERR_OK;
}

enum err
verifier_check(struct verifier *v, struct bytes message, struct bytes sig,
    bool *ret_good)
{
	uint8_t digest[SHA256_SIZE];
	enum err err;

	if (sig.len != v->algorithm->signature_len) {
		*ret_good = false;
		return ERR_OK;
	}
	if (v->algorithm->alg != KEY_P256)
		return message_check(v, message, sig, ret_good);
	err = sha256_parts(v->sha256, &message, 1, digest);
	if (err)
		return err;
	return verifier_check_digest(v, digest, sig, ret_good);
}
