/*
 * COSE_Sign1 and COSE_Key (RFC 9052, 9053, 8230, 9964), of every algorithm
 * that signs.
 *
 * Messages carry tag 18. Protected headers used: alg (1), kid (4), typ (16,
 * RFC 9596), x5chain (33, RFC 9360), x5t (34); unprotected: none, except that
 * a reader passes over an unprotected map it does not understand. crit (2) is
 * refused unless every label it lists is understood.
 */
#ifndef IMPRINT_CRYPTO_COSE_H
#define IMPRINT_CRYPTO_COSE_H

#include "lib/base/buf.h"
#include "lib/base/cbor.h"
#include "lib/crypto/key.h"

#define COSE_KID_SIZE	32	/* our kids: SHA-256 thumbprints */
#define COSE_TYP_MAX	80

/* A parsed message; every view points into the input. */
struct cose_sign1 {
	struct bytes	protected;	/* the bstr's content */
	struct bytes	unprotected;	/* the map, checked CBOR */
	enum cose_alg	alg;
	struct bytes	kid;		/* empty: absent */
	struct bytes	typ;		/* text; empty: absent */
	struct bytes	x5chain;	/* item, not looked into; empty:
					 * absent */
	struct bytes	payload;
	struct bytes	signature;	/* as long as alg's are */
};

/* ERR_SYNTAX, ERR_UNSUPPORTED (algorithm, crit); diag says where. */
MUST_USE enum err cose_sign1_parse(struct bytes, struct cose_sign1 *ret_msg,
    struct diag *);
/* The same of a message without its payload (nil); the caller has it, and
 * puts it into ret_msg before verifying. */
MUST_USE enum err cose_sign1_parse_detached(struct bytes,
    struct cose_sign1 *ret_msg, struct diag *);
/* Is the signature right for this key? external_aad may be empty. */
MUST_USE enum err cose_sign1_verify(const struct cose_sign1 *,
    struct verifier *, enum key_alg, struct bytes external_aad,
    struct sha256 *, bool *ret_good);
/* Encode and sign: kid and typ as above, both required. */
MUST_USE enum err cose_sign1_sign(struct buf *out, struct signer *,
    struct bytes kid, const char *typ, struct bytes payload,
    struct bytes external_aad, struct diag *);
/* The same with x5chain of one certificate (DER) in place of the kid, as
 * devices identify themselves. */
MUST_USE enum err cose_sign1_sign_x5chain(struct buf *out, struct signer *,
    const char *typ, struct bytes leaf, struct bytes payload, struct diag *);
/* The certificate that comes first. ERR_SYNTAX; ERR_NOTFOUND: none. */
MUST_USE enum err cose_x5chain_leaf(const struct cose_sign1 *,
    struct bytes *ret_leaf, struct diag *);
/* The at most max that follow it, views. ERR_LIMIT: there are more. */
MUST_USE enum err cose_x5chain_rest(const struct cose_sign1 *, size_t max,
    struct bytes *ret_rest, size_t *ret_count, struct diag *);
/* The signature alone, for a message put together by the caller. */
MUST_USE enum err cose_sign1_signature(struct signer *,
    struct bytes protected, struct bytes payload,
    uint8_t ret_sig[SIGNATURE_SIZE]);
/* The protected header map's encoding alone, for templates. */
void	cose_put_protected(struct buf *, enum cose_alg, struct bytes kid,
	    const char *typ);

/* COSE_Key, public part; deterministic. EC2 carries x and y. */
void	cose_key_put(struct buf *, const struct public_key *);
/* COSE_Key with the private key, into secret memory; ERR_UNSUPPORTED for
 * RSA, whose private keys have no COSE_Key here. */
MUST_USE enum err cose_key_put_private(struct secret *,
    const struct public_key *, struct bytes private);
/* ret_private: empty when it holds none. ERR_SYNTAX, ERR_INVALID,
 * ERR_UNSUPPORTED (kind of key; RSA's private numbers). */
MUST_USE enum err cose_key_parse(struct bytes, struct public_key *ret_public,
    struct bytes *ret_private, struct diag *);
/* SHA-256 thumbprint (RFC 9679). */
MUST_USE enum err cose_key_thumbprint(const struct public_key *,
    uint8_t ret_kid[COSE_KID_SIZE]);

#endif
