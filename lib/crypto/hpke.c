#include <stdlib.h>

#include "lib/crypto/hpke.h"
#include "lib/crypto/hpke_internal.h"
#include "lib/crypto/key_internal.h"

#define KEM_P256	0x0010	/* RFC 9180 7.1 */
#define KEM_X25519	0x0020
#define KDF_SHA256	0x0001	/* 7.2 */
#define AEAD_AES256GCM	0x0002	/* 7.3 */
#define MODE_BASE	0x00	/* 5 */
#define NONCE_SIZE	12
#define EXPAND_MAX	(255 * SHA256_SIZE)
#define CONTEXT_SIZE	(1 + 2 * SHA256_SIZE)

struct hpke {
	uint8_t		 suite[10];	/* "HPKE", KEM, KDF, AEAD */
	struct hmac	*exporter;	/* keyed with exporter_secret */
	struct aead	*aead;
	uint8_t		 key[HPKE_KEY_SIZE];
	uint8_t		 base_nonce[NONCE_SIZE];
	uint64_t	 sequence;
	bool		 is_sender;
	/* a sender's, of P-256 and X25519: made when they are needed */
	struct keygen	*keygen[2];
};

/* The ephemeral side and the recipient's, as the KEM mixes them in. */
struct kem {
	enum key_alg	 alg;
	struct bytes	 enc;
	struct bytes	 recipient;
	uint8_t		 dh[32];
};

/* LabeledExtract (4), returned as an HMAC ready to expand. */
static enum err
labeled_extract(struct bytes suite, struct bytes salt, const char *label,
    struct bytes ikm, uint8_t ret_prk[SHA256_SIZE], struct diag *diag)
{
	/* RFC 5869 2.2: no salt is a salt of zeros */
	static const uint8_t zeros[SHA256_SIZE];
	_cleanup_hmac_ struct hmac *hmac = NULL;
	struct bytes parts[4];
	enum err err;

	if (salt.len == 0)
		salt = bytes_of(zeros, sizeof(zeros));
	err = hmac_new(salt, &hmac, diag);
	if (err)
		return err;
	parts[0] = bytes_text("HPKE-v1");
	parts[1] = suite;
	parts[2] = bytes_text(label);
	parts[3] = ikm;
	return hmac_parts(hmac, parts, 4, ret_prk);
}

/* LabeledExpand (4) over HKDF-Expand (RFC 5869 2.3); prk is in hmac. */
static enum err
labeled_expand(struct hmac *hmac, struct bytes suite, const char *label,
    struct bytes info, uint8_t *ret_out, size_t len)
{
	uint8_t block[SHA256_SIZE], size[2], counter = 0;
	struct bytes parts[7];
	size_t n, done = 0;
	enum err err = ERR_OK;

	if (len > EXPAND_MAX)
		return ERR_LIMIT;
	put_be16(size, (uint16_t)len);
	parts[0] = BYTES_NONE;
	parts[1] = bytes_of(size, sizeof(size));
	parts[2] = bytes_text("HPKE-v1");
	parts[3] = suite;
	parts[4] = bytes_text(label);
	parts[5] = info;
	parts[6] = bytes_of(&counter, 1);
	while (!err && done < len) {
		counter++;
		err = hmac_parts(hmac, parts, 7, block);
		if (err)
			break;
		n = len - done < SHA256_SIZE ? len - done : SHA256_SIZE;
		memcpy(ret_out + done, block, n);
		done += n;
		parts[0] = bytes_of(block, sizeof(block));
	}
	wipe(block, sizeof(block));
	if (err)
		wipe(ret_out, len);
	return err;
}

static uint16_t
kem_id(enum key_alg alg)
{
	return alg == KEY_P256 ? KEM_P256 : KEM_X25519;
}

