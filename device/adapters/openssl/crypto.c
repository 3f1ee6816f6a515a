#include <limits.h>
#include <string.h>

#include "device/adapters/openssl/internal.h"

#define ECDSA_DER_MAX	72
#define GCM_TAG_SIZE	16

static const struct imprint_bytes no_key;

static int
crypto_sha256(void *state, const struct imprint_bytes *parts, size_t count,
    uint8_t ret_digest[IMPRINT_DEVICE_HASH_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t i;
	int good;

	(void)state;
	good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
	for (i = 0; i < count && good; i++)
		good = EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(ctx, ret_digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -1;
}

/* r || s as the DER that OpenSSL verifies; 0 when out of memory. */
static int
signature_der(const uint8_t raw[IMPRINT_DEVICE_SIGNATURE_SIZE],
    uint8_t der[ECDSA_DER_MAX])
{
	BIGNUM *r = BN_bin2bn(raw, 32, NULL);
	BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int len = 0;

	if (sig != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = NULL;	/* transferred */
		s = NULL;
		len = i2d_ECDSA_SIG(sig, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len;
}

static int
crypto_verify(void *state, const uint8_t point[IMPRINT_DEVICE_POINT_SIZE],
    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE], bool *ret_good)
{
	const struct imprint_device_public public = {
		IMPRINT_DEVICE_P256, { point + 1, 32 }, { point + 33, 32 }
	};
	_cleanup_pkey_ EVP_PKEY *key = adapter_key(&public, no_key);
	uint8_t der[ECDSA_DER_MAX];
	EVP_PKEY_CTX *ctx;
	int len, result = -1;

	(void)state;
	*ret_good = false;
	if (key == NULL)
		return 0;	/* not on the curve */
	len = signature_der(signature, der);
	ctx = EVP_PKEY_CTX_new(key, NULL);
	if (len > 0 && ctx != NULL && EVP_PKEY_verify_init(ctx) == 1) {
		*ret_good = EVP_PKEY_verify(ctx, der, (size_t)len, digest,
		    IMPRINT_DEVICE_HASH_SIZE) == 1;
		result = 0;
	}
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return result;
}

X509 *
adapter_certificate(struct imprint_bytes der)
{
	_cleanup_x509_ X509 *x = NULL;
	const uint8_t *at = der.ptr;
	uint8_t *again = NULL;
	X509 *out = NULL;
	int len;

	x = d2i_X509(NULL, &at, (long)der.len);
	if (x == NULL || at != der.ptr + der.len) {
		ERR_clear_error();
		return NULL;
	}
	len = i2d_X509(x, &again);
	if (len > 0 && (size_t)len == der.len &&
	    memcmp(again, der.ptr, der.len) == 0) {
		out = x;
		x = NULL;	/* transferred */
	}
	OPENSSL_free(again);
	ERR_clear_error();
	return out;
}

STACK_OF(X509) *
adapter_issuers(const struct imprint_device_identity *id, X509 *leaf)
{
	_cleanup_certs_ STACK_OF(X509) *chain = sk_X509_new_null();
	STACK_OF(X509) *out;
	bool found = chain != NULL;
	X509 *at = leaf, *next;
	size_t i, steps;

	for (steps = 0; found && steps < id->cert_count; steps++) {
		found = false;
		for (i = 0; i < id->cert_count && !found; i++) {
			if (i == id->root)
				continue;
			next = adapter_certificate(id->certs[i]);
			found = next != NULL &&
			    X509_check_issued(next, at) == X509_V_OK &&
			    sk_X509_push(chain, next) > 0;
			if (found)
				at = next;
			else
				X509_free(next);
		}
	}
	out = chain;
	chain = NULL;	/* transferred */
	return out;
}

int
adapter_open(void *state, const uint8_t key[32], struct imprint_bytes aad,
    struct imprint_bytes sealed, uint8_t *out, bool *ret_good)
{
	static const uint8_t nonce[12];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t tag[GCM_TAG_SIZE];
	int len, done = 0, result = -1;

	(void)state;
	*ret_good = false;
	if (sealed.len < sizeof(tag) || sealed.len > INT_MAX ||
	    aad.len > INT_MAX)
		goto out;
	len = (int)(sealed.len - sizeof(tag));
	memcpy(tag, sealed.ptr + len, sizeof(tag));
	if (ctx == NULL || EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), key,
	    nonce, NULL) != 1 || EVP_CIPHER_CTX_ctrl(ctx,
	    EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1)
		goto out;
	result = 0;
	*ret_good = EVP_DecryptUpdate(ctx, NULL, &done, aad.ptr,
	    (int)aad.len) == 1 && EVP_DecryptUpdate(ctx, out, &done,
	    sealed.ptr, len) == 1 && EVP_DecryptFinal_ex(ctx, tag,
	    &done) == 1;
out:
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return result;
}

static bool
crypto_supports(void *state, enum imprint_device_alg alg)
{
	(void)state;
	return adapter_supports(alg);
}

static int
crypto_matches(void *state, const struct imprint_device_public *public,
    struct imprint_bytes private_key, bool *ret_match)
{
	(void)state;
	*ret_match = adapter_matches(public, private_key);
	ERR_clear_error();
	return 0;
}

const struct imprint_device_crypto *
imprint_device_openssl(void)
{
	static const struct imprint_device_crypto crypto = {
		.sha256 = crypto_sha256,
		.verify = crypto_verify,
		.supports = crypto_supports,
		.matches = crypto_matches,
		.inflate = adapter_inflate,
		.open = adapter_open,
	};

	return &crypto;
}
