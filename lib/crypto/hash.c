/*
 * HMAC copies a plain SHA256_CTX for each message: 105 ns. EVP allocates at
 * every copy (170 ns), EVP_MAC does more (300 ns), and a CRL takes a million:
 * of these, short ones, several at once, 60 ns each, for a block that was just
 * written keeps the processor waiting.
 * One hash alone is looked up by name with EVP, which takes a microsecond.
 * The functions are deprecated and in every OpenSSL 3.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <stdlib.h>

#include "lib/base/secret.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ossl.h"

#include <openssl/sha.h>

#define HMAC_BLOCK	64	/* SHA-256's, and the longest key here */
#define HMAC_LANES	8	/* at once */

struct sha256 {
	EVP_MD		*md;
	EVP_MD_CTX	*ctx;
};

/* After the padded key (RFC 2104 4). */
struct hmac {
	SHA256_CTX	inner, outer;
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
	SHA256_CTX ctx;
	bool good;

	good = SHA256_Init(&ctx) == 1 && (input.len == 0 ||
	    SHA256_Update(&ctx, input.ptr, input.len) == 1) &&
	    SHA256_Final(ret_digest, &ctx) == 1;
	OPENSSL_cleanse(&ctx, sizeof(ctx));
	return good ? ERR_OK : ossl_fail(NULL, "SHA-256");
}

static bool
hmac_pad(SHA256_CTX *ctx, struct bytes key, uint8_t pad)
{
	uint8_t block[HMAC_BLOCK];
	bool good;
	size_t i;

	for (i = 0; i < HMAC_BLOCK; i++)
		block[i] = i < key.len ? key.ptr[i] ^ pad : pad;
	good = SHA256_Init(ctx) == 1 &&
	    SHA256_Update(ctx, block, HMAC_BLOCK) == 1;
	OPENSSL_cleanse(block, sizeof(block));
	return good;
}

enum err
hmac_key(struct hmac *h, struct bytes key, struct diag *diag)
{
	if (key.len == 0 || key.len > HMAC_BLOCK)
		return diag_fail(diag, ERR_INVALID, "RFC 2104 2",
		    "HMAC key: %zu octets, 1 to %d allowed", key.len,
		    HMAC_BLOCK);
	if (!hmac_pad(&h->inner, key, 0x36) ||
	    !hmac_pad(&h->outer, key, 0x5c))
		return ossl_fail(diag, "HMAC-SHA-256");
	return ERR_OK;
}

enum err
hmac_new(struct bytes key, struct hmac **ret_hmac, struct diag *diag)
{
	_cleanup_hmac_ struct hmac *h = calloc(1, sizeof(*h));
	enum err err;

	if (h == NULL)
		return diag_nomem(diag);
	err = hmac_key(h, key, diag);
	if (err)
		return err;
	*ret_hmac = h;
	h = NULL;	/* transferred */
	return ERR_OK;
}

void
hmac_free(struct hmac **hmac)
{
	if (*hmac == NULL)
		return;
	OPENSSL_cleanse(*hmac, sizeof(**hmac));
	free(*hmac);
	*hmac = NULL;
}

enum err
hmac_parts(struct hmac *h, const struct bytes *parts, size_t count,
    uint8_t ret_mac[SHA256_SIZE])
{
	SHA256_CTX work = h->inner;
	uint8_t inner[SHA256_SIZE];
	bool good = true;
	size_t i;

	for (i = 0; i < count && good; i++)
		good = parts[i].len == 0 || SHA256_Update(&work,
		    parts[i].ptr, parts[i].len) == 1;
	good = good && SHA256_Final(inner, &work) == 1;
	work = h->outer;
	if (!good || SHA256_Update(&work, inner, SHA256_SIZE) != 1 ||
	    SHA256_Final(ret_mac, &work) != 1)
		return ossl_fail(NULL, "HMAC-SHA-256");
	return ERR_OK;
}

/* The end of the message, in its second block: len octets of the text are
 * there (FIPS 180-4 5.1.1). */
static void
lane_end(uint8_t block[HMAC_BLOCK], size_t len)
{
	memset(block + len, 0, HMAC_BLOCK - len);
	block[len] = 0x80;
	put_be16(block + HMAC_BLOCK - 2, (uint16_t)((HMAC_BLOCK + len) * 8));
}

static void
lane_hash(const SHA256_CTX *pad, const uint8_t block[HMAC_BLOCK],
    SHA256_CTX *state)
{
	memcpy(state->h, pad->h, sizeof(state->h));
	SHA256_Transform(state, block);
}

static void
lane_put(const SHA256_CTX *state, uint8_t *out)
{
	size_t i;

	for (i = 0; i < SHA256_SIZE / sizeof(uint32_t); i++)
		put_be32(out + sizeof(uint32_t) * i, state->h[i]);
}

enum err
hmac_many(const struct hmac *h, struct bytes texts, size_t len,
    uint8_t *ret_macs)
{
	uint8_t blocks[HMAC_LANES][HMAC_BLOCK];
	SHA256_CTX states[HMAC_LANES];
	size_t left, lanes, i;

	if (len == 0 || len > HMAC_MANY_MAX || texts.len % len != 0)
		return ERR_INTERNAL;
	for (left = texts.len / len; left > 0; left -= lanes) {
		lanes = left < HMAC_LANES ? left : HMAC_LANES;
		for (i = 0; i < lanes; i++, texts.ptr += len) {
			memcpy(blocks[i], texts.ptr, len);
			lane_end(blocks[i], len);
		}
		for (i = 0; i < lanes; i++)
			lane_hash(&h->inner, blocks[i], &states[i]);
		for (i = 0; i < lanes; i++) {
			lane_put(&states[i], blocks[i]);
			lane_end(blocks[i], SHA256_SIZE);
		}
		for (i = 0; i < lanes; i++)
			lane_hash(&h->outer, blocks[i], &states[i]);
		for (i = 0; i < lanes; i++, ret_macs += SHA256_SIZE)
			lane_put(&states[i], ret_macs);
	}
	OPENSSL_cleanse(blocks, sizeof(blocks));
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
aes_encrypt_blocks(struct aes *a, uint8_t *blocks, size_t count)
{
	int len;

	if (count > AES_BLOCKS_MAX)
		return ERR_INTERNAL;
	if (count > 0 && (EVP_CipherUpdate(a->encrypt, blocks, &len, blocks,
	    (int)(count * AES_BLOCK_SIZE_)) != 1 ||
	    len != (int)(count * AES_BLOCK_SIZE_)))
		return ossl_fail(NULL, "AES-256");
	return ERR_OK;
}

enum err
aes_decrypt_block(struct aes *a, const uint8_t in[AES_BLOCK_SIZE_],
    uint8_t ret_out[AES_BLOCK_SIZE_])
{
	return block_run(a->decrypt, in, ret_out);
}
