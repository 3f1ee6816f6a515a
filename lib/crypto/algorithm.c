#include "lib/crypto/algorithm.h"

#include "lib/crypto/ossl.h"

#define OCTETS(...) {							\
	(const uint8_t[]){ __VA_ARGS__ },				\
	sizeof((const uint8_t[]){ __VA_ARGS__ })			\
}

/* Octets of DER (X.690) and CBOR (RFC 8949 3) */
#define SEQ		0x30
#define INT		0x02
#define BITS		0x03
#define OCT		0x04
#define NIL		0x05, 0x00
#define OID		0x06
#define LONG(n)		0x82, (n) / 256, (n) % 256

#define EC_PUBLIC	OID, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01
#define PRIME256V1	OID, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
#define SECP384R1	OID, 5, 0x2b, 0x81, 0x04, 0x00, 0x22
#define RSA_ENCRYPTION	OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 1, 1
#define NIST_SIGN(n)	OID, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 3, n

/* COSE_Key: kty (1), alg (3), crv (-1); labels of what follows (RFC 9053 7,
 * RFC 8230 4, RFC 9964 2) */
#define COSE_EC2(crv)	OCTETS(0xa4, 0x01, 0x02, 0x20, crv, 0x21)
#define COSE_OKP(crv)	OCTETS(0xa3, 0x01, 0x01, 0x20, crv, 0x21)
#define COSE_RSA	OCTETS(0xa3, 0x01, 0x03, 0x20)
#define COSE_RSA_E	OCTETS(0x21, 0x43, 0x01, 0x00, 0x01)
#define COSE_AKP(alg)	OCTETS(0xa3, 0x01, 0x07, 0x03, 0x38, -1 - (alg), 0x20)

/* RSAPublicKey (RFC 8017 A.1.1) around a modulus of n octets, its first bit
 * set. */
#define RSA_HEAD(n)	OCTETS(SEQ, LONG((n) + 10), INT, LONG((n) + 1), 0x00)
#define RSA_TAIL	OCTETS(INT, 3, 0x01, 0x00, 0x01)

/*
 * AlgorithmIdentifiers: RFC 5480 2.1.1, RFC 8410 3 (no parameters), RFC 3279
 * 2.3.1 (NULL), RFC 9881 2 (none). Private keys: RFC 5915 3, RFC 8410 7, RFC
 * 9881 6 (the seed alone).
 */
