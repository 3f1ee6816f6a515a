/*
 * A key store's key as one of OpenSSL's, so that TLS and requests can be
 * signed by what never gives its keys out. EC_KEY_METHOD is deprecated and in
 * every OpenSSL 3; what follows it is a provider, which has to be loaded into
 * the whole process.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <string.h>

#include "device/adapters/openssl/internal.h"

/* Of the EC_KEY, for the application's data (CRYPTO_get_ex_new_index(3)). */
#define APP_DATA	0

static ECDSA_SIG *
handle_sign(const unsigned char *digest, int len, const BIGNUM *kinv,
    const BIGNUM *r_in, EC_KEY *ec)
{
	const struct adapter_handle *h = EC_KEY_get_ex_data(ec, APP_DATA);
	uint8_t raw[IMPRINT_DEVICE_SIGNATURE_SIZE];
	BIGNUM *r = NULL, *s = NULL;
	ECDSA_SIG *sig = NULL;

	(void)kinv;
	(void)r_in;
	if (len != IMPRINT_DEVICE_HASH_SIZE ||
	    h->keys->sign(h->keys->state, &h->key, digest, raw) != 0)
		return NULL;
	r = BN_bin2bn(raw, 32, NULL);
	s = BN_bin2bn(raw + 32, 32, NULL);
	sig = ECDSA_SIG_new();
	if (r != NULL && s != NULL && sig != NULL &&
	    ECDSA_SIG_set0(sig, r, s) == 1)
		return sig;
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return NULL;
}

/* The public key alone, with a method that signs elsewhere. */
static EC_KEY *
ec_key_make(struct adapter_handle *h)
{
	const struct imprint_device_public *public = &h->key.public_key;
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *x = BN_bin2bn(public->x.ptr, (int)public->x.len, NULL);
	BIGNUM *y = BN_bin2bn(public->y.ptr, (int)public->y.len, NULL);
	bool good;

	h->method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	good = ec != NULL && x != NULL && y != NULL && h->method != NULL &&
	    EC_KEY_set_public_key_affine_coordinates(ec, x, y) == 1;
	if (good) {
		int (*sign)(int, const unsigned char *, int, unsigned char *,
		    unsigned int *, const BIGNUM *, const BIGNUM *, EC_KEY *);
		int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);

		EC_KEY_METHOD_get_sign(h->method, &sign, &setup, NULL);
		EC_KEY_METHOD_set_sign(h->method, sign, setup, handle_sign);
		good = EC_KEY_set_method(ec, h->method) == 1 &&
		    EC_KEY_set_ex_data(ec, APP_DATA, h) == 1;
	}
	BN_free(x);
	BN_free(y);
	if (good)
		return ec;
	EC_KEY_free(ec);
	return NULL;
}

EVP_PKEY *
adapter_handle_open(struct adapter_handle *h,
    const struct imprint_device_keystore *keys,
    const struct imprint_device_key *key)
{
	EC_KEY *ec = NULL;

	memset(h, 0, sizeof(*h));
	if (keys == NULL || key->public_key.alg != IMPRINT_DEVICE_P256)
		return NULL;
	h->keys = keys;
	h->key = *key;
	h->pkey = EVP_PKEY_new();
	ec = ec_key_make(h);
	if (h->pkey != NULL && ec != NULL &&
	    EVP_PKEY_assign_EC_KEY(h->pkey, ec) == 1)
		return h->pkey;
	EC_KEY_free(ec);
	adapter_handle_close(h);
	return NULL;
}

void
adapter_handle_close(struct adapter_handle *h)
{
	EVP_PKEY_free(h->pkey);
	if (h->method != NULL)
		EC_KEY_METHOD_free(h->method);
	memset(h, 0, sizeof(*h));
}

int
imprint_openssl_request(const struct imprint_device_keystore *keys,
    unsigned handle, uint8_t *out, size_t size, size_t *ret_len)
{
	_cleanup_handle_ struct adapter_handle h = { .pkey = NULL };
	uint8_t room[IMPRINT_DEVICE_HELD_SIZE];
	struct imprint_device_key key = { .slot = handle };
	X509_REQ *request = X509_REQ_new();
	int len = 0;

	if (request != NULL && handle < IMPRINT_DEVICE_HANDLES &&
	    keys->get(keys->state, handle, room, &key.public_key) == 0 &&
	    adapter_handle_open(&h, keys, &key) != NULL &&
	    X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
	    X509_REQ_set_pubkey(request, h.pkey) == 1 &&
	    X509_REQ_sign(request, h.pkey, EVP_sha256()) > 0)
		len = i2d_X509_REQ(request, NULL);
	if (len > 0 && (size_t)len <= size)
		*ret_len = (size_t)i2d_X509_REQ(request, &out);
	else
		len = 0;
	X509_REQ_free(request);
	ERR_clear_error();
	return len > 0 ? 0 : -1;
}
