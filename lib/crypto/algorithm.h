/*
 * The algorithms of key pairs. A row says everything in which they differ,
 * so that nobody else has to ask which one it is.
 *
 * The authority's own keys are P-256, X25519 and Ed25519; devices have keys
 * of all of them.
 */
#ifndef IMPRINT_CRYPTO_ALGORITHM_H
#define IMPRINT_CRYPTO_ALGORITHM_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/diag.h"

/* These numbers stand in products, templates and packages, for ever. */
enum key_alg {
	KEY_P256 = 1,
	KEY_X25519 = 2,
	KEY_ED25519 = 3,
	KEY_P384 = 4,
	KEY_RSA2048 = 5,
	KEY_RSA3072 = 6,
	KEY_MLDSA44 = 7,
	KEY_MLDSA65 = 8
};

/* How their mathematics is asked for. */
enum key_kind {
	KEY_EC = 1,	/* SEC 1, SP 800-186 */
	KEY_OKP = 2,	/* RFC 7748, RFC 8032 */
	KEY_RSA = 3,	/* RFC 8017, exponent 65537 */
	KEY_MLDSA = 4	/* FIPS 204 */
};

/* What a key can do. */
enum {
	KEY_SIGNS = 1 << 0,
	KEY_AGREES = 1 << 1,	/* Diffie-Hellman */
	KEY_DECRYPTS = 1 << 2	/* key transport */
};

/* RFC 9053 2, RFC 8812 2, RFC 9964 3 */
enum cose_alg {
	COSE_ES256 = -7,
	COSE_EDDSA = -8,
	COSE_ES384 = -35,
	COSE_PS256 = -37,
	COSE_ML_DSA_44 = -48,
	COSE_ML_DSA_65 = -49
};

#define KEY_PRIVATE_MAX		1800	/* RSA-3072 */
#define KEY_PUBLIC_MAX		1952	/* ML-DSA-65 */
#define SIGNATURE_MAX		3309	/* ML-DSA-65 */

struct key_algorithm {
	enum key_alg	 alg;
	enum key_kind	 kind;
	const char	*name;		/* as people and OpenSSL call it */
	unsigned	 can;		/* KEY_SIGNS, ... */
	size_t		 private_max;	/* octets; exactly, but for RSA */
	size_t		 public_len;
	size_t		 stored_len;	/* of the stored public key */
	size_t		 signature_len;	/* 0: does not sign */
	enum cose_alg	 cose_alg;	/* it signs with; 0: none */
	const char	*cose_name;
	/*
	 * COSE_Key: cose_head, up to a byte string of x_len octets of the
	 * raw public key from x_at on; for EC label -3 and the y_len octets
	 * after these; cose_tail. A private key has one pair more, its label
	 * the octet cose_private (0: not written).
	 */
	struct bytes	 cose_head, cose_tail;
	size_t		 x_at, x_len, y_len;
	uint8_t		 cose_private;
	/*
	 * SubjectPublicKeyInfo: AlgorithmIdentifier, and what stands around
	 * the raw key in the bit string. PKCS#8: what stands before the
	 * private key in the octet string and, where public_head is not
	 * empty, before the public one after it.
	 */
	struct bytes	 identifier;
	struct bytes	 bits_head, bits_tail;
	struct bytes	 private_head, public_head;
	const char	*needs;		/* OpenSSL's version; NULL: any */
};

/* The row of a number; NULL when it is none. */
const struct key_algorithm *key_algorithm(enum key_alg);
/* Row n, in the order people are told them; NULL when there are no more. */
const struct key_algorithm *key_algorithm_at(size_t n);
/* The row that signs with this COSE algorithm, the first for RSA; NULL. */
const struct key_algorithm *key_algorithm_by_cose(int64_t cose_alg);

/* "P-256", "RSA-3072"; NULL for a number that is none. */
const char *key_alg_name(enum key_alg);
/* The reverse; ERR_NOTFOUND. */
MUST_USE enum err key_alg_by_name(const char *, enum key_alg *ret_alg);
/* Can the installed OpenSSL do it? ERR_UNSUPPORTED names what is needed. */
MUST_USE enum err key_alg_available(enum key_alg, struct diag *);

#endif
