/*
 * HPKE base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256) and DHKEM(P-256,
 * HKDF-SHA256), HKDF-SHA256, AES-256-GCM. On EVP, for OpenSSL 3.0.
 *
 * Imprint seals many small objects under one encapsulation: the context
 * exports one AEAD key per object, and each key is used once, with an
 * all-zero nonce. A context is never stored and never resumed.
 */
#ifndef IMPRINT_CRYPTO_HPKE_H
#define IMPRINT_CRYPTO_HPKE_H

#include "lib/base/buf.h"
#include "lib/crypto/key.h"

#define HPKE_ENC_MAX	65	/* 32 for X25519, 65 for P-256 */
#define HPKE_KEY_SIZE	32
#define HPKE_TAG_SIZE	16

struct hpke;

/* Sender: encapsulate to a public key. info may be empty. */
MUST_USE enum err hpke_sender_new(const struct public_key *recipient,
    struct bytes info, uint8_t ret_enc[HPKE_ENC_MAX], size_t *ret_enc_len,
    struct hpke **ret_hpke, struct diag *);
/* The next encapsulation of one who makes many: the context is forgotten, what
 * it was made with serves again. *hpke: a sender, or NULL; NULL after an
 * error. */
MUST_USE enum err hpke_sender_renew(struct hpke **hpke,
    const struct public_key *recipient, struct bytes info,
    uint8_t ret_enc[HPKE_ENC_MAX], size_t *ret_enc_len, struct diag *);
/*
 * The ephemeral pair made of a secret of 32 octets (DeriveKeyPair, 7.1.3), so
 * that what is sealed is the same each time. Of one secret the recipient, info
 * and all that is sealed must be the same for ever: of two texts under one key
 * and nonce both could be read.
 */
MUST_USE enum err hpke_sender_derive(const struct public_key *recipient,
    struct bytes secret, struct bytes info, uint8_t ret_enc[HPKE_ENC_MAX],
    size_t *ret_enc_len, struct hpke **ret_hpke, struct diag *);
/* Recipient. ERR_AUTH never: a wrong key shows at the first open. */
MUST_USE enum err hpke_recipient_new(enum key_alg, struct bytes private,
    struct bytes enc, struct bytes info, struct hpke **ret_hpke,
    struct diag *);
void	hpke_free(struct hpke **);
#define _cleanup_hpke_ __attribute__((cleanup(hpke_free)))

/* Export (5.3): len bytes, at most 255 * 32. */
MUST_USE enum err hpke_export(struct hpke *, struct bytes exporter_context,
    uint8_t *ret_key, size_t len);
/* Seal and open of the RFC (5.2), sequence numbers kept inside. */
MUST_USE enum err hpke_seal(struct hpke *, struct bytes aad,
    struct bytes plaintext, struct buf *out);
/* ERR_AUTH when the ciphertext is not for this context. */
MUST_USE enum err hpke_open(struct hpke *, struct bytes aad,
    struct bytes ciphertext, struct secret *out);

/* AES-256-GCM, contexts reused. One per thread. */
struct aead;
MUST_USE enum err aead_new(struct aead **ret_aead, struct diag *);
void	aead_free(struct aead **);
#define _cleanup_aead_ __attribute__((cleanup(aead_free)))
/* Appends ciphertext and tag to out. */
MUST_USE enum err aead_seal(struct aead *, const uint8_t key[HPKE_KEY_SIZE],
    const uint8_t nonce[12], struct bytes aad, struct bytes plaintext,
    struct buf *out);
/* Appends the plaintext to out, which must have room. ERR_AUTH. */
MUST_USE enum err aead_open(struct aead *, const uint8_t key[HPKE_KEY_SIZE],
    const uint8_t nonce[12], struct bytes aad, struct bytes ciphertext,
    struct secret *out);

#endif
