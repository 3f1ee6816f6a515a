/*
 * Key pairs, signing and verifying. OpenSSL does the mathematics; nothing
 * of it shows here. Every object belongs to one thread.
 *
 * Raw forms: P-256 private 32 bytes big-endian scalar, public 65 bytes
 * uncompressed point (SEC 1 2.3.3), signature r || s 64 bytes (RFC 9053
 * 2.1). X25519 and Ed25519: 32, 32, signature 64 (RFC 7748, RFC 8032).
 */
#ifndef IMPRINT_CRYPTO_KEY_H
#define IMPRINT_CRYPTO_KEY_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/base/secret.h"
#include "lib/crypto/hash.h"

enum key_alg {
	KEY_P256 = 1,
	KEY_X25519 = 2,
	KEY_ED25519 = 3
};

#define KEY_PRIVATE_SIZE	32	/* of every algorithm here */
#define KEY_PUBLIC_MAX		65
#define SIGNATURE_SIZE		64

/* A public key by value. */
struct public_key {
	enum key_alg	alg;
	size_t		len;			/* 65 or 32 */
	uint8_t		raw[KEY_PUBLIC_MAX];
};

/* "P-256", "X25519", "Ed25519"; NULL for a number that is none. */
const char *key_alg_name(enum key_alg);
/* The reverse; ERR_NOTFOUND. */
MUST_USE enum err key_alg_by_name(const char *, enum key_alg *ret_alg);

/* Makes key pairs of one algorithm, its context set up once. */
struct keygen;
MUST_USE enum err keygen_new(enum key_alg, struct keygen **ret_keygen,
    struct diag *);
void	keygen_free(struct keygen **);
#define _cleanup_keygen_ __attribute__((cleanup(keygen_free)))
/* private points into secret memory the caller owns. ERR_CRYPTO. */
MUST_USE enum err keygen_run(struct keygen *, struct public_key *ret_public,
    uint8_t private[KEY_PRIVATE_SIZE]);

/* One key pair, for the odd one. ret_private: SECRET_INIT. */
MUST_USE enum err key_pair_make(enum key_alg, struct public_key *ret_public,
    struct secret *ret_private, struct diag *);

/* The public key of a raw private one. ERR_INVALID when it is no key. */
MUST_USE enum err key_derive_public(enum key_alg, struct bytes private,
    struct public_key *ret_public, struct diag *);
/*
 * Is raw a valid public key: right length, on the curve, and for X25519 not
 * one of the small-order points? ERR_INVALID says why.
 */
MUST_USE enum err public_key_check(enum key_alg, struct bytes raw,
    struct public_key *ret_public, struct diag *);

/*
 * A P-256 point as 33 octets (SEC 1 2.3.3 compressed), and back; the way back
 * is ERR_CORRUPT when no such point exists.
 */
#define P256_COMPRESSED_SIZE	33
void	p256_compress(const uint8_t raw[KEY_PUBLIC_MAX],
	    uint8_t ret_compressed[P256_COMPRESSED_SIZE]);
MUST_USE enum err p256_decompress(
    const uint8_t compressed[P256_COMPRESSED_SIZE],
    struct public_key *ret_public);

/* Signs with one key. */
struct signer;
/* A signer on a raw private key (KEY_P256 or KEY_ED25519). */
MUST_USE enum err signer_new(enum key_alg, struct bytes private,
    struct signer **ret_signer, struct diag *);
void	signer_free(struct signer **);
#define _cleanup_signer_ __attribute__((cleanup(signer_free)))
enum key_alg signer_alg(const struct signer *);
const struct public_key *signer_public(const struct signer *);
/* P-256 only: ECDSA over a SHA-256 digest. ERR_CRYPTO. */
MUST_USE enum err signer_sign_digest(struct signer *,
    const uint8_t digest[SHA256_SIZE], uint8_t ret_sig[SIGNATURE_SIZE]);
/* Either algorithm, over the message. */
MUST_USE enum err signer_sign(struct signer *, struct bytes message,
    uint8_t ret_sig[SIGNATURE_SIZE]);

/*
 * For keys that live elsewhere (an HSM): a signer is this table. The
 * keystore makes them; signer_free() calls free(state).
 */
struct signer_ops {
	/* ECDSA P-256 over a digest, or Ed25519 over a message */
	enum err	(*sign)(void *state, struct bytes input,
			    uint8_t ret_sig[SIGNATURE_SIZE]);
	void		(*free)(void *state);
};
MUST_USE enum err signer_new_ops(const struct signer_ops *, void *state,
    const struct public_key *, struct signer **ret_signer, struct diag *);

/* Verifies under one public key. */
struct verifier;
MUST_USE enum err verifier_new(const struct public_key *,
    struct verifier **ret_verifier, struct diag *);
void	verifier_free(struct verifier **);
#define _cleanup_verifier_ __attribute__((cleanup(verifier_free)))
/* ret_good false: the signature is bad; an error: could not decide. */
MUST_USE enum err verifier_check_digest(struct verifier *,
    const uint8_t digest[SHA256_SIZE], struct bytes sig, bool *ret_good);
MUST_USE enum err verifier_check(struct verifier *, struct bytes message,
    struct bytes sig, bool *ret_good);

/*
 * ECDSA signatures between r || s and the DER of X.509 (RFC 3279 2.2.3).
 * DER is at most 72 bytes.
 */
#define ECDSA_DER_MAX	72
size_t	ecdsa_to_der(const uint8_t raw[SIGNATURE_SIZE],
	    uint8_t ret_der[ECDSA_DER_MAX]);
/* Strict: minimal integers, nothing after them. ERR_SYNTAX. */
MUST_USE enum err ecdsa_from_der(struct bytes der,
    uint8_t ret_raw[SIGNATURE_SIZE]);

/* SubjectPublicKeyInfo DER (RFC 5480, RFC 8410), appended. */
void	public_key_put_spki(struct buf *, const struct public_key *);
/* ERR_SYNTAX, ERR_UNSUPPORTED for other algorithms, ERR_INVALID. */
MUST_USE enum err public_key_from_spki(struct bytes der,
    struct public_key *ret_public, struct diag *);
/* PKCS#8 PEM of a private key (RFC 5958), unencrypted, into a secret. */
MUST_USE enum err private_key_put_pem(enum key_alg, struct bytes private,
    struct secret *out, struct diag *);

#endif