/* ExtractAndExpand (4.1). */
static enum err
shared_secret(const struct kem *kem, uint8_t ret_secret[SHA256_SIZE],
    struct diag *diag)
{
	_cleanup_hmac_ struct hmac *hmac = NULL;
	uint8_t prk[SHA256_SIZE], suite[5] = "KEM";
	uint8_t context[2 * HPKE_ENC_MAX];
	struct bytes suite_id = bytes_of(suite, sizeof(suite));
	enum err err;

	put_be16(suite + 3, kem_id(kem->alg));
	memcpy(context, kem->enc.ptr, kem->enc.len);
	memcpy(context + kem->enc.len, kem->recipient.ptr,
	    kem->recipient.len);
	err = labeled_extract(suite_id, BYTES_NONE, "eae_prk",
	    bytes_of(kem->dh, sizeof(kem->dh)), prk, diag);
	if (!err)
		err = hmac_new(bytes_of(prk, sizeof(prk)), &hmac, diag);
	wipe(prk, sizeof(prk));
	if (err)
		return err;
	return labeled_expand(hmac, suite_id, "shared_secret",
	    bytes_of(context, kem->enc.len + kem->recipient.len),
	    ret_secret, SHA256_SIZE);
}

static enum err
schedule_expand(struct hpke *h, struct hmac *secret, struct bytes context,
    struct diag *diag)
{
	struct bytes suite = bytes_of(h->suite, sizeof(h->suite));
	uint8_t exporter[SHA256_SIZE];
	enum err err;

	err = labeled_expand(secret, suite, "key", context, h->key,
	    sizeof(h->key));
	if (!err)
		err = labeled_expand(secret, suite, "base_nonce", context,
		    h->base_nonce, sizeof(h->base_nonce));
	if (!err)
		err = labeled_expand(secret, suite, "exp", context, exporter,
		    sizeof(exporter));
	if (!err)
		err = h->exporter != NULL ?
		    hmac_key(h->exporter, bytes_of(exporter,
		    sizeof(exporter)), diag) :
		    hmac_new(bytes_of(exporter, sizeof(exporter)),
		    &h->exporter, diag);
	wipe(exporter, sizeof(exporter));
	return err;
}

/* KeySchedule (5.1) of the base mode: no PSK. */
static enum err
schedule_run(struct hpke *h, struct bytes shared, struct bytes info,
    struct diag *diag)
{
	_cleanup_hmac_ struct hmac *hmac = NULL;
	struct bytes suite = bytes_of(h->suite, sizeof(h->suite));
	uint8_t secret[SHA256_SIZE], context[CONTEXT_SIZE] = { MODE_BASE };
	enum err err;

	err = labeled_extract(suite, BYTES_NONE, "psk_id_hash", BYTES_NONE,
	    context + 1, diag);
	if (!err)
		err = labeled_extract(suite, BYTES_NONE, "info_hash", info,
		    context + 1 + SHA256_SIZE, diag);
	if (!err)
		err = labeled_extract(suite, shared, "secret", BYTES_NONE,
		    secret, diag);
	if (!err)
		err = hmac_new(bytes_of(secret, sizeof(secret)), &hmac, diag);
	wipe(secret, sizeof(secret));
	if (err)
		return err;
	return schedule_expand(h, hmac, bytes_of(context, sizeof(context)),
	    diag);
}

static enum err
context_new(bool is_sender, struct hpke **ret_hpke, struct diag *diag)
{
	_cleanup_hpke_ struct hpke *h = calloc(1, sizeof(*h));
	enum err err;

	if (h == NULL)
		return diag_nomem(diag);
	h->is_sender = is_sender;
	err = aead_new(&h->aead, diag);
	if (err)
		return err;
	*ret_hpke = h;
	h = NULL;	/* transferred */
	return ERR_OK;
}

/* Begin with this secret, whatever was there before. */
static enum err
context_set(struct hpke *h, const struct kem *kem, struct bytes info,
    struct diag *diag)
{
	uint8_t shared[SHA256_SIZE];
	enum err err;

