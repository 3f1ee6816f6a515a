/*
 * Claim numbers of the identity document and the form of its claims set.
 *
 * The claims set is deterministic CBOR: a CWT (RFC 8392) with EAT claims
 * (RFC 9711). Private claims are below -65536.
 */
#ifndef IMPRINT_IDENTITY_CLAIMS_H
#define IMPRINT_IDENTITY_CLAIMS_H

#include "lib/base/form.h"
#include "lib/identity/index.h"
#include "lib/policy/name.h"

enum claim {
	CLAIM_ISS = 1,
	CLAIM_EXP = 4,
	CLAIM_NBF = 5,
	CLAIM_IAT = 6,
	CLAIM_CTI = 7,		/* the salt */
	CLAIM_CNF = 8,		/* RFC 8747 3.1: {1: COSE_Key} */
	CLAIM_SCOPE = 9,	/* bstr of AIF (RFC 9237) */
	CLAIM_UEID = 256,
	CLAIM_SUEIDS = 257,	/* RFC 9711 4.2.2: {kind: UEID} */
	CLAIM_OEMID = 258,
	CLAIM_HWMODEL = 259,
	CLAIM_HWVERSION = 260,
	CLAIM_EAT_PROFILE = 265,
	CLAIM_SWNAME = 270,
	CLAIM_SWVERSION = 271,
	CLAIM_STATUS = 65535,	/* {"status_list": {"idx", "uri"}} */
	CLAIM_CAPABILITIES = -66001,	/* {object: bits} */
	CLAIM_KEYSET = -66002,	/* [{KEYSET_...}] */
	CLAIM_ANCHORS = -66003,	/* {purpose: [{ANCHOR_...}]} */
	CLAIM_PRODUCT = -66004,	/* SHA-256 of the product definition */
	CLAIM_POLICY = -66005,	/* policy version */
	CLAIM_NAMES = -66006	/* {kind: text} */
};

enum keyset_label {
	KEYSET_SLOT = 1,
	KEYSET_PURPOSE = 2,	/* enum product_purpose */
	KEYSET_KEY = 3,		/* COSE_Key, or ... */
	KEYSET_X5CHAIN = 4,	/* ... the leaf certificate */
	KEYSET_MAKER = 5	/* enum product_maker: who made the key */
};

enum anchor_label {
	ANCHOR_KEY = 1,		/* COSE_Key */
	ANCHOR_X5T = 2		/* [-16, SHA-256 of a certificate] */
};

#define EAT_PROFILE		"tag:imprint.example,2026:identity/1"
#define DOCUMENT_TYP		"application/eat+cwt"
#define POLICY_VERSION		1
#define STATUS_LIST_BITS	20	/* indices of one status list, log2 */

/* Fields of a claims form. */
enum claims_field {
	CLAIMS_FIELD_EXP = 0,		/* 8 octets big-endian, as all times */
	CLAIMS_FIELD_IAT = 1,
	CLAIMS_FIELD_SALT = 2,
	CLAIMS_FIELD_UEID = 3,
	CLAIMS_FIELD_STATUS_IDX = 4,	/* 8 octets */
	CLAIMS_FIELD_STATUS_URI = 5,	/* text */
	CLAIMS_FIELD_NAME = 8,		/* text; + number of the name */
	CLAIMS_FIELD_X = 16,		/* of key_algorithm; + slot */
	CLAIMS_FIELD_Y = 24,		/* of EC; + slot */
	CLAIMS_FIELD_CERT = 32,		/* DER; + slot */
	CLAIMS_FIELD_SUEID = 40,	/* UEID; + number of the name */
	CLAIMS_FIELDS = 48
};

/* What the ecosystem adds to a product. */
struct claims_issuer {
	const char	*issuer;		/* iss */
	uint8_t		 root_hash[SHA256_SIZE]; /* of the root's DER */
};

MUST_USE enum err claims_form(const struct product *,
    const uint8_t product_hash[SHA256_SIZE], const struct claims_issuer *,
    struct form **ret_form, struct diag *);

#endif
