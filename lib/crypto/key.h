/*
 * Key pairs, signing and verifying. OpenSSL does the mathematics; nothing
 * of it shows here. Every object belongs to one thread.
 *
 * Raw forms (all of constant length but RSA's private one):
 *
 *		private				public
 * P-256, P-384	big-endian scalar		uncompressed point (SEC 1
 *						2.3.3)
 * X25519,	RFC 7748, RFC 8032		the same
 *   Ed25519
 * RSA		RSAPrivateKey, DER (RFC 8017	modulus, big-endian, its
 *		A.1.2), two primes		first bit set; exponent 65537
 * ML-DSA	seed xi (FIPS 204 5.1)		pk (FIPS 204 5.1)
 *
 * Signatures: ECDSA r || s (RFC 9053 2.1) over SHA-256, with P-384 over
 * SHA-384; RSA PSS with SHA-256 and a salt of 32 octets (RFC 8230 2); ML-DSA
 * without context.
 */
#ifndef IMPRINT_CRYPTO_KEY_H
#define IMPRINT_CRYPTO_KEY_H

#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/base/secret.h"
#include "lib/crypto/algorithm.h"
#include "lib/crypto/hash.h"

#define KEY_PRIVATE_SIZE	32	/* of P-256, X25519, Ed25519 */
#define SIGNATURE_SIZE		64	/* of P-256, Ed25519 */

/* A public key by value; only len octets of raw mean something. */
struct public_key {
	enum key_alg	alg;
	size_t		len;
	uint8_t		raw[KEY_PUBLIC_MAX];
};

/* What raw is worth, and no more: raw is large. */
static inline void
public_key_copy(struct public_key *to, const struct public_key *from)
{
	to->alg = from->alg;
	to->len = from->len;
	memcpy(to->raw, from->raw, from->len);
}

static inline bool
public_key_equal(const struct public_key *a, const struct public_key *b)
{
	return a->alg == b->alg &&
	    bytes_equal(bytes_of(a->raw, a->len), bytes_of(b->raw, b->len));
}

/* Makes key pairs of one algorithm, its context set up once. Also
 * ERR_UNSUPPORTED, as key_alg_available(). */
struct keygen;
MUST_USE enum err keygen_new(enum key_alg, struct keygen **ret_keygen,
    struct diag *);
void	keygen_free(struct keygen **);
#define _cleanup_keygen_ __attribute__((cleanup(keygen_free)))
/*
 * private: private_max octets of the algorithm, in secret memory the caller
 * owns. RSA takes 0.1 to 1 s. ERR_CRYPTO.
 */
MUST_USE enum err keygen_run(struct keygen *, struct public_key *ret_public,
    uint8_t *private, size_t *ret_private_len);

/* One key pair, for the odd one. ret_private: SECRET_INIT. */
MUST_USE enum err key_pair_make(enum key_alg, struct public_key *ret_public,
    struct secret *ret_private, struct diag *);

/* The public key of a raw private one. ERR_INVALID when it is no key, for RSA
 * also when its numbers do not belong together or are encoded otherwise. */
MUST_USE enum err key_derive_public(enum key_alg, struct bytes private,
    struct public_key *ret_public, struct diag *);
/*
 * Is raw a valid public key: right length, on the curve, of X25519 and
 * Ed25519 not one of the small-order points, of RSA an odd modulus of all its
 * bits? ERR_INVALID says why.
 */
MUST_USE enum err public_key_check(enum key_alg, struct bytes raw,
    struct public_key *ret_public, struct diag *);

/*
 * The public key as it is stored, in stored_len octets: points compressed
 * (SEC 1 2.3.3), others raw. The way back is ERR_CORRUPT when there is no
 * such point or length.
 */
void	public_key_put_stored(struct buf *, const struct public_key *);
MUST_USE enum err public_key_from_stored(enum key_alg, struct bytes stored,
    struct public_key *ret_public);

/* Signs with one key. */
struct signer;
/* A signer on a raw private key. ERR_INVALID: not one that signs. */
MUST_USE enum err signer_new(enum key_alg, struct bytes private,
    struct signer **ret_signer, struct diag *);
void	signer_free(struct signer **);
#define _cleanup_signer_ __attribute__((cleanup(signer_free)))
enum key_alg signer_alg(const struct signer *);
const struct public_key *signer_public(const struct signer *);
/* P-256 only: ECDSA over a SHA-256 digest. ERR_CRYPTO. */
MUST_USE enum err signer_sign_digest(struct signer *,
    const uint8_t digest[SHA256_SIZE], uint8_t ret_sig[SIGNATURE_SIZE]);
/* Over the message; ret_sig: signature_len octets of the algorithm. */
MUST_USE enum err signer_sign(struct signer *, struct bytes message,
    uint8_t *ret_sig);

/*
 * For keys that live elsewhere (an HSM): a signer is this table. The
 * keystore makes them; signer_free() calls free(state).
 */
struct signer_ops {
	/* ECDSA P-256 over a digest, all others over a message */
	enum err	(*sign)(void *state, struct bytes input,
			    uint8_t *ret_sig);
	void		(*free)(void *state);
};
MUST_USE enum err signer_new_ops(const struct signer_ops *, void *state,
    const struct public_key *, struct signer **ret_signer, struct diag *);

/* Verifies under one public key. */
struct verifier;
MUST_USE enum err verifier_new(const struct public_key *,
    struct verifier **ret_verifier, struct diag *);
/* The same for the next key of many: *verifier is NULL or was made before,
 * and is NULL after an error. */
MUST_USE enum err verifier_renew(struct verifier **verifier,
    const struct public_key *, struct diag *);
void	verifier_free(struct verifier **);
#define _cleanup_verifier_ __attribute__((cleanup(verifier_free)))
/* P-256 only. ret_good false: the signature is bad; an error: could not
 * decide. */
MUST_USE enum err verifier_check_digest(struct verifier *,
    const uint8_t digest[SHA256_SIZE], struct bytes sig, bool *ret_good);
/* Of every algorithm that signs. */
MUST_USE enum err verifier_check(struct verifier *, struct bytes message,
    struct bytes sig, bool *ret_good);

/*
 * P-256 ECDSA signatures between r || s and the DER of X.509 (RFC 3279 2.2.3).
 * DER is at most 72 bytes.
 */
#define ECDSA_DER_MAX	72
size_t	ecdsa_to_der(const uint8_t raw[SIGNATURE_SIZE],
	    uint8_t ret_der[ECDSA_DER_MAX]);
/* Strict: minimal integers, nothing after them. ERR_SYNTAX. */
MUST_USE enum err ecdsa_from_der(struct bytes der,
    uint8_t ret_raw[SIGNATURE_SIZE]);

/* SubjectPublicKeyInfo DER (RFC 5480, 8410, 3279, 9881), appended. */
void	public_key_put_spki(struct buf *, const struct public_key *);
/* ERR_SYNTAX, ERR_UNSUPPORTED for other algorithms, ERR_INVALID. */
MUST_USE enum err public_key_from_spki(struct bytes der,
    struct public_key *ret_public, struct diag *);
/* PKCS#8 of a private key (RFC 5958), unencrypted, appended to a secret: DER,
 * and PEM. A secret without room gets it. */
MUST_USE enum err private_key_put_der(enum key_alg, struct bytes private,
    struct secret *out, struct diag *);
MUST_USE enum err private_key_put_pem(enum key_alg, struct bytes private,
    struct secret *out, struct diag *);

#endif