	h->sequence = 0;
	memcpy(h->suite, "HPKE", 4);
	put_be16(h->suite + 4, kem_id(kem->alg));
	put_be16(h->suite + 6, KDF_SHA256);
	put_be16(h->suite + 8, AEAD_AES256GCM);
	err = shared_secret(kem, shared, diag);
	if (!err)
		err = schedule_run(h, bytes_of(shared, sizeof(shared)), info,
		    diag);
	wipe(shared, sizeof(shared));
	return err ? diag_fail(diag, err, "RFC 9180 5.1",
	    "HPKE: key schedule failed") : ERR_OK;
}

/* DH(skX, pkY); the peer's key has been checked (7.1.4). */
static enum err
dh_run(const struct public_key *own, struct bytes private,
    const struct public_key *peer, uint8_t ret_dh[32], struct diag *diag)
{
	static const uint8_t zeros[32];
	_cleanup_pkey_ EVP_PKEY *pair = pkey_from_pair(own, private);
	_cleanup_pkey_ EVP_PKEY *other = pkey_from_public(peer);
	_cleanup_pkey_ctx_ EVP_PKEY_CTX *ctx = NULL;
	size_t len = 32;

	if (pair == NULL || other == NULL)
		return ossl_fail(diag, "key agreement");
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
	if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer_ex(ctx, other, 0) != 1 ||
	    EVP_PKEY_derive(ctx, ret_dh, &len) != 1 || len != 32)
		return ossl_fail(diag, "key agreement");
	/* 7.1.4: a MUST for X25519 */
	if (CRYPTO_memcmp(ret_dh, zeros, sizeof(zeros)) == 0)
		return diag_fail(diag, ERR_INVALID, "RFC 9180 7.1.4",
		    "HPKE: the shared secret is all zero");
	return ERR_OK;
}

static enum err
alg_check(enum key_alg alg, struct diag *diag)
{
	if (alg == KEY_P256 || alg == KEY_X25519)
		return ERR_OK;
	return diag_fail(diag, ERR_INVALID, "RFC 9180 7.1",
	    "HPKE: algorithm %d is no key agreement", (int)alg);
}

static enum err
sender_keygen(struct hpke *h, enum key_alg alg, struct keygen **ret_keygen,
    struct diag *diag)
{
	struct keygen **own = &h->keygen[alg == KEY_X25519];
	enum err err = ERR_OK;

	if (*own == NULL)
		err = keygen_new(alg, own, diag);
	*ret_keygen = *own;
	return err;
}

/* Encap (4.1) with the ephemeral pair given. */
static enum err
sender_start(struct hpke *h, const struct public_key *recipient,
    const struct public_key *ephemeral, struct bytes private,
    struct bytes info, struct diag *diag)
{
	struct keygen *keygen = NULL;
	struct public_key checked;
	struct kem kem;
	enum err err;

	err = public_key_check(recipient->alg,
	    bytes_of(recipient->raw, recipient->len), &checked, diag);
	if (!err)
		err = sender_keygen(h, recipient->alg, &keygen, diag);
	if (err)
		return err;
	kem.alg = recipient->alg;
	kem.enc = bytes_of(ephemeral->raw, ephemeral->len);
	kem.recipient = bytes_of(checked.raw, checked.len);
	/* a shared x of 0 is no point that a checked one leads to */
	err = kem.alg == KEY_P256 ?
	    keygen_agree(keygen, private, &checked, kem.dh) :
	    dh_run(ephemeral, private, &checked, kem.dh, diag);
	if (!err)
		err = context_set(h, &kem, info, diag);
	wipe(kem.dh, sizeof(kem.dh));
	return err;
}

enum err
hpke_sender_new_fixed(const struct public_key *recipient,
    struct bytes ephemeral, struct bytes info, uint8_t ret_enc[HPKE_ENC_MAX],
    size_t *ret_enc_len, struct hpke **ret_hpke, struct diag *diag)
{
	_cleanup_hpke_ struct hpke *h = NULL;
	struct public_key public;
	enum err err;

	err = alg_check(recipient->alg, diag);
	if (!err)
		err = key_derive_public(recipient->alg, ephemeral, &public,
		    diag);
	if (!err)
		err = context_new(true, &h, diag);
	if (!err)
		err = sender_start(h, recipient, &public, ephemeral, info,
		    diag);
	if (err)
		return err;
	memcpy(ret_enc, public.raw, public.len);
	*ret_enc_len = public.len;
	*ret_hpke = h;
	h = NULL;	/* transferred */
	return ERR_OK;
}