static const struct key_algorithm rows[] = {
	{
	    .alg = KEY_P256,
	    .kind = KEY_EC,
	    .name = "P-256",
	    .can = KEY_SIGNS | KEY_AGREES,
	    .private_max = 32,
	    .public_len = 65,
	    .stored_len = 33,
	    .signature_len = 64,
	    .cose_alg = COSE_ES256,
	    .cose_name = "ES256",
	    .cose_head = COSE_EC2(1),
	    .x_at = 1,
	    .x_len = 32,
	    .y_len = 32,
	    .cose_private = 0x23,
	    .identifier = OCTETS(SEQ, 19, EC_PUBLIC, PRIME256V1),
	    .private_head = OCTETS(SEQ, 107, INT, 1, 1, OCT, 32),
	    .public_head = OCTETS(0xa1, 68, BITS, 66, 0x00),
	},
	{
	    .alg = KEY_P384,
	    .kind = KEY_EC,
	    .name = "P-384",
	    .can = KEY_SIGNS | KEY_AGREES,
	    .private_max = 48,
	    .public_len = 97,
	    .stored_len = 49,
	    .signature_len = 96,
	    .cose_alg = COSE_ES384,
	    .cose_name = "ES384",
	    .cose_head = COSE_EC2(2),
	    .x_at = 1,
	    .x_len = 48,
	    .y_len = 48,
	    .cose_private = 0x23,
	    .identifier = OCTETS(SEQ, 16, EC_PUBLIC, SECP384R1),
	    .private_head = OCTETS(SEQ, 0x81, 155, INT, 1, 1, OCT, 48),
	    .public_head = OCTETS(0xa1, 100, BITS, 98, 0x00),
	},
	{
	    .alg = KEY_ED25519,
	    .kind = KEY_OKP,
	    .name = "Ed25519",
	    .can = KEY_SIGNS,
	    .private_max = 32,
	    .public_len = 32,
	    .stored_len = 32,
	    .signature_len = 64,
	    .cose_alg = COSE_EDDSA,
	    .cose_name = "EdDSA",
	    .cose_head = COSE_OKP(6),
	    .x_len = 32,
	    .cose_private = 0x23,
	    .identifier = OCTETS(SEQ, 5, OID, 3, 0x2b, 0x65, 0x70),
	    .private_head = OCTETS(OCT, 32),
	},
	{
	    .alg = KEY_X25519,
	    .kind = KEY_OKP,
	    .name = "X25519",
	    .can = KEY_AGREES,
	    .private_max = 32,
	    .public_len = 32,
	    .stored_len = 32,
	    .cose_head = COSE_OKP(4),
	    .x_len = 32,
	    .cose_private = 0x23,
	    .identifier = OCTETS(SEQ, 5, OID, 3, 0x2b, 0x65, 0x6e),
	    .private_head = OCTETS(OCT, 32),
	},
	{
	    .alg = KEY_RSA2048,
	    .kind = KEY_RSA,
	    .name = "RSA-2048",
	    .can = KEY_SIGNS | KEY_DECRYPTS,
	    .private_max = 1200,
	    .public_len = 256,
	    .stored_len = 256,
	    .signature_len = 256,
	    .cose_alg = COSE_PS256,
	    .cose_name = "PS256",
	    .cose_head = COSE_RSA,
	    .cose_tail = COSE_RSA_E,
	    .x_len = 256,
	    .identifier = OCTETS(SEQ, 13, RSA_ENCRYPTION, NIL),
	    .bits_head = RSA_HEAD(256),
	    .bits_tail = RSA_TAIL,
	},
	{
	    .alg = KEY_RSA3072,
	    .kind = KEY_RSA,
	    .name = "RSA-3072",
	    .can = KEY_SIGNS | KEY_DECRYPTS,
	    .private_max = KEY_PRIVATE_MAX,
	    .public_len = 384,
	    .stored_len = 384,
	    .signature_len = 384,
	    .cose_alg = COSE_PS256,
	    .cose_name = "PS256",
	    .cose_head = COSE_RSA,
	    .cose_tail = COSE_RSA_E,
	    .x_len = 384,
	    .identifier = OCTETS(SEQ, 13, RSA_ENCRYPTION, NIL),
	    .bits_head = RSA_HEAD(384),
	    .bits_tail = RSA_TAIL,
	},
	{
	    .alg = KEY_MLDSA44,
	    .kind = KEY_MLDSA,
	    .name = "ML-DSA-44",
	    .can = KEY_SIGNS,
	    .private_max = 32,
	    .public_len = 1312,
	    .stored_len = 1312,
	    .signature_len = 2420,
	    .cose_alg = COSE_ML_DSA_44,
	    .cose_name = "ML-DSA-44",
	    .cose_head = COSE_AKP(COSE_ML_DSA_44),
	    .x_len = 1312,
	    .cose_private = 0x21,
	    .identifier = OCTETS(SEQ, 11, NIST_SIGN(17)),
	    .private_head = OCTETS(0x80, 32),
	    .needs = "3.5",
	},
	{
	    .alg = KEY_MLDSA65,
	    .kind = KEY_MLDSA,
	    .name = "ML-DSA-65",
	    .can = KEY_SIGNS,
	    .private_max = 32,
	    .public_len = KEY_PUBLIC_MAX,
	    .stored_len = KEY_PUBLIC_MAX,
	    .signature_len = SIGNATURE_MAX,
	    .cose_alg = COSE_ML_DSA_65,
	    .cose_name = "ML-DSA-65",
	    .cose_head = COSE_AKP(COSE_ML_DSA_65),
	    .x_len = KEY_PUBLIC_MAX,
	    .cose_private = 0x21,
	    .identifier = OCTETS(SEQ, 11, NIST_SIGN(18)),
	    .private_head = OCTETS(0x80, 32),
	    .needs = "3.5",
	},
};
#define ROW_COUNT	(sizeof(rows) / sizeof(rows[0]))

const struct key_algorithm *
key_algorithm_at(size_t n)
{
	return n < ROW_COUNT ? &rows[n] : NULL;
}

const struct key_algorithm *
key_algorithm(enum key_alg alg)
{
	size_t i;

	for (i = 0; i < ROW_COUNT; i++)
		if (rows[i].alg == alg)
			return &rows[i];
	return NULL;
}

const struct key_algorithm *
key_algorithm_by_cose(int64_t cose_alg)
{
	size_t i;

	for (i = 0; i < ROW_COUNT; i++)
		if (rows[i].signature_len > 0 && rows[i].cose_alg == cose_alg)
			return &rows[i];
	return NULL;
}

const char *
key_alg_name(enum key_alg alg)
{
	const struct key_algorithm *a = key_algorithm(alg);

	return a == NULL ? NULL : a->name;
}

enum err
key_alg_by_name(const char *name, enum key_alg *ret_alg)
{
	size_t i;

	for (i = 0; i < ROW_COUNT; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			*ret_alg = rows[i].alg;
			return ERR_OK;
		}
	}
	return ERR_NOTFOUND;
}

enum err
key_alg_available(enum key_alg alg, struct diag *diag)
{
	const struct key_algorithm *a = key_algorithm(alg);
	EVP_KEYMGMT *management;

	if (a == NULL)
		return diag_fail(diag, ERR_INVALID, NULL,
		    "key: unknown algorithm %d", (int)alg);
	if (a->needs == NULL)
		return ERR_OK;
	management = EVP_KEYMGMT_fetch(NULL, a->name, NULL);
	EVP_KEYMGMT_free(management);
	ERR_clear_error();
	if (management != NULL)
		return ERR_OK;
	(void)diag_fail(diag, ERR_UNSUPPORTED, NULL,
	    "%s needs OpenSSL %s or later; this is OpenSSL %s", a->name,
	    a->needs, OpenSSL_version(OPENSSL_VERSION_STRING));
	diag_hint(diag, "choose another algorithm, or run this where OpenSSL"
	    " %s is installed (Debian 13)", a->needs);
	return ERR_UNSUPPORTED;
}
