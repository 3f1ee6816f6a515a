#include <limits.h>
#include <stdlib.h>

#include "lib/crypto/hpke.h"
#include "lib/crypto/ossl.h"

struct aead {
	EVP_CIPHER_CTX	*encrypt;
	EVP_CIPHER_CTX	*decrypt;
};

enum err
aead_new(struct aead **ret_aead, struct diag *diag)
{
	_cleanup_aead_ struct aead *a = calloc(1, sizeof(*a));
	EVP_CIPHER *cipher;
	bool good;

	if (a == NULL)
		return diag_nomem(diag);
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	a->encrypt = EVP_CIPHER_CTX_new();
	a->decrypt = EVP_CIPHER_CTX_new();
	good = cipher != NULL && a->encrypt != NULL && a->decrypt != NULL &&
	    EVP_EncryptInit_ex2(a->encrypt, cipher, NULL, NULL, NULL) == 1 &&
	    EVP_DecryptInit_ex2(a->decrypt, cipher, NULL, NULL, NULL) == 1;
	EVP_CIPHER_free(cipher);
	if (!good)
		return ossl_fail(diag, "AES-256-GCM");
	*ret_aead = a;
	a = NULL;	/* transferred */
	return ERR_OK;
}

void
aead_free(struct aead **aead)
{
	if (*aead == NULL)
		return;
	EVP_CIPHER_CTX_free((*aead)->encrypt);
	EVP_CIPHER_CTX_free((*aead)->decrypt);
	free(*aead);
	*aead = NULL;
}

static bool
seal_run(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
    struct bytes aad, struct bytes plaintext, uint8_t *out)
{
	int len;

	if (EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL) != 1)
		return false;
	if (aad.len > 0 && EVP_EncryptUpdate(ctx, NULL, &len, aad.ptr,
	    (int)aad.len) != 1)
		return false;
	if (plaintext.len > 0 && EVP_EncryptUpdate(ctx, out, &len,
	    plaintext.ptr, (int)plaintext.len) != 1)
		return false;
	out += plaintext.len;
	return EVP_EncryptFinal_ex(ctx, out, &len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, HPKE_TAG_SIZE,
	    out) == 1;
}

enum err
aead_seal(struct aead *a, const uint8_t key[HPKE_KEY_SIZE],
    const uint8_t nonce[12], struct bytes aad, struct bytes plaintext,
    struct buf *out)
{
	size_t start = out->len;
	uint8_t *room;

	if (plaintext.len > INT_MAX || aad.len > INT_MAX)
		return ERR_LIMIT;
	room = buf_extend(out, plaintext.len + HPKE_TAG_SIZE);
	if (room == NULL)
		return buf_err(out);
	if (seal_run(a->encrypt, key, nonce, aad, plaintext, room))
		return ERR_OK;
	wipe(room, plaintext.len + HPKE_TAG_SIZE);
	out->len = start;
	return ossl_fail(NULL, "AES-256-GCM");
}

/* 1: opened, 0: the tag does not fit, -1: OpenSSL failed. */
static int
open_run(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *nonce,
    struct bytes aad, struct bytes ciphertext, uint8_t *out)
{
	uint8_t tag[HPKE_TAG_SIZE];
	int len;

	memcpy(tag, ciphertext.ptr + ciphertext.len, sizeof(tag));
	if (EVP_DecryptInit_ex2(ctx, NULL, key, nonce, NULL) != 1)
		return -1;
	if (aad.len > 0 && EVP_DecryptUpdate(ctx, NULL, &len, aad.ptr,
	    (int)aad.len) != 1)
		return -1;
	if (ciphertext.len > 0 && EVP_DecryptUpdate(ctx, out, &len,
	    ciphertext.ptr, (int)ciphertext.len) != 1)
		return -1;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, HPKE_TAG_SIZE,
	    tag) != 1)
		return -1;
	return EVP_DecryptFinal_ex(ctx, tag, &len) == 1;
}

enum err
aead_open(struct aead *a, const uint8_t key[HPKE_KEY_SIZE],
    const uint8_t nonce[12], struct bytes aad, struct bytes ciphertext,
    struct secret *out)
{
	int result;

	if (ciphertext.len < HPKE_TAG_SIZE)
		return ERR_AUTH;
	if (ciphertext.len > INT_MAX || aad.len > INT_MAX)
		return ERR_LIMIT;
	ciphertext.len -= HPKE_TAG_SIZE;
	if (ciphertext.len > out->cap - out->len)
		return ERR_LIMIT;
	result = open_run(a->decrypt, key, nonce, aad, ciphertext,
	    out->ptr + out->len);
	if (result == 1) {
		out->len += ciphertext.len;
		return ERR_OK;
	}
	wipe(out->ptr + out->len, ciphertext.len);
	if (result < 0)
		return ossl_fail(NULL, "AES-256-GCM");
	ERR_clear_error();
	return ERR_AUTH;
}