/* DeriveKeyPair (7.1.3). A scalar of P-256 may be out of range: the next. */
static enum err
pair_derive(enum key_alg alg, struct bytes secret, uint8_t ret_private[32],
    struct diag *diag)
{
	_cleanup_hmac_ struct hmac *hmac = NULL;
	uint8_t prk[SHA256_SIZE], suite[5] = "KEM", counter = 0;
	struct bytes suite_id = bytes_of(suite, sizeof(suite));
	struct public_key public;
	enum err err;

	put_be16(suite + 3, kem_id(alg));
	err = labeled_extract(suite_id, BYTES_NONE, "dkp_prk", secret, prk,
	    diag);
	if (!err)
		err = hmac_new(bytes_of(prk, sizeof(prk)), &hmac, diag);
	wipe(prk, sizeof(prk));
	if (!err && alg == KEY_X25519)
		return labeled_expand(hmac, suite_id, "sk", BYTES_NONE,
		    ret_private, 32);
	while (!err) {
		err = labeled_expand(hmac, suite_id, "candidate",
		    bytes_of(&counter, 1), ret_private, 32);
		if (err || key_derive_public(alg, bytes_of(ret_private, 32),
		    &public, NULL) != ERR_INVALID || counter == UINT8_MAX)
			break;
		counter++;
	}
	return err;
}

enum err
hpke_sender_derive(const struct public_key *recipient, struct bytes secret,
    struct bytes info, uint8_t ret_enc[HPKE_ENC_MAX], size_t *ret_enc_len,
    struct hpke **ret_hpke, struct diag *diag)
{
	uint8_t private[32];
	enum err err;

	err = alg_check(recipient->alg, diag);
	if (!err)
		err = pair_derive(recipient->alg, secret, private, diag);
	if (!err)
		err = hpke_sender_new_fixed(recipient, bytes_of(private,
		    sizeof(private)), info, ret_enc, ret_enc_len, ret_hpke,
		    diag);
	wipe(private, sizeof(private));
	return err;
}

static enum err
sender_run(struct hpke *h, const struct public_key *recipient,
    struct bytes info, struct public_key *ret_ephemeral, struct diag *diag)
{
	uint8_t private[KEY_PRIVATE_SIZE];
	struct keygen *keygen = NULL;
	size_t len = 0;
	enum err err;

	err = sender_keygen(h, recipient->alg, &keygen, diag);
	if (!err)
		err = keygen_run(keygen, ret_ephemeral, private, &len);
	if (!err)
		err = sender_start(h, recipient, ret_ephemeral,
		    bytes_of(private, len), info, diag);
	wipe(private, sizeof(private));
	return err;
}

enum err
hpke_sender_renew(struct hpke **hpke, const struct public_key *recipient,
    struct bytes info, uint8_t ret_enc[HPKE_ENC_MAX], size_t *ret_enc_len,
    struct diag *diag)
{
	_cleanup_hpke_ struct hpke *h = *hpke;
	struct public_key public;
	enum err err;

	*hpke = NULL;	/* nothing is sealed under the last one again */
	err = alg_check(recipient->alg, diag);
	if (err)
		return err;
	if (h == NULL)
		err = context_new(true, &h, diag);
	if (!err)
		err = sender_run(h, recipient, info, &public, diag);
	if (err)
		return diag_fail(diag, err, "RFC 9180 4.1",
		    "HPKE: encapsulation failed");
	memcpy(ret_enc, public.raw, public.len);
	*ret_enc_len = public.len;
	*hpke = h;
	h = NULL;	/* transferred */
	return ERR_OK;
}

