#include <stdlib.h>

#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ossl.h"

#define HMAC_KEY_MAX	64

struct sha256 {
	EVP_MD		*md;
	EVP_MD_CTX	*ctx;
};

struct hmac {
	EVP_MAC_CTX	*ctx;
};

struct aes {
	EVP_CIPHER_CTX	*encrypt;
	EVP_CIPHER_CTX	*decrypt;
};

enum err
sha256_new(struct sha256 **ret_sha256, struct diag *diag)
{
	_cleanup_sha256_ struct sha256 *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return diag_nomem(diag);
	s->md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	s->ctx = EVP_MD_CTX_new();
	if (s->md == NULL || s->ctx == NULL)
		return ossl_fail(diag, "SHA-256");
	*ret_sha256 = s;
	s = NULL;	/* transferred */
	return ERR_OK;
}

void
sha256_free(struct sha256 **sha256)
{
	struct sha256 *s = *sha256;

	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->ctx);
	EVP_MD_free(s->md);
	free(s);
	*sha256 = NULL;
}

enum err
sha256_begin(struct sha256 *s)
{
	if (EVP_DigestInit_ex2(s->ctx, s->md, NULL) != 1)
		return ossl_fail(NULL, "SHA-256");
	return ERR_OK;
}

enum err
sha256_update(struct sha256 *s, struct bytes part)
{
	if (part.len > 0 && EVP_DigestUpdate(s->ctx, part.ptr, part.len) != 1)
		return ossl_fail(NULL, "SHA-256");
	return ERR_OK;
}

enum err
sha256_end(struct sha256 *s, uint8_t ret_digest[SHA256_SIZE])
{
	if (EVP_DigestFinal_ex(s->ctx, ret_digest, NULL) != 1)
		return ossl_fail(NULL, "SHA-256");
	return ERR_OK;
}

enum err
sha256_parts(struct sha256 *s, const struct bytes *parts, size_t count,
    uint8_t ret_digest[SHA256_SIZE])
{
	enum err err;
	size_t i;

	err = sha256_begin(s);
	for (i = 0; !err && i < count; i++)
		err = sha256_update(s, parts[i]);
	return err ? err : sha256_end(s, ret_digest);
}

enum err
sha256_once(struct bytes input, uint8_t ret_digest[SHA256_SIZE])
{
	size_t len;

	if (EVP_Q_digest(NULL, "SHA2-256", NULL, input.ptr, input.len,
	    ret_digest, &len) != 1)
		return ossl_fail(NULL, "SHA-256");
	return ERR_OK;
}

enum err
hmac_new(struct bytes key, struct hmac **ret_hmac, struct diag *diag)
{
	_cleanup_hmac_ struct hmac *h = NULL;
	char digest[] = "SHA2-256";
	OSSL_PARAM params[2];
	EVP_MAC *mac;

	if (key.len == 0 || key.len > HMAC_KEY_MAX)
		return diag_fail(diag, ERR_INVALID, "RFC 2104 2",
		    "HMAC key: %zu octets, 1 to %d allowed", key.len,
		    HMAC_KEY_MAX);
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return diag_nomem(diag);
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	h->ctx = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (h->ctx == NULL ||
	    EVP_MAC_init(h->ctx, key.ptr, key.len, params) != 1)
		return ossl_fail(diag, "HMAC-SHA-256");
	*ret_hmac = h;
	h = NULL;	/* transferred */
	return ERR_OK;
}

void
hmac_free(struct hmac **hmac)
{
	if (*hmac == NULL)
		return;
	EVP_MAC_CTX_free((*hmac)->ctx);
	free(*hmac);
	*hmac = NULL;
}

enum err
hmac_parts(struct hmac *h, const struct bytes *parts, size_t count,
    uint8_t ret_mac[SHA256_SIZE])
{
	size_t i, len;

	/* no key: start over under the one it has */
	if (EVP_MAC_init(h->ctx, NULL, 0, NULL) != 1)
		return ossl_fail(NULL, "HMAC-SHA-256");
	for (i = 0; i < count; i++)
		if (parts[i].len > 0 && EVP_MAC_update(h->ctx, parts[i].ptr,
		    parts[i].len) != 1)
			return ossl_fail(NULL, "HMAC-SHA-256");
	if (EVP_MAC_final(h->ctx, ret_mac, &len, SHA256_SIZE) != 1 ||
	    len != SHA256_SIZE)
		return ossl_fail(NULL, "HMAC-SHA-256");
	return ERR_OK;
}

static EVP_CIPHER_CTX *
aes_context(const EVP_CIPHER *cipher, const uint8_t *key, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx != NULL &&
	    EVP_CipherInit_ex2(ctx, cipher, key, NULL, encrypt, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

enum err
aes_new(struct bytes key, struct aes **ret_aes, struct diag *diag)
{
	_cleanup_aes_ struct aes *a = NULL;
	EVP_CIPHER *cipher;

	if (key.len != AES256_KEY_SIZE)
		return diag_fail(diag, ERR_INVALID, "FIPS 197",
		    "AES-256 key: %zu octets, not %d", key.len,
		    AES256_KEY_SIZE);
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return diag_nomem(diag);
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
	if (cipher != NULL) {
		a->encrypt = aes_context(cipher, key.ptr, 1);
		a->decrypt = aes_context(cipher, key.ptr, 0);
	}
	EVP_CIPHER_free(cipher);
	if (a->encrypt == NULL || a->decrypt == NULL)
		return ossl_fail(diag, "AES-256");
	*ret_aes = a;
	a = NULL;	/* transferred */
	return ERR_OK;
}

void
aes_free(struct aes **aes)
{
	if (*aes == NULL)
		return;
	EVP_CIPHER_CTX_free((*aes)->encrypt);
	EVP_CIPHER_CTX_free((*aes)->decrypt);
	free(*aes);
	*aes = NULL;
}

static enum err
block_run(EVP_CIPHER_CTX *ctx, const uint8_t in[AES_BLOCK_SIZE_],
    uint8_t ret_out[AES_BLOCK_SIZE_])
{
	uint8_t block[AES_BLOCK_SIZE_];
	int len;

	if (EVP_CipherUpdate(ctx, block, &len, in, AES_BLOCK_SIZE_) != 1 ||
	    len != AES_BLOCK_SIZE_)
		return ossl_fail(NULL, "AES-256");
	memcpy(ret_out, block, sizeof(block));
	return ERR_OK;
}

enum err
aes_encrypt_block(struct aes *a, const uint8_t in[AES_BLOCK_SIZE_],
    uint8_t ret_out[AES_BLOCK_SIZE_])
{
	return block_run(a->encrypt, in, ret_out);
}

enum err
aes_decrypt_block(struct aes *a, const uint8_t in[AES_BLOCK_SIZE_],
    uint8_t ret_out[AES_BLOCK_SIZE_])
{
	return block_run(a->decrypt, in, ret_out);
}
