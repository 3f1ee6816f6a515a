#include "lib/crypto/scrypt.h"

#include "lib/crypto/ossl.h"

#include <openssl/kdf.h>

static bool
params_allowed(uint64_t n, uint32_t r, uint32_t p)
{
	if (n < 2 || (n & (n - 1)) != 0 || r == 0 || p == 0)
		return false;
	if (p >= (UINT32_C(1) << 30) / r)
		return false;
	return n <= SCRYPT_MEMORY_MAX / 128 / r &&
	    (uint64_t)p * r <= SCRYPT_MEMORY_MAX / 128;
}

/* An octet string parameter; OpenSSL reads it only. */
static OSSL_PARAM
octets_param(const char *name, struct bytes value)
{
	static const uint8_t none[1];

	return OSSL_PARAM_construct_octet_string(name,
	    (void *)(uintptr_t)(value.len > 0 ? value.ptr : none), value.len);
}

static enum err
kdf_run(EVP_KDF_CTX *ctx, const OSSL_PARAM *params, struct secret *key)
{
	if (ctx == NULL ||
	    EVP_KDF_derive(ctx, key->ptr, SCRYPT_KEY_SIZE, params) != 1)
		return ERR_CRYPTO;
	key->len = SCRYPT_KEY_SIZE;
	return ERR_OK;
}

enum err
scrypt_derive(struct bytes passphrase, struct bytes salt, uint64_t n,
    uint32_t r, uint32_t p, struct secret *ret_key, struct diag *diag)
{
	_cleanup_secret_ struct secret key = SECRET_INIT;
	/* the tables of RFC 7914 5 and 6, and OpenSSL's own on top */
	uint64_t memory = 2 * SCRYPT_MEMORY_MAX;
	OSSL_PARAM params[7];
	EVP_KDF_CTX *ctx;
	EVP_KDF *kdf;
	enum err err;

	if (!params_allowed(n, r, p))
		return diag_fail(diag, ERR_INVALID, "RFC 7914 2",
		    "scrypt: parameters N %llu, r %u, p %u are not allowed",
		    (unsigned long long)n, r, p);
	err = secret_alloc(&key, SCRYPT_KEY_SIZE);
	if (err)
		return diag_nomem(diag);
	params[0] = octets_param(OSSL_KDF_PARAM_PASSWORD, passphrase);
	params[1] = octets_param(OSSL_KDF_PARAM_SALT, salt);
	params[2] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n);
	params[3] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r);
	params[4] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p);
	params[5] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM,
	    &memory);
	params[6] = OSSL_PARAM_construct_end();
	kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	EVP_KDF_free(kdf);
	err = kdf_run(ctx, params, &key);
	EVP_KDF_CTX_free(ctx);
	if (err)
		return ossl_fail(diag, "scrypt");
	*ret_key = key;
	key = (struct secret)SECRET_INIT;	/* transferred */
	return ERR_OK;
}