enum err
hpke_sender_new(const struct public_key *recipient, struct bytes info,
    uint8_t ret_enc[HPKE_ENC_MAX], size_t *ret_enc_len,
    struct hpke **ret_hpke, struct diag *diag)
{
	_cleanup_hpke_ struct hpke *h = NULL;
	enum err err;

	err = hpke_sender_renew(&h, recipient, info, ret_enc, ret_enc_len,
	    diag);
	if (err)
		return err;
	*ret_hpke = h;
	h = NULL;	/* transferred */
	return ERR_OK;
}

enum err
hpke_recipient_new(enum key_alg alg, struct bytes private, struct bytes enc,
    struct bytes info, struct hpke **ret_hpke, struct diag *diag)
{
	_cleanup_hpke_ struct hpke *h = NULL;
	struct public_key own, ephemeral;
	struct kem kem = { .alg = alg };
	enum err err;

	err = alg_check(alg, diag);
	if (err)
		return err;
	err = key_derive_public(alg, private, &own, diag);
	if (err)
		return err;
	err = public_key_check(alg, enc, &ephemeral, diag);
	if (err) {
		diag_prefix(diag, "HPKE: encapsulated key");
		return err;
	}
	kem.enc = bytes_of(ephemeral.raw, ephemeral.len);
	kem.recipient = bytes_of(own.raw, own.len);
	err = dh_run(&own, private, &ephemeral, kem.dh, diag);
	if (!err)
		err = context_new(false, &h, diag);
	if (!err)
		err = context_set(h, &kem, info, diag);
	wipe(kem.dh, sizeof(kem.dh));
	if (err)
		return err;
	*ret_hpke = h;
	h = NULL;	/* transferred */
	return ERR_OK;
}

void
hpke_free(struct hpke **hpke)
{
	struct hpke *h = *hpke;

	if (h == NULL)
		return;
	hmac_free(&h->exporter);
	aead_free(&h->aead);
	keygen_free(&h->keygen[0]);
	keygen_free(&h->keygen[1]);
	wipe(h, sizeof(*h));
	free(h);
	*hpke = NULL;
}

enum err
hpke_export(struct hpke *h, struct bytes exporter_context, uint8_t *ret_key,
    size_t len)
{
	return labeled_expand(h->exporter,
	    bytes_of(h->suite, sizeof(h->suite)), "sec", exporter_context,
	    ret_key, len);
}

/* ComputeNonce (5.2). */
static void
nonce_compute(const struct hpke *h, uint8_t ret_nonce[NONCE_SIZE])
{
	uint8_t sequence[8];
	size_t i;

	put_be64(sequence, h->sequence);
	memcpy(ret_nonce, h->base_nonce, NONCE_SIZE);
	for (i = 0; i < sizeof(sequence); i++)
		ret_nonce[NONCE_SIZE - sizeof(sequence) + i] ^= sequence[i];
}

enum err
hpke_seal(struct hpke *h, struct bytes aad, struct bytes plaintext,
    struct buf *out)
{
	uint8_t nonce[NONCE_SIZE];
	enum err err;

	if (!h->is_sender)
		return ERR_STATE;
	if (h->sequence == UINT64_MAX)
		return ERR_LIMIT;
	nonce_compute(h, nonce);
	err = aead_seal(h->aead, h->key, nonce, aad, plaintext, out);
	if (!err)
		h->sequence++;
	return err;
}

enum err
hpke_open(struct hpke *h, struct bytes aad, struct bytes ciphertext,
    struct secret *out)
{
	uint8_t nonce[NONCE_SIZE];
	enum err err;

	if (h->is_sender)
		return ERR_STATE;
	if (h->sequence == UINT64_MAX)
		return ERR_LIMIT;
	nonce_compute(h, nonce);
	err = aead_open(h->aead, h->key, nonce, aad, ciphertext, out);
	if (!err)
		h->sequence++;
	return err;
}
